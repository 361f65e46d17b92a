//! t
use rand_core::Rng;
/// What is asked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Point {
    /// The item.
    pub item: [u8; 16],
    /// The hash index.
    pub index: u8,
}
impl Point {
    /// d
    pub fn dummy(rng: &mut impl Rng) -> Self {
        let mut item = [0; 16];
        rng.fill_bytes(&mut item);
        Self { item, index: 3 }
    }
}
