use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::log::merkle::{
    Leaves, consistency_proof, inclusion_proof, leaf_hash, root_at, verify_consistency, verify_inclusion,
};

#[derive(Debug, PartialEq, thiserror::Error)]
enum Fault {
    #[error(transparent)]
    Tile(#[from] TileFault),
    #[error(transparent)]
    Merkle(#[from] MerkleFault),
}

fn leaves(count: u64) -> Vec<TreeHash> {
    (0..count).map(|at| leaf_hash(&at.to_be_bytes())).collect()
}

/// All tiles that a log has ever written, and its tiler.
fn grow(leaves: &[TreeHash]) -> (BTreeMap<String, Vec<u8>>, Tiler) {
    let mut files = BTreeMap::new();
    let mut tiler = Tiler::new();
    for leaf in leaves {
        tiler.push(*leaf, |tile, hashes| {
            files.insert(tile.to_string(), tile_bytes(hashes));
        });
    }
    files.extend(tiler.partial().map(|(tile, hashes)| (tile.to_string(), tile_bytes(hashes))));
    (files, tiler)
}

#[test]
fn log_11_the_paths_of_the_specification() {
    let size = 1_234_068 * 256;
    let tile = Tile::at(Holds::Hashes(0), 1_234_067, size).expect("a tile");
    assert_eq!(tile.to_string(), "tile/0/x001/x234/067");
    let tile = Tile::at(Holds::Records, 1_234_067, size - 1).expect("a tile");
    assert_eq!(tile.to_string(), "tile/entries/x001/x234/067.p/255");
    assert_eq!(Tile::at(Holds::Hashes(0), 1000, 256_001).expect("a tile").to_string(), "tile/0/x001/000.p/1");
    assert_eq!(Tile::at(Holds::Hashes(0), 1_234_068, size), None);

    // "A tree of size 70,000 will be represented by 273 full level 0 tiles, one partial level 0 tile of width 112,
    // one full level 1 tile, one partial level 1 tile of width 17, and one partial level 2 tile of width 1."
    let count = |level, width| {
        Tile::all(70_000).filter(|tile| tile.holds == Holds::Hashes(level) && tile.width == width).count()
    };
    assert_eq!([count(0, 256), count(0, 112), count(1, 256), count(1, 17), count(2, 1)], [273, 1, 1, 1, 1]);
    assert_eq!(Tile::all(70_000).filter(|tile| tile.holds != Holds::Records).count(), 277);
    let small: Vec<String> = Tile::all(256).map(|tile| tile.to_string()).collect();
    assert_eq!(small, ["tile/0/000", "tile/1/000.p/1", "tile/entries/000"]);
    assert_eq!(Tile::all(0).count(), 0);
    assert_eq!(Tile::at(Holds::Hashes(0), 0, u64::MAX), None);
    assert_eq!(Tile::at(Holds::Hashes(200), 0, LARGEST_TREE), None);
}

#[test]
fn log_11_only_the_one_spelling_of_a_path_is_read() {
    for path in ["tile/0/000", "tile/63/x001/x234/067.p/8", "tile/entries/x001/000.p/255"] {
        assert_eq!(path.parse::<Tile>().expect("a path").to_string(), path);
    }
    for path in [
        "",
        "tile",
        "tile/",
        "tile/0",
        "tile/0/",
        "tile/0/0",
        "tile/0/0000",
        "tile/0/x000/000",
        "tile/0/001/000",
        "tile/0/x001",
        "tile/64/000",
        "tile/00/000",
        "tile/+1/000",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/01",
        "tile/0/000.p/",
        "tile/0/-01",
        "tile/0/../000",
        "/tile/0/000",
        "tile/0/000/",
        "tile/1e/000",
        "tile/0/x999/x999/x999/x999/x999/x999/999",
    ] {
        assert_eq!(path.parse::<Tile>(), Err(TileFault::MalformedPath), "{path}");
    }
}

#[test]
fn log_11_tiles_give_the_roots_and_proofs_of_the_tree() -> Result<(), Fault> {
    let all = leaves(70_000);
    let mut frontier = Frontier::new();
    for size in [0, 1, 255, 256, 257, 511, 65_535, 65_536, 65_537, 70_000_u64] {
        let tree = &all[..size as usize];
        tree[frontier.size() as usize..].iter().for_each(|leaf| frontier.push(*leaf));
        let (files, tiler) = grow(tree);
        let expected: Vec<String> = Tile::all(size)
            .filter(|tile| tile.holds != Holds::Records)
            .map(|tile| tile.to_string())
            .collect();
        assert_eq!(files.keys().len(), expected.len());
        assert!(expected.iter().all(|path| files.contains_key(path)), "{size}");
        assert_eq!(tiler.frontier()?, frontier);
        let read = |tile: &Tile| -> Result<Vec<u8>, Fault> { Ok(files[&tile.to_string()].clone()) };
        assert_eq!(Tiler::load(size, read)?, tiler);
        let mut tiles = Tiles::new(size, read);
        let root = frontier.root();
        assert_eq!(root_at(size, &mut tiles)?, root);
        for index in [0, 1, 255, 256, size / 2, size.saturating_sub(1)] {
            if index < size {
                let proof = inclusion_proof(index, size, &mut tiles)?;
                assert_eq!(Ok(&proof), inclusion_proof(index, size, &mut Leaves(tree)).as_ref());
                verify_inclusion(&all[index as usize], index, size, &proof, &root)?;
            }
        }
        for older in [0, 1, 3, 256, 300, size / 3, size] {
            if older <= size {
                let proof = consistency_proof(older, size, &mut tiles)?;
                let before = root_at(older, &mut tiles)?;
                verify_consistency(older, &before, size, &root, &proof)?;
            }
        }
        assert!(inclusion_proof(size, size, &mut tiles).is_err());
    }
    Ok(())
}

#[test]
fn log_11_a_tile_of_another_length_is_refused() {
    let tile = Tile::at(Holds::Hashes(0), 0, 3).expect("a tile");
    for length in [0, 31, 64, 95, 97, 128] {
        assert_eq!(tile.hashes(&vec![0; length]), Err(TileFault::TileLength), "{length}");
    }
    assert!(tile.hashes(&[0; 96]).is_ok());
}

#[test]
fn log_12_a_bundle_holds_its_records_and_no_more() {
    let records: Vec<Vec<u8>> = vec![b"one".to_vec(), Vec::new(), vec![7; LARGEST_ENTRY]];
    let mut bundle = Vec::new();
    for record in &records {
        bundle_record(&mut bundle, record).expect("short enough");
    }
    let tile = |size| Tile::at(Holds::Records, 0, size).expect("a bundle");
    assert_eq!(tile(3).records(&bundle).expect("records"), records);
    assert_eq!(tile(2).records(&bundle), Err(TileFault::BundleLength));
    assert_eq!(tile(4).records(&bundle), Err(TileFault::BundleLength));
    for cut in [0, 1, 2, 4, 6, 8, bundle.len() - 1] {
        assert_eq!(tile(3).records(&bundle[..cut]), Err(TileFault::BundleLength), "{cut}");
    }
    let long = vec![0; LARGEST_ENTRY + 1];
    assert_eq!(bundle_record(&mut bundle, &long), Err(TileFault::RecordTooLong));
}

proptest! {
    #[test]
    fn log_12_arbitrary_bytes_are_refused_or_written_back(bytes: Vec<u8>, size in 1_u64..5) {
        let tile = Tile::at(Holds::Records, 0, size).expect("a bundle");
        if let Ok(records) = tile.records(&bytes) {
            let mut again = Vec::new();
            for record in records {
                bundle_record(&mut again, record).expect("as it was");
            }
            prop_assert_eq!(again, bytes);
        }
    }

    #[test]
    fn log_11_any_index_has_a_path_that_is_read_back(index: u64, shift in 0_u32..64, level in 0_u8..8, wide: u16) {
        let (index, width) = ((index >> shift) / 512, u64::from(wide % 256) + 1);
        let size = u128::from(index * 256 + width) << (8 * level);
        let tile = u64::try_from(size).ok().and_then(|size| Tile::at(Holds::Hashes(level), index, size));
        if let Some(tile) = tile {
            prop_assert_eq!(u64::from(tile.width()), width);
            prop_assert_eq!(tile.to_string().parse(), Ok(tile));
        }
    }

    #[test]
    fn log_11_arbitrary_paths_are_refused_or_written_back(path in "tile/(entries|[0-9]{1,2})/(x?[0-9]{1,4}/?){0,4}(\\.p/[0-9]{0,3})?") {
        if let Ok(tile) = path.parse::<Tile>() {
            prop_assert_eq!(tile.to_string(), path);
        }
    }
}
