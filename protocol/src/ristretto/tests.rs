use curve25519_dalek::constants::RISTRETTO_BASEPOINT_POINT;
use curve25519_dalek::ristretto::CompressedRistretto;
use proptest::prelude::*;
use rayon::prelude::*;

use super::*;

/// Both back ends, or one of them twice where the machine has but one.
fn engines() -> [Engine; 2] {
    [Engine::detect(), Engine::dalek()]
}

fn bytes<const N: usize>(hex: &str) -> [u8; N] {
    let mut out = [0; N];
    assert_eq!(hex.len(), 2 * N);
    for (k, byte) in out.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&hex[2 * k..2 * k + 2], 16).unwrap();
    }
    out
}

/// `count` strings that look random and are the same in every run.
fn strings(label: &str, count: usize) -> Vec<[u8; 32]> {
    let mut out = vec![[0; 32]; count];
    let mut stream = blake3::Hasher::new().update(label.as_bytes()).finalize_xof();
    out.iter_mut().for_each(|string| stream.fill(string));
    out
}

fn scalar(label: &str) -> Scalar {
    Scalar::from_bytes_mod_order(strings(label, 1)[0])
}

/// Scalars whose digits are all alike, or at the ends of the range.
fn extreme_scalars() -> Vec<Scalar> {
    let mut out: Vec<Scalar> = (0u64..=17).map(Scalar::from).collect();
    out.extend((0u64..=17).map(|small| -Scalar::from(small)));
    out.extend([0x77, 0x88, 0x80, 0x08, 0x78, 0x87, 0xff, 0xf8, 0x8f].map(|byte| {
        let mut all = [byte; 32];
        all[31] = 0x0f;
        Scalar::from_bytes_mod_order(all)
    }));
    // Encoding doubles halves the scalar first: these have the halves above.
    let doubled: Vec<Scalar> = out.iter().map(|scalar| scalar + scalar).collect();
    out.extend(doubled);
    out
}

fn expected(points: &[RistrettoPoint], scalar: &Scalar) -> Vec<[u8; 32]> {
    points.iter().map(|point| (point * scalar).compress().to_bytes()).collect()
}

fn multiplied(engine: Engine, points: &[[u8; 32]], scalar: &Scalar) -> Result<Vec<[u8; 32]>, PointRefused> {
    let mut out = vec![[0xaa; 32]; points.len()];
    engine.decode_multiply(points, scalar, &mut out).map(|()| out)
}

fn hashed(engine: Engine, domain: &Domain, items: &[[u8; 32]], scalar: &Scalar) -> Vec<[u8; 32]> {
    let mut out = vec![[0xaa; 32]; items.len()];
    engine.hash_multiply(domain, items, scalar, &mut out);
    out
}

/// RFC 9496, Appendix A.1: 0 to 15 times the generator.
const MULTIPLES: [&str; 16] = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "e2f2ae0a6abc4e71a884a961c500515f58e30b6aa582dd8db6a65945e08d2d76",
    "6a493210f7499cd17fecb510ae0cea23a110e8d5b901f8acadd3095c73a3b919",
    "94741f5d5d52755ece4f23f044ee27d5d1ea1e2bd196b462166b16152a9d0259",
    "da80862773358b466ffadfe0b3293ab3d9fd53c5ea6c955358f568322daf6a57",
    "e882b131016b52c1d3337080187cf768423efccbb517bb495ab812c4160ff44e",
    "f64746d3c92b13050ed8d80236a7f0007c3b3f962f5ba793d19a601ebb1df403",
    "44f53520926ec81fbd5a387845beb7df85a96a24ece18738bdcfa6a7822a176d",
    "903293d8f2287ebe10e2374dc1a53e0bc887e592699f02d077d5263cdd55601c",
    "02622ace8f7303a31cafc63f8fc48fdc16e1c8c8d234b2f0d6685282a9076031",
    "20706fd788b2720a1ed2a5dad4952b01f413bcf0e7564de8cdc816689e2db95f",
    "bce83f8ba5dd2fa572864c24ba1810f9522bc6004afe95877ac73241cafdab42",
    "e4549ee16b9aa03099ca208c67adafcafa4c3f3e4e5303de6026e3ca8ff84460",
    "aa52e000df2e16f55fb1032fc33bc42742dad6bd5a8fc0be0167436c5948501f",
    "46376b80f409b29dc2b5f6f0c52591990896e5716f41477cd30085ab7f10301e",
    "e0c418f7c8d9c4cdd7395b93ea124f3ad99021bb681dfc3302a9d99a2e53e64e",
];

/// RFC 9496, Appendix A.2, and the ends of the range around p.
const BAD: [&str; 33] = [
    // Not below p.
    "00ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "f3ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "0100000000000000000000000000000000000000000000000000000000000080",
    "e2f2ae0a6abc4e71a884a961c500515f58e30b6aa582dd8db6a65945e08d2df6",
    // Negative.
    "0100000000000000000000000000000000000000000000000000000000000000",
    "01ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "ed57ffd8c914fb201471d1c3d245ce3c746fcbe63a3679d51b6a516ebebe0e20",
    "c34c4e1826e5d403b78e246e88aa051c36ccf0aafebffe137d148a2bf9104562",
    "c940e5a4404157cfb1628b108db051a8d439e1a421394ec4ebccb9ec92a8ac78",
    "47cfc5497c53dc8e61c91d17fd626ffb1c49e2bca94eed052281b510b1117a24",
    "f1c6165d33367351b0da8f6e4511010c68174a03b6581212c71c0e1d026c3c72",
    "87260f7a2f12495118360f02c26a470f450dadf34a413d21042b43b9d93e1309",
    // x² not a square.
    "26948d35ca62e643e26a83177332e6b6afeb9d08e4268b650f1f5bbd8d81d371",
    "4eac077a713c57b4f4397629a4145982c661f48044dd3f96427d40b147d9742f",
    "de6a7b00deadc788eb6b6c8d20c0ae96c2f2019078fa604fee5b87d6e989ad7b",
    "bcab477be20861e01e4a0e295284146a510150d9817763caf1a6f4b422d67042",
    "2a292df7e32cababbd9de088d1d1abec9fc0440f637ed2fba145094dc14bea08",
    "f4a9e534fc0d216c44b218fa0c42d99635a0127ee2e53c712f70609649fdff22",
    "8268436f8c4126196cf64b3c7ddbda90746a378625f9813dd9b8457077256731",
    "2810e5cbc2cc4d4eece54f61c6f69758e289aa7ab440b3cbeaa21995c2f4232b",
    // xy negative.
    "3eb858e78f5a7254d8c9731174a94f76755fd3941c0ac93735c07ba14579630e",
    "a45fdc55c76448c049a1ab33f17023edfb2be3581e9c7aade8a6125215e04220",
    "d483fe813c6ba647ebbfd3ec41adca1c6130c2beeee9d9bf065c8d151c5f396e",
    "8a2e1d30050198c65a54483123960ccc38aef6848e1ec8f5f780e8523769ba32",
    "32888462f8b486c68ad7dd9610be5192bbeaf3b443951ac1a8118419d9fa097b",
    "227142501b9d4355ccba290404bde41575b037693cef1f438c47f8fbf35d1165",
    "5c37cc491da847cfeb9281d407efc41e15144c876e0170b499a96a22ed31e01e",
    "445425117cb8c90edcbc7c1cc0e74f747f2c1efa5630a967c64f287792a48a4b",
    // s = −1, so y = 0.
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
];

/// RFC 9496, Appendix A.3: 64 uniform bytes and the point they stand for.
const UNIFORM: [(&str, &str); 11] = [
    (
        "5d1be09e3d0c82fc538112490e35701979d99e06ca3e2b5b54bffe8b4dc772c14d98b696a1bbfb5ca32c436cc61c16563790306c79eaca7705668b47dffe5bb6",
        "3066f82a1a747d45120d1740f14358531a8f04bbffe6a819f86dfe50f44a0a46",
    ),
    (
        "f116b34b8f17ceb56e8732a60d913dd10cce47a6d53bee9204be8b44f6678b270102a56902e2488c46120e9276cfe54638286b9e4b3cdb470b542d46c2068d38",
        "f26e5b6f7d362d2d2a94c5d0e7602cb4773c95a2e5c31a64f133189fa76ed61b",
    ),
    (
        "8422e1bbdaab52938b81fd602effb6f89110e1e57208ad12d9ad767e2e25510c27140775f9337088b982d83d7fcf0b2fa1edffe51952cbe7365e95c86eaf325c",
        "006ccd2a9e6867e6a2c5cea83d3302cc9de128dd2a9a57dd8ee7b9d7ffe02826",
    ),
    (
        "ac22415129b61427bf464e17baee8db65940c233b98afce8d17c57beeb7876c2150d15af1cb1fb824bbd14955f2b57d08d388aab431a391cfc33d5bafb5dbbaf",
        "f8f0c87cf237953c5890aec3998169005dae3eca1fbb04548c635953c817f92a",
    ),
    (
        "165d697a1ef3d5cf3c38565beefcf88c0f282b8e7dbd28544c483432f1cec7675debea8ebb4e5fe7d6f6e5db15f15587ac4d4d4a1de7191e0c1ca6664abcc413",
        "ae81e7dedf20a497e10c304a765c1767a42d6e06029758d2d7e8ef7cc4c41179",
    ),
    (
        "a836e6c9a9ca9f1e8d486273ad56a78c70cf18f0ce10abb1c7172ddd605d7fd2979854f47ae1ccf204a33102095b4200e5befc0465accc263175485f0e17ea5c",
        "e2705652ff9f5e44d3e841bf1c251cf7dddb77d140870d1ab2ed64f1a9ce8628",
    ),
    (
        "2cdc11eaeb95daf01189417cdddbf95952993aa9cb9c640eb5058d09702c74622c9965a697a3b345ec24ee56335b556e677b30e6f90ac77d781064f866a3c982",
        "80bd07262511cdde4863f8a7434cef696750681cb9510eea557088f76d9e5065",
    ),
    // Halves not below p, or with their highest bit set: all the same.
    (
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff1200000000000000000000000000000000000000000000000000000000000000",
        "304282791023b73128d277bdcb5c7746ef2eac08dde9f2983379cb8e5ef0517f",
    ),
    (
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "304282791023b73128d277bdcb5c7746ef2eac08dde9f2983379cb8e5ef0517f",
    ),
    (
        "0000000000000000000000000000000000000000000000000000000000000080ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "304282791023b73128d277bdcb5c7746ef2eac08dde9f2983379cb8e5ef0517f",
    ),
    (
        "00000000000000000000000000000000000000000000000000000000000000001200000000000000000000000000000000000000000000000000000000000080",
        "304282791023b73128d277bdcb5c7746ef2eac08dde9f2983379cb8e5ef0517f",
    ),
];

#[test]
fn small_multiples_of_the_generator_are_the_rfcs() {
    for engine in engines() {
        for (times, expected) in (0u64..).zip(MULTIPLES) {
            let out = multiplied(engine, &[bytes(MULTIPLES[1])], &Scalar::from(times)).unwrap();
            assert_eq!(out, [bytes::<32>(expected)], "{times} by {engine:?}");
        }
        // A point by one is its own encoding, in every lane.
        let points: Vec<[u8; 32]> = MULTIPLES[1..].iter().map(|hex| bytes(hex)).collect();
        assert_eq!(multiplied(engine, &points, &Scalar::ONE).unwrap(), points);
    }
}

#[test]
fn uniform_bytes_give_the_rfcs_points() {
    let seeds: Vec<[u8; 64]> = UNIFORM.iter().map(|(seed, _)| bytes(seed)).collect();
    let expected: Vec<[u8; 32]> = UNIFORM.iter().map(|(_, point)| bytes(point)).collect();
    for engine in engines() {
        let mut out = vec![[0; 32]; seeds.len()];
        engine.uniform(&seeds, &mut out);
        assert_eq!(out, expected, "{engine:?}");
    }
    assert_eq!(uniform(&seeds[0]), expected[0]);
}

/// RFC 9497, Appendix A.1.1: the OPRF's blinded elements are hashes times the blind.
#[test]
fn the_hash_to_the_group_is_the_rfcs() {
    let domain = Domain::new(b"HashToGroup-OPRFV1-\x00-ristretto255-SHA512");
    let blind = Scalar::from_canonical_bytes(bytes(
        "64d37aed22a27f5191de1c1d69fadb899d8862b58eb4220029e036ec4c1f6706",
    ))
    .unwrap();
    for (item, blinded) in [
        (&[0][..], "609a0ae68c15a3cf6903766461307e5c8bb2f95e7e6550e1ffa2dc99e412803c"),
        (&[0x5a; 17][..], "da27ef466870f5f15296299850aa088629945a17d1f5b7f5ff043f76b3c06418"),
    ] {
        assert_eq!((hash(&domain, item) * blind).compress().to_bytes(), bytes::<32>(blinded));
    }
}

/// RFC 9380, section 5.3.3.
#[test]
fn a_tag_of_more_than_255_bytes_is_hashed_first() {
    use sha2::{Digest, Sha512};
    let long = [b'x'; 256];
    let short = Sha512::new().chain_update(b"H2C-OVERSIZE-DST-").chain_update(long).finalize();
    assert_eq!(hash(&Domain::new(&long), b"item"), hash(&Domain::new(&short), b"item"));
    assert_ne!(hash(&Domain::new(&long[1..]), b"item"), hash(&Domain::new(&long), b"item"));
}

#[test]
fn two_domains_are_two_hashes() {
    assert_ne!(hash(&Domain::new(b"a"), b"item"), hash(&Domain::new(b"b"), b"item"));
    // The tag's length is part of it: nothing can move from the tag to its length byte.
    assert_ne!(hash(&Domain::new(b"a\x01"), b"item"), hash(&Domain::new(b"a"), b"item"));
}

#[test]
fn every_length_is_padded_and_its_tail_is_right() {
    let (domain, scalar) = (Domain::new(b"lengths"), scalar("lengths"));
    let items = strings("lengths", 273);
    let points: Vec<RistrettoPoint> = items.iter().map(|item| hash(&domain, item)).collect();
    let once = expected(&points, &scalar);
    let twice = expected(&points, &(scalar * scalar));
    for engine in engines() {
        for length in [0, 1, 7, 8, 9, 15, 16, 17, 127, 128, 129, 136, 255, 256, 257, 273] {
            assert_eq!(hashed(engine, &domain, &items[..length], &scalar), once[..length], "{length}");
            let answer = multiplied(engine, &once[..length], &scalar).unwrap();
            assert_eq!(answer, twice[..length], "{length} by {engine:?}");
        }
    }
}

/// Tags so long that the second hash needs another block, and the shortest.
#[test]
fn every_length_of_tag_gives_the_same_on_both() {
    let (items, scalar) = (strings("tags", 9), scalar("tags"));
    for length in
        [1, 12, 44, 45, 46, 47, 60, 61, 62, 63, 64, 65, 76, 77, 78, 79, 126, 127, 128, 190, 254, 255, 300]
    {
        let domain = Domain::new(&vec![7; length]);
        let points: Vec<RistrettoPoint> = items.iter().map(|item| hash(&domain, item)).collect();
        for engine in engines() {
            assert_eq!(hashed(engine, &domain, &items, &scalar), expected(&points, &scalar), "{length}");
        }
    }
}

#[test]
fn extreme_scalars_multiply_alike() {
    let domain = Domain::new(b"extremes");
    let items = strings("extremes", 8);
    let points: Vec<RistrettoPoint> = items.iter().map(|item| hash(&domain, item)).collect();
    let encoded: Vec<[u8; 32]> = points.iter().map(|point| point.compress().to_bytes()).collect();
    for scalar in extreme_scalars() {
        let expected = expected(&points, &scalar);
        for engine in engines() {
            assert_eq!(hashed(engine, &domain, &items, &scalar), expected, "{scalar:?} by {engine:?}");
            assert_eq!(multiplied(engine, &encoded, &scalar).unwrap(), expected, "{scalar:?} by {engine:?}");
        }
    }
}

#[test]
fn a_blind_comes_off_again() {
    let (domain, blind) = (Domain::new(b"blind"), scalar("blind"));
    let items = strings("blind", 40);
    for engine in engines() {
        let blinded = hashed(engine, &domain, &items, &blind);
        let plain = multiplied(engine, &blinded, &blind.invert()).unwrap();
        assert_eq!(plain, hashed(engine, &domain, &items, &Scalar::ONE));
    }
}

#[test]
fn a01_identity_refused() {
    let good = bytes(MULTIPLES[3]);
    for engine in engines() {
        for index in [0, 1, 7, 8, 15, 16, 127, 128, 200] {
            let mut points = vec![good; 201];
            points[index] = [0; 32];
            // A later fault does not hide the first.
            points[200] = [0; 32];
            let refused = multiplied(engine, &points, &scalar("a01")).unwrap_err();
            assert_eq!(refused, PointRefused { index, reason: Refusal::Identity }, "{engine:?}");
        }
    }
}

/// Ristretto255 has no points of small order but the identity: the encodings that stand for points of the
/// curve's small subgroups are refused as what they are, no encodings.
#[test]
fn a02_small_order_points_refused() {
    // s = −1 would have y = 0, which is order 4; the others are coordinates of the curve's points of order
    // 4 and 8, as a peer may try who takes this for Curve25519 or Ed25519.
    let sqrt_m1 = "b0a00e4a271beec478e42fad0618432fa7d7fb3d99004d2b0bdfc14f8024832b";
    let minus_sqrt_m1 = "3d5ff1b5d8e4113b871bd052f9e7bcd0582804c266ffb2d4f4203eb07fdb7c54";
    let order_8 = "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a";
    let order_8_too = "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05";
    let minus_one = BAD[32];
    for engine in engines() {
        for small in [minus_one, sqrt_m1, minus_sqrt_m1, order_8, order_8_too] {
            let refused =
                multiplied(engine, &[bytes(MULTIPLES[2]), bytes(small)], &scalar("a02")).unwrap_err();
            assert_eq!(refused, PointRefused { index: 1, reason: Refusal::NonCanonical }, "{small}");
        }
    }
}

#[test]
fn a03_non_canonical_refused() {
    for engine in engines() {
        for bad in BAD {
            for index in [0, 5, 8, 130] {
                let mut points = vec![bytes(MULTIPLES[4]); 131];
                points[index] = bytes(bad);
                let refused = multiplied(engine, &points, &scalar("a03")).unwrap_err();
                assert_eq!(
                    refused,
                    PointRefused { index, reason: Refusal::NonCanonical },
                    "{bad} by {engine:?}"
                );
            }
        }
    }
}

#[test]
fn a04_random_bytes_never_panic() {
    const PART: usize = 1 << 14;
    let scalar = scalar("a04");
    let valid: usize = (0..64)
        .into_par_iter()
        .map(|part| {
            // Half of them with the highest bit clear and even, so that the later checks have work too.
            let mut points = strings(&format!("a04 {part}"), PART);
            for point in points.iter_mut().step_by(2) {
                point[0] &= 0xfe;
                point[31] &= 0x7f;
            }
            let (mut start, mut valid) = (0, 0);
            while start < PART {
                let end = match multiplied(Engine::detect(), &points[start..], &scalar) {
                    Ok(_) => PART,
                    Err(PointRefused { index, reason }) => {
                        assert_eq!(reason, Refusal::NonCanonical);
                        assert!(CompressedRistretto(points[start + index]).decompress().is_none());
                        start + index
                    }
                };
                assert!(points[start..end].iter().all(|p| CompressedRistretto(*p).decompress().is_some()));
                valid += end - start;
                start = end + 1;
            }
            valid
        })
        .sum();
    // A quarter of the even half is valid, and a sixteenth of the others: about 164,000 of 2²⁰.
    assert!((155_000..173_000).contains(&valid), "{valid}");
}

#[test]
fn an_engine_says_what_it_runs() {
    assert_eq!(Engine::dalek().backend(), Backend::Dalek);
    assert_eq!(format!("{:?}", Engine::dalek()), "curve25519-dalek");
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx512ifma") && is_x86_feature_detected!("avx512dq") {
        assert_eq!(Engine::detect().backend(), Backend::Ifma8);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn both_back_ends_agree(
        items in prop::collection::vec(any::<[u8; 32]>(), 0..40),
        tag in prop::collection::vec(any::<u8>(), 1..80),
        scalar in any::<[u8; 32]>().prop_map(Scalar::from_bytes_mod_order),
        other in any::<[u8; 32]>().prop_map(Scalar::from_bytes_mod_order),
    ) {
        let [fast, plain] = engines();
        let domain = Domain::new(&tag);
        let once = hashed(fast, &domain, &items, &scalar);
        prop_assert_eq!(&once, &hashed(plain, &domain, &items, &scalar));
        prop_assert_eq!(multiplied(fast, &once, &other), multiplied(plain, &once, &other));
    }

    #[test]
    fn both_back_ends_derive_alike(halves in prop::collection::vec(any::<([u8; 32], [u8; 32])>(), 0..20)) {
        let seeds: Vec<[u8; 64]> = halves
            .iter()
            .map(|(low, high)| {
                let mut seed = [0; 64];
                seed[..32].copy_from_slice(low);
                seed[32..].copy_from_slice(high);
                seed
            })
            .collect();
        let [fast, plain] = engines().map(|engine| {
            let mut out = vec![[0; 32]; seeds.len()];
            engine.uniform(&seeds, &mut out);
            out
        });
        prop_assert_eq!(fast, plain);
    }

    /// Points that are a small multiple of the generator meet their own multiples in the table: the
    /// formulas must not mind adding a point to itself, to its negative or to the identity.
    #[test]
    fn small_points_by_small_scalars_agree(points in prop::collection::vec(1u64..40, 1..20), scalar in 0u64..70) {
        let encoded: Vec<[u8; 32]> = points
            .iter()
            .map(|k| (RISTRETTO_BASEPOINT_POINT * Scalar::from(*k)).compress().to_bytes())
            .collect();
        let [fast, plain] = engines().map(|engine| multiplied(engine, &encoded, &Scalar::from(scalar)));
        prop_assert_eq!(fast, plain);
    }
}
