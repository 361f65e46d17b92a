//! A secret in shares, of which enough give it back and fewer say nothing.
//!
//! Shamir, *How to Share a Secret*, 1979, byte by byte over GF(2⁸) with the polynomial of AES, x⁸+x⁴+x³+x+1. The attack:
//! tables indexed by shares tell them through the cache; so products are computed bit by bit, without branches and
//! without tables.

use chacha20::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};
use zeroize::Zeroizing;

use crate::secret::Secret;

/// A seat's share of a seed.
pub(super) type Share = [u8; 32];

/// Shares of `secret` for seats 0 to `seats` − 1, of which `threshold` are needed; `seed` is uniform and used for
/// nothing else.
pub(super) fn deal(
    secret: &Secret<[u8; 32]>,
    threshold: usize,
    seats: usize,
    seed: &Secret<[u8; 32]>,
) -> Zeroizing<Vec<Share>> {
    let mut stream = ChaCha20Rng::from_seed(*seed.expose());
    let mut coefficients = Zeroizing::new(vec![[0; 32]; threshold.saturating_sub(1)]);
    coefficients.iter_mut().for_each(|coefficient| stream.fill_bytes(coefficient));
    let shares = (0..seats).map(|seat| {
        // Horner, from the highest coefficient down to the secret.
        let mut share = [0; 32];
        for coefficient in coefficients.iter().chain([secret.expose()]) {
            for (byte, more) in share.iter_mut().zip(coefficient) {
                *byte = times(*byte, point(seat)) ^ more;
            }
        }
        share
    });
    Zeroizing::new(shares.collect())
}

/// The secret that these shares, of different seats, come to.
pub(super) fn join(shares: &[(usize, Share)]) -> Secret<[u8; 32]> {
    let mut secret = [0; 32];
    for (i, (seat, share)) in shares.iter().enumerate() {
        // Lagrange's weight at 0: Π x_j / (x_j − x_i), and minus is plus here.
        let others = shares.iter().enumerate().filter(|(j, _)| *j != i).map(|(_, (seat, _))| point(*seat));
        let (above, below) = others
            .fold((1, 1), |(above, below), other| (times(above, other), times(below, other ^ point(*seat))));
        let weight = times(above, inverse(below));
        secret.iter_mut().zip(share).for_each(|(byte, share)| *byte ^= times(*share, weight));
    }
    Secret::new(secret)
}

/// Where a seat's share is taken: never 0, where the secret is.
const fn point(seat: usize) -> u8 {
    seat as u8 + 1
}

const fn times(a: u8, b: u8) -> u8 {
    let (mut a, mut sum, mut bit) = (a, 0, 0);
    while bit < 8 {
        sum ^= a & 0u8.wrapping_sub(b >> bit & 1);
        a = a << 1 ^ 0x1b & 0u8.wrapping_sub(a >> 7);
        bit += 1;
    }
    sum
}

/// a²⁵⁴, which is 1/a.
const fn inverse(a: u8) -> u8 {
    let (mut power, mut product, mut step) = (a, 1, 0);
    while step < 7 {
        power = times(power, power);
        product = times(product, power);
        step += 1;
    }
    product
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_field_is_that_of_aes() {
        // FIPS 197, section 4.2: {57}·{83} = {c1}.
        assert_eq!(times(0x57, 0x83), 0xc1);
        assert!((1..=255).all(|a| times(a, inverse(a)) == 1));
    }

    #[test]
    fn learnh_08_enough_shares_give_the_secret_and_fewer_do_not() {
        let (secret, seed) = (Secret::new([0xa5; 32]), Secret::new([7; 32]));
        for (threshold, seats) in [(3, 3), (3, 4), (5, 6), (7, 10), (11, 16)] {
            let shares = deal(&secret, threshold, seats, &seed);
            let pick = |seats: &[usize]| seats.iter().map(|seat| (*seat, shares[*seat])).collect::<Vec<_>>();
            let last: Vec<usize> = (seats - threshold..seats).collect();
            let first: Vec<usize> = (0..threshold).rev().collect();
            assert_eq!(join(&pick(&last)).expose(), secret.expose());
            assert_eq!(join(&pick(&first)).expose(), secret.expose());
            assert_ne!(join(&pick(&first[1..])).expose(), secret.expose());
        }
    }

    #[test]
    fn learnh_08_one_share_too_few_is_uniform_whatever_the_secret() {
        // With two of three shares, each byte of the third coefficient shifts the secret: over all seeds every byte
        // of a share is uniform. χ² of 256 boxes from 3·10⁵ bytes, bound at 10⁻⁹ (Laurent and Massart 2000).
        for secret in [[0; 32], [0xff; 32]] {
            let mut boxes = [0u32; 256];
            for number in 0..10_000u32 {
                let mut seed = [0; 32];
                seed[..4].copy_from_slice(&number.to_le_bytes());
                let shares = deal(&Secret::new(secret), 3, 3, &Secret::new(seed));
                shares[1].iter().for_each(|byte| boxes[usize::from(*byte)] += 1);
            }
            let mean = 320_000.0 / 256.0;
            let chi: f64 = boxes.iter().map(|count| (f64::from(*count) - mean).powi(2) / mean).sum();
            let log = 1e9f64.ln();
            assert!(chi < 255.0 + 2.0 * (255.0 * log).sqrt() + 2.0 * log, "{chi}");
        }
    }
}
