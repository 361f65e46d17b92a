//! Arithmetic mod the three primes, and the transform that makes products of polynomials products of numbers.

use std::sync::OnceLock;

use super::{LIMBS, N, PRIME_BITS, PRIMES};

const LOW: u128 = (1 << PRIME_BITS) - 1;

/// A prime of q with the tables of its transform.
pub struct Modulus {
    pub p: u64,
    /// 2⁶⁰ − p: below 2¹⁸, so that folding the upper bits onto the lower ones reduces.
    fold: u64,
    /// Powers of ψ, a primitive 2N-th root of 1, in bit-reversed order, each with ⌊ψ·2⁶⁴/p⌋ (Shoup), and of ψ⁻¹.
    roots: Vec<[u64; 2]>,
    inverses: Vec<[u64; 2]>,
    /// N⁻¹.
    scale: [u64; 2],
}

/// The three primes.
pub fn moduli() -> &'static [Modulus; LIMBS] {
    static MODULI: OnceLock<[Modulus; LIMBS]> = OnceLock::new();
    MODULI.get_or_init(|| PRIMES.map(Modulus::new))
}

impl Modulus {
    fn new(p: u64) -> Self {
        let mut modulus =
            Self { p, fold: (1 << PRIME_BITS) - p, roots: Vec::new(), inverses: Vec::new(), scale: [0; 2] };
        let order = 2 * N as u64;
        // Of an element's power to (p−1)/2N either its N-th power is −1, or the next element is tried.
        let mut psi = 0;
        for base in 2..100 {
            psi = modulus.power(base, (p - 1) / order);
            if modulus.power(psi, order / 2) == p - 1 {
                break;
            }
        }
        let inverse = modulus.power(psi, order - 1);
        modulus.roots = modulus.table(psi);
        modulus.inverses = modulus.table(inverse);
        modulus.scale = modulus.shoup(modulus.power(N as u64, p - 2));
        modulus
    }

    fn table(&self, root: u64) -> Vec<[u64; 2]> {
        let mut table = vec![[0; 2]; N];
        let (bits, mut power) = (N.trailing_zeros(), 1);
        for exponent in 0..N {
            table[exponent.reverse_bits() >> (usize::BITS - bits)] = self.shoup(power);
            power = self.times(power, root);
        }
        table
    }

    fn shoup(&self, factor: u64) -> [u64; 2] {
        [factor, ((u128::from(factor) << 64) / u128::from(self.p)) as u64]
    }

    /// x mod p, for any x.
    #[inline(always)]
    pub fn reduce(&self, x: u128) -> u64 {
        let fold = u128::from(self.fold);
        let once = (x & LOW) + (x >> PRIME_BITS) * fold;
        let twice = (once & LOW) + (once >> PRIME_BITS) * fold;
        self.once(twice as u64)
    }

    /// x mod p, for x < 2p.
    #[inline(always)]
    fn once(&self, x: u64) -> u64 {
        let (less, borrow) = x.overflowing_sub(self.p);
        if borrow { x } else { less }
    }

    #[inline(always)]
    pub fn plus(&self, x: u64, y: u64) -> u64 {
        self.once(x + y)
    }

    #[inline(always)]
    pub fn minus(&self, x: u64, y: u64) -> u64 {
        self.once(x + self.p - y)
    }

    #[inline(always)]
    pub fn times(&self, x: u64, y: u64) -> u64 {
        self.reduce(u128::from(x) * u128::from(y))
    }

    pub fn power(&self, base: u64, exponent: u64) -> u64 {
        let (mut power, mut square, mut rest) = (1, base % self.p, exponent);
        while rest > 0 {
            if rest & 1 == 1 {
                power = self.times(power, square);
            }
            square = self.times(square, square);
            rest >>= 1;
        }
        power
    }

    /// A signed number mod p, in constant time.
    #[inline(always)]
    pub fn signed(&self, x: i64) -> u64 {
        // |x| < 2⁵⁹ everywhere here: p + x is in (0, 2p).
        self.once(self.p.wrapping_add_signed(x))
    }

    /// x·w mod p up to one p more, for any x (Harvey 2014, "Faster arithmetic for number-theoretic transforms").
    #[inline(always)]
    fn lazy(&self, x: u64, [w, shoup]: [u64; 2]) -> u64 {
        let quotient = ((u128::from(x) * u128::from(shoup)) >> 64) as u64;
        x.wrapping_mul(w).wrapping_sub(quotient.wrapping_mul(self.p))
    }

    /// The values at the odd powers of ψ, in bit-reversed order; numbers below p, in and out.
    pub fn forward(&self, a: &mut [u64]) {
        let two = 2 * self.p;
        let (mut half, mut blocks) = (N / 2, 1);
        while half > 0 {
            for (block, root) in a.chunks_exact_mut(2 * half).zip(&self.roots[blocks..]) {
                let (left, right) = block.split_at_mut(half);
                for (x, y) in left.iter_mut().zip(right) {
                    // All below 4p < 2⁶².
                    let u = if *x >= two { *x - two } else { *x };
                    let v = self.lazy(*y, *root);
                    *x = u + v;
                    *y = u + two - v;
                }
            }
            half /= 2;
            blocks *= 2;
        }
        for x in a {
            let less = if *x >= two { *x - two } else { *x };
            *x = self.once(less);
        }
    }

    /// The polynomial with these values.
    pub fn inverse(&self, a: &mut [u64]) {
        let two = 2 * self.p;
        let (mut half, mut blocks) = (1, N / 2);
        while blocks > 0 {
            for (block, root) in a.chunks_exact_mut(2 * half).zip(&self.inverses[blocks..]) {
                let (left, right) = block.split_at_mut(half);
                for (x, y) in left.iter_mut().zip(right) {
                    // All below 2p.
                    let (u, v) = (*x, *y);
                    let sum = u + v;
                    *x = if sum >= two { sum - two } else { sum };
                    *y = self.lazy(u + two - v, *root);
                }
            }
            half *= 2;
            blocks /= 2;
        }
        for x in a {
            *x = self.once(self.lazy(*x, self.scale));
        }
    }
}
