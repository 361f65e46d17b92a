//! Both codes give the same bytes, and those of the standard.

use super::*;
use crate::ot::model;

fn engines() -> [Engine; 2] {
    [Engine::detect(), Engine::portable()]
}

fn blocks<const P: usize>(out: &[[Lane; P]]) -> Vec<u128> {
    out.as_flattened().iter().flat_map(|lane| [0, 1, 2, 3].map(|at| lane.block(at))).collect()
}

#[test]
fn the_standards_own_example() {
    // FIPS 197, appendix C.1.
    let key: [u8; 16] = std::array::from_fn(|at| at as u8);
    let plain: [u8; 16] = std::array::from_fn(|at| 0x11 * at as u8);
    let cipher = 0x69c4_e0d8_6a7b_0430_d8cd_b780_70b4_c55a_u128.to_be_bytes();
    for engine in engines() {
        let mut out = [[Lane::default()]];
        Streams::new(engine, &[key]).fill(0, u128::from_le_bytes(plain), &mut out);
        assert_eq!(blocks(&out)[0].to_le_bytes(), cipher, "{engine:?}");
    }
}

#[test]
fn ot_11_both_codes_fill_streams_alike() {
    let seeds: Vec<[u8; 16]> = (0..33).map(|number| [number; 16]).collect();
    for counter in [0, 4, 1 << 64, (7 << 96) | (9 << 64) | 400, u128::MAX - 63] {
        let filled = engines().map(|engine| {
            let streams = Streams::new(engine, &seeds);
            let (mut wide, mut narrow) = ([[Lane::default(); 4]; 16], [[Lane::default()]; 31]);
            streams.fill(17, counter, &mut wide);
            streams.fill(1, counter, &mut narrow);
            (blocks(&wide), blocks(&narrow))
        });
        assert_eq!(filled[0], filled[1]);
        let third = model::aes([19; 16], (counter + 5).to_le_bytes());
        assert_eq!(filled[0].0[2 * 16 + 5].to_le_bytes(), third);
    }
}

#[test]
fn ot_11_both_codes_hash_alike() {
    let place = (3 << 96) | 8;
    let key = model::aes([5; 16], u128::to_le_bytes(place));
    let expected = |x: u128| u128::from_le_bytes(model::aes(key, x.to_le_bytes())) ^ x;
    let input = |at: usize| (at as u128 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c834);
    for engine in engines() {
        let hash = Hash::new(engine, &[5; 16]).at(place);
        for length in [0, 1, 3, 15, 16, 17, 64, 65, 256] {
            let mut blocks: Vec<u128> = (0..length).map(input).collect();
            hash.hash(&mut blocks);
            assert_eq!(blocks, (0..length).map(input).map(expected).collect::<Vec<_>>(), "{engine:?}");
            let offsets = std::array::from_fn(|k| input(1000 + k) * u128::from(k > 0));
            let rows: Vec<[u128; 1]> = (0..length).map(|at| [input(at)]).collect();
            let mut bits = vec![0; length];
            hash.hash_bits(&rows, &offsets, &mut bits);
            for (row, bits) in rows.iter().zip(bits) {
                let bit = |k: usize| (expected(row[0] ^ offsets[k]) as u16 & 1) << k;
                assert_eq!(bits, (0..16).map(bit).sum::<u16>(), "{engine:?}");
            }
        }
    }
}

#[test]
fn ot_06_no_two_places_share_a_key() {
    let hash = Hash::new(Engine::detect(), &[5; 16]);
    let mut outputs: Vec<u128> = (0..1000)
        .map(|place| {
            let mut block = [77];
            hash.at(place).hash(&mut block);
            block[0]
        })
        .collect();
    outputs.sort_unstable();
    outputs.dedup();
    assert_eq!(outputs.len(), 1000);
}
