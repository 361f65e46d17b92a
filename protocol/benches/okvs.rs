//! Filled with its module.
fn main() {
    divan::main();
}
