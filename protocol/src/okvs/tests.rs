use super::*;
use rand::{SeedableRng, rngs::StdRng};
#[test]
fn okvs_quick() {
    let shape = Shape::new(20_000, 48).unwrap();
    println!("{shape:?} {:?}", Shape::new(48_000, 48));
    let keys: Vec<u128> = (0..20_000).collect();
    let values: Vec<u64> = (0..60_000).collect();
    let mut rng = StdRng::seed_from_u64(1);
    let table = Table::encode(shape, &keys, values.clone(), 3, &mut rng).unwrap();
    assert!(table.decode(&keys) == values);
}
