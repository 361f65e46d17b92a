use super::*;

#[test]
fn detect_and_dalek_agree() {
    let domain = Domain::new(b"test");
    let scalar = Scalar::from(7u64);
    let items: Vec<[u8; 32]> = (0..300u32).map(|i| *blake3::hash(&i.to_le_bytes()).as_bytes()).collect();
    let mut out = vec![[0; 32]; items.len()];
    Engine::detect().hash_multiply(&domain, &items, &scalar, &mut out);
    for (item, out) in items.iter().zip(&out) {
        assert_eq!((hash(&domain, item) * scalar).compress().to_bytes(), *out);
    }
    let mut twice = vec![[0; 32]; items.len()];
    Engine::detect().decode_multiply(&out, &scalar, &mut twice).unwrap();
    assert_eq!((hash(&domain, &items[299]) * scalar * scalar).compress().to_bytes(), twice[299]);
}
