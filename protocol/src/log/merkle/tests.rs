use proptest::prelude::*;

use super::*;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn leaves(count: u64) -> Vec<TreeHash> {
    (0..count).map(|at| leaf_hash(format!("record {at}").as_bytes())).collect()
}

/// MTH of RFC 6962 section 2.1, word for word.
fn mth(leaves: &[TreeHash]) -> TreeHash {
    match leaves {
        [] => TreeHash::EMPTY,
        [leaf] => *leaf,
        _ => {
            let k = split(leaves.len() as u64) as usize;
            node_hash(&mth(&leaves[..k]), &mth(&leaves[k..]))
        }
    }
}

/// PATH of RFC 6962 section 2.1.1, word for word.
fn path(m: usize, leaves: &[TreeHash]) -> Vec<TreeHash> {
    if leaves.len() == 1 {
        return Vec::new();
    }
    let k = split(leaves.len() as u64) as usize;
    let (mut path, other) = if m < k {
        (path(m, &leaves[..k]), mth(&leaves[k..]))
    } else {
        (path(m - k, &leaves[k..]), mth(&leaves[..k]))
    };
    path.push(other);
    path
}

/// SUBPROOF of RFC 6962 section 2.1.2, word for word.
fn subproof(m: usize, leaves: &[TreeHash], whole: bool) -> Vec<TreeHash> {
    if m == leaves.len() {
        return if whole { Vec::new() } else { vec![mth(leaves)] };
    }
    let k = split(leaves.len() as u64) as usize;
    let (mut proof, other) = if m <= k {
        (subproof(m, &leaves[..k], whole), mth(&leaves[k..]))
    } else {
        (subproof(m - k, &leaves[k..], false), mth(&leaves[..k]))
    };
    proof.push(other);
    proof
}

/// The eight records and roots that implementations of RFC 6962 have tested with since the first one.
#[test]
fn log_01_the_roots_of_the_reference_tree() {
    let records: [Vec<u8>; 8] = [
        vec![],
        vec![0x00],
        vec![0x10],
        vec![0x20, 0x21],
        vec![0x30, 0x31],
        (0x40..0x44).collect(),
        (0x50..0x58).collect(),
        (0x60..0x70).collect(),
    ];
    let roots = [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];
    let mut frontier = Frontier::new();
    assert_eq!(hex(frontier.root().as_bytes()), hex(&Sha256::digest("")));
    for (record, expected) in records.iter().zip(roots) {
        frontier.push(leaf_hash(record));
        assert_eq!(hex(frontier.root().as_bytes()), expected, "{} leaves", frontier.size());
    }
}

#[test]
fn log_02_every_proof_of_every_small_tree_is_that_of_the_rfc() -> Result<(), MerkleFault> {
    let all = leaves(70);
    let mut frontier = Frontier::new();
    for size in 0..=70_u64 {
        let tree = &all[..size as usize];
        let root = mth(tree);
        assert_eq!(frontier.root(), root);
        assert_eq!(Frontier::load(size, &mut Leaves(tree))?, frontier);
        for index in 0..size {
            let proof = inclusion_proof(index, size, &mut Leaves(tree))?;
            assert_eq!(proof, path(index as usize, tree), "{index} in {size}");
            verify_inclusion(&all[index as usize], index, size, &proof, &root)?;
        }
        for older in 0..=size {
            let proof = consistency_proof(older, size, &mut Leaves(tree))?;
            if older > 0 {
                assert_eq!(proof, subproof(older as usize, tree, true), "{older} of {size}");
            }
            verify_consistency(older, &mth(&tree[..older as usize]), size, &root, &proof)?;
        }
        if let Some(next) = all.get(size as usize) {
            frontier.push(*next);
        }
    }
    Ok(())
}

#[test]
fn log_02_a_meddled_proof_is_refused() -> Result<(), MerkleFault> {
    let all = leaves(21);
    let foreign = leaf_hash(b"another");
    let root = mth(&all);
    for index in 0..21 {
        let proof = inclusion_proof(index, 21, &mut Leaves(&all))?;
        let check = |index, size, proof: &[TreeHash], root| {
            verify_inclusion(&all[index as usize % 21], index, size, proof, root)
        };
        check(index, 21, &proof, &root)?;
        for at in 0..proof.len() {
            let mut other = proof.clone();
            other[at] = foreign;
            assert_eq!(check(index, 21, &other, &root), Err(MerkleFault::RootDiffers));
            other.remove(at);
            assert_eq!(check(index, 21, &other, &root), Err(MerkleFault::ProofLength));
        }
        let long: Vec<TreeHash> = proof.iter().copied().chain([foreign]).collect();
        assert_eq!(check(index, 21, &long, &root), Err(MerkleFault::ProofLength));
        assert_eq!(check(index, 21, &proof, &foreign), Err(MerkleFault::RootDiffers));
        assert!(check(index ^ 1, 21, &proof, &root).is_err());
        assert!(verify_inclusion(&foreign, index, 21, &proof, &root).is_err());
        assert!(matches!(check(21, 21, &proof, &root), Err(MerkleFault::OutsideTree { .. })));
    }
    for older in 1..21 {
        let old_root = mth(&all[..older as usize]);
        let proof = consistency_proof(older, 21, &mut Leaves(&all))?;
        let check = |proof: &[TreeHash]| verify_consistency(older, &old_root, 21, &root, proof);
        for at in 0..proof.len() {
            let mut other = proof.clone();
            other[at] = foreign;
            assert_eq!(check(&other), Err(MerkleFault::RootDiffers));
            other.remove(at);
            assert!(check(&other).is_err());
        }
        let long: Vec<TreeHash> = proof.iter().copied().chain([foreign]).collect();
        assert_eq!(check(&long), Err(MerkleFault::ProofLength));
        assert!(verify_consistency(older, &foreign, 21, &root, &proof).is_err());
        assert!(verify_consistency(older, &old_root, 21, &foreign, &proof).is_err());
    }
    Ok(())
}

#[test]
fn log_02_the_empty_tree_and_the_same_tree_need_no_proof() {
    let root = mth(&leaves(3));
    let ok = |older, older_root, proof: &[TreeHash]| verify_consistency(older, &older_root, 3, &root, proof);
    assert_eq!(ok(0, TreeHash::EMPTY, &[]), Ok(()));
    assert_eq!(ok(0, root, &[]), Err(MerkleFault::RootDiffers), "no leaves have but one root");
    assert_eq!(ok(0, TreeHash::EMPTY, &[root]), Err(MerkleFault::ProofLength));
    assert_eq!(ok(3, root, &[]), Ok(()));
    assert_eq!(ok(3, TreeHash::EMPTY, &[]), Err(MerkleFault::RootDiffers), "two heads of one size");
    assert_eq!(ok(3, root, &[root]), Err(MerkleFault::ProofLength));
    assert_eq!(ok(4, root, &[]), Err(MerkleFault::OutsideTree { at: 4, size: 3 }));
}

#[test]
fn a_frontier_that_does_not_fit_its_size_is_refused() {
    let hash = TreeHash::EMPTY;
    assert_eq!(Frontier::from_parts(5, vec![hash]), Err(MerkleFault::FrontierDoesNotFit));
    assert_eq!(Frontier::from_parts(1 << 63, vec![hash]), Err(MerkleFault::TooLarge));
    assert!(serde_json::from_str::<Frontier>(r#"{"size":3,"peaks":[]}"#).is_err());
    let mut most = Frontier::from_parts(LARGEST_TREE, vec![hash; 63]).expect("63 bits");
    most.push(hash);
    assert_eq!(most.peaks().len(), 1, "one subtree of 2^63");
}

proptest! {
    #[test]
    fn a_frontier_comes_back_from_text(size in 0_u64..200) {
        let mut frontier = Frontier::new();
        leaves(size).into_iter().for_each(|leaf| frontier.push(leaf));
        let text = serde_json::to_string(&frontier).expect("text");
        prop_assert_eq!(serde_json::from_str::<Frontier>(&text).expect("a frontier"), frontier);
    }

    #[test]
    fn log_03_any_numbers_and_hashes_are_refused_or_right_without_a_panic(
        index: u64, size: u64, shift in 0_u32..64, count in 0_usize..70,
    ) {
        let proof = vec![TreeHash::EMPTY; count];
        let (index, size) = (index >> shift, size >> shift);
        prop_assert!(verify_inclusion(&TreeHash::EMPTY, index, size, &proof, &TreeHash::EMPTY).is_err()
            || size == 1);
        let verdict = verify_consistency(index, &TreeHash::EMPTY, size, &TreeHash::EMPTY, &proof);
        prop_assert!(verdict.is_err() || count == 0);
        let asked = inclusion_proof(index, size, &mut |level: u8, at: u64| {
            assert!((at + 1) << level <= size, "a subtree beyond the tree");
            Ok::<_, MerkleFault>(TreeHash::EMPTY)
        });
        prop_assert_eq!(asked.is_ok(), index < size && size <= LARGEST_TREE);
        if let Ok(proof) = asked {
            prop_assert!(proof.len() <= LONGEST_PROOF);
        }
        let between = consistency_proof(index, size, &mut |_: u8, _: u64| Ok::<_, MerkleFault>(TreeHash::EMPTY));
        prop_assert_eq!(between.is_ok(), index <= size && size <= LARGEST_TREE);
    }
}
