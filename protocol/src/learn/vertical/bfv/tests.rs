//! Against plain integers mod 2⁶⁰, at the edges, and with what must be refused.

use proptest::prelude::*;

use super::{modulus::moduli, response::FLOOD_BITS, *};
use crate::{learn::vertical::share::MASK, secret::Secret, session::PeerMisbehaved};

/// Places and what is there.
type Sparse<T> = Vec<(usize, T)>;

fn seed(number: u8) -> Secret<[u8; 32]> {
    Secret::new([number; 32])
}

fn keys(number: u8) -> (SecretKey, PublicKey) {
    let secret = SecretKey::new(&seed(number));
    let public = PublicKey::read(&secret.public(&seed(number + 1))).unwrap();
    (secret, public)
}

/// m·x in Z[X]/(X^N + 1), mod 2⁶⁰, from the places that are not 0.
fn plain(m: &[u64], x: &[i32]) -> Vec<u64> {
    let mut product = vec![0u64; N];
    for (i, m) in m.iter().enumerate().filter(|(_, m)| **m != 0) {
        for (j, x) in x.iter().enumerate().filter(|(_, x)| **x != 0) {
            let term = m.wrapping_mul(i64::from(*x).cast_unsigned());
            let at = (i + j) % N;
            product[at] =
                if i + j < N { product[at].wrapping_add(term) } else { product[at].wrapping_sub(term) };
        }
    }
    product.iter().map(|x| x & MASK).collect()
}

fn check(pairs: &[(Vec<u64>, Vec<i32>)], masks: &[u64]) {
    let (secret, public) = keys(9);
    let of_pair = |number: u32| Secret::new(*blake3::hash(&number.to_le_bytes()).as_bytes());
    let requests: Vec<Request> = (0..)
        .zip(pairs)
        .map(|(number, (m, _))| Request::read(&secret.encrypt(&of_pair(number), m)).unwrap())
        .collect();
    let smalls: Vec<Small> = pairs.iter().map(|(_, x)| Small::new(x)).collect();
    let both: Vec<_> = requests.iter().zip(&smalls).collect();
    let bytes = Response::write(Accumulator::of(&both), &public, masks, &seed(77));
    let found = secret.decrypt(&Response::read(&bytes, masks.len()).unwrap()).unwrap();
    let mut sum = vec![0u64; N];
    for (m, x) in pairs {
        sum.iter_mut().zip(plain(m, x)).for_each(|(sum, term)| *sum = sum.wrapping_add(term));
    }
    let expected: Vec<u64> =
        sum.iter().zip(masks).map(|(sum, mask)| sum.wrapping_add(*mask) & MASK).collect();
    assert!(*found == expected);
}

#[test]
fn learnv_03_parameters_are_those_of_the_standard() {
    let bits: f64 = PRIMES.iter().map(|p| (*p as f64).log2()).sum();
    assert!(N == 8192 && bits <= 180.0 && bits <= 218.0);
    for modulus in moduli() {
        assert_eq!(modulus.p % (2 * N as u64), 1);
        // Miller and Rabin with the first twelve primes decides below 2⁶⁴.
        let (odd, twos) =
            ((modulus.p - 1) >> (modulus.p - 1).trailing_zeros(), (modulus.p - 1).trailing_zeros());
        for base in [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37] {
            let mut x = modulus.power(base, odd);
            let mut passes = x == 1 || x == modulus.p - 1;
            for _ in 1..twos {
                x = modulus.times(x, x);
                passes |= x == modulus.p - 1;
            }
            assert!(passes, "{} is no prime", modulus.p);
        }
    }
    // The budget: flood and message fit below q, and the flood drowns 22 times the norm for 2²⁸ coefficients.
    const { assert!(60 + 1 + FLOOD_BITS < 180) };
    assert!(f64::from(FLOOD_BITS + 1) - (LARGEST_NORM as f64 * 22.0).log2() - 28.0 >= 40.0);
}

#[test]
fn learnv_03_errors_and_secrets_have_the_stated_width() {
    let mut stream = sample::stream(&seed(3));
    let errors: Vec<i64> = (0..16).flat_map(|_| sample::errors(&mut stream).to_vec()).collect();
    let variance = errors.iter().map(|e| (e * e) as f64).sum::<f64>() / errors.len() as f64;
    assert!((variance - 10.5).abs() < 0.2 && errors.iter().all(|e| e.abs() <= sample::ERROR_MOST));
    let secret = sample::ternary(&mut stream);
    for value in [-1, 0, 1] {
        let share = secret.iter().filter(|s| **s == value).count();
        assert!((2500..2970).contains(&share), "{share}");
    }
}

#[test]
fn the_transform_multiplies() {
    for modulus in moduli() {
        let mut x: Vec<u64> = (0..N as u64).map(|i| modulus.power(i + 2, 1234)).collect();
        let before = x.clone();
        let mut y = vec![0; N];
        y[N - 1] = modulus.p - 1;
        modulus.forward(&mut x);
        modulus.forward(&mut y);
        let mut product: Vec<u64> = x.iter().zip(&y).map(|(x, y)| modulus.times(*x, *y)).collect();
        modulus.inverse(&mut product);
        // Times −X^(N−1), which is X⁻¹.
        assert_eq!(product[..N - 1], before[1..]);
        assert_eq!(product[N - 1], modulus.minus(0, before[0]));
        modulus.inverse(&mut x);
        assert_eq!(x, before);
    }
}

#[test]
fn learnv_10_products_at_the_edges_are_exact() {
    let most = (1i32 << 20) - 1;
    let all = |value: i32| vec![value; N];
    check(&[(vec![MASK], all(most)), (vec![1], all(-most)), (vec![1 << 59], all(-1))], &[MASK; N]);
    let tail = |value: u64| {
        let mut m = vec![0; N];
        m[N - 1] = value;
        m
    };
    check(&[(tail(MASK), all(most)), (tail(1 << 59), all(-most))], &[0, 1 << 59, MASK]);
    check(&[(vec![], all(7))], &[5]);
    check(&[(vec![MASK; 3], vec![0; N])], &[0; 1]);
}

#[test]
fn learnv_10_more_products_than_a_lazy_sum_holds() {
    let pairs: Vec<_> = (0..300).map(|i| (vec![MASK - i as u64], vec![(1 << 20) - 1 - i; 50])).collect();
    check(&pairs, &[3; 60]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn learnv_10_products_are_those_of_integers(
        pairs in prop::collection::vec(
            (prop::collection::vec((0..N, any::<u64>()), 1..20), prop::collection::vec((0..N, -(1i32 << 20)..1 << 20), 1..40)),
            1..4,
        ),
        masks in prop::collection::vec(any::<u64>(), 1..50),
    ) {
        let dense = |(m, x): (Sparse<u64>, Sparse<i32>)| {
            let (mut wide, mut small) = (vec![0; N], vec![0; N]);
            m.into_iter().for_each(|(place, value)| wide[place] = value & MASK);
            x.into_iter().for_each(|(place, value)| small[place] = value);
            (wide, small)
        };
        let pairs: Vec<_> = pairs.into_iter().map(dense).collect();
        let masks: Vec<u64> = masks.into_iter().map(|mask| mask & MASK).collect();
        check(&pairs, &masks);
    }
}

#[test]
fn learnv_12_a_ciphertext_with_too_much_noise_is_refused() {
    let (secret, public) = keys(1);
    let mut request = Request::read(&secret.encrypt(&seed(2), &[5])).unwrap();
    let small = Small::new(&[1 << 12]);
    let respond = |request: &Request, count: usize| {
        let bytes =
            Response::write(Accumulator::of(&[(request, &small)]), &public, &vec![0; count], &seed(3));
        secret.decrypt(&Response::read(&bytes, count).unwrap())
    };
    assert_eq!(respond(&request, 1).unwrap()[0], 5 << 12);
    // Noise of 2⁹⁰ more is still within what the flood allows to tell apart; of 2¹⁰⁴ it is not, after 2¹² more.
    let mut noisy = |bits: u32| {
        for (limb, modulus) in moduli().iter().enumerate() {
            // A constant polynomial's transform has that number at every place.
            let noise = modulus.reduce(1 << bits);
            request.b.0[limb * N..(limb + 1) * N].iter_mut().for_each(|b| *b = modulus.plus(*b, noise));
        }
        request.clone()
    };
    let more = noisy(90);
    assert_eq!(respond(&more, 1).unwrap()[0], 5 << 12);
    let far = noisy(104);
    assert_eq!(respond(&far, 1), Err(PeerMisbehaved::NoiseAboveBound));
    assert_eq!(respond(&far, N), Err(PeerMisbehaved::NoiseAboveBound));
    // Under another key it is noise as well: of 8192 coefficients one in forty passes.
    let (other, _) = keys(20);
    let bytes = Response::write(Accumulator::of(&[(&far, &small)]), &public, &[0; 100], &seed(3));
    let wrong = other.decrypt(&Response::read(&bytes, 100).unwrap());
    assert_eq!(wrong, Err(PeerMisbehaved::NoiseAboveBound));
}

#[test]
fn learnv_10_malformed_ciphertexts_are_refused() {
    let (secret, public) = keys(1);
    let bytes = secret.encrypt(&seed(2), &[5]);
    assert_eq!(bytes.len(), Request::BYTES);
    let differs = |expected, got| Some(PeerMisbehaved::CountDiffers { expected, got });
    for length in [0, 31, 32, bytes.len() - 1] {
        assert_eq!(Request::read(&bytes[..length]).err(), differs(Request::BYTES, length));
    }
    assert_eq!(Request::read(&[&bytes[..], &[0]].concat()).err(), differs(Request::BYTES, bytes.len() + 1));
    // The first number is the prime itself; then the last is as large as it can be.
    for (limb, p) in PRIMES.into_iter().enumerate() {
        let mut above = bytes.clone();
        let at = 32 + limb * N / 2 * 15;
        let mut pair = [0; 16];
        pair[..15].copy_from_slice(&above[at..at + 15]);
        let changed = (u128::from_le_bytes(pair) >> 60 << 60) | u128::from(p);
        above[at..at + 15].copy_from_slice(&changed.to_le_bytes()[..15]);
        assert_eq!(Request::read(&above).err(), Some(PeerMisbehaved::CoefficientAboveModulus));
        assert_eq!(PublicKey::read(&above).err(), Some(PeerMisbehaved::CoefficientAboveModulus));
    }
    let mut last = bytes.clone();
    last[32 + pack::POLY - 8..].fill(0xff);
    assert_eq!(Request::read(&last).err(), Some(PeerMisbehaved::CoefficientAboveModulus));

    // One of another level: a request where a response is due, or with more coefficients than asked.
    let request = Request::read(&bytes).unwrap();
    let small = Small::new(&[3]);
    let response = Response::write(Accumulator::of(&[(&request, &small)]), &public, &[0; 8], &seed(3));
    assert_eq!(Response::read(&bytes, 8).err(), differs(Response::bytes(8), bytes.len()));
    assert_eq!(Response::read(&response, 9).err(), differs(Response::bytes(9), response.len()));
    assert_eq!(Response::read(&response, 7).err(), differs(Response::bytes(7), response.len()));
    assert!(Request::read(&response).is_err());
}

/// LEARNV-11, with its planted twin: without the encryption of zero the one that decrypts divides and reads.
#[test]
fn learnv_11_a_product_does_not_show_what_it_was_multiplied_with() {
    let (secret, public) = keys(1);
    let request = Request::read(&secret.encrypt(&seed(2), &[1])).unwrap();
    let column: Vec<i32> = (0..N as i32).map(|row| row * 37 % 4001 - 2000).collect();
    let small = Small::new(&column);
    let twin = Accumulator::of(&[(&request, &small)]);
    let modulus = &moduli()[0];
    let quotient = |a: &[u64]| {
        let divide = |(a, by): (&u64, &u64)| modulus.times(*a, modulus.power(*by, modulus.p - 2));
        let mut x: Vec<u64> = a.iter().zip(&request.a.0).map(divide).collect();
        modulus.inverse(&mut x);
        x
    };
    let expected: Vec<u64> = column.iter().map(|x| modulus.signed(i64::from(*x))).collect();
    assert_eq!(quotient(&twin.a.0[..N]), expected, "the attack has no power");

    // What is sent, lifted back to q as well as it can be: (a·p/2⁸⁰) mod the first prime is off by far more than 1, so
    // the attack is made on the difference that hides it: two responses to one request differ everywhere.
    let send =
        |number: u8| Response::write(Accumulator::of(&[(&request, &small)]), &public, &[0; 4], &seed(number));
    let [one, two] = [send(5), send(6)].map(|bytes| Response::read(&bytes, 4).unwrap());
    let same = one.a.iter().zip(&two.a).filter(|(x, y)| x.abs_diff(**y) < 1 << 60).count();
    assert_eq!(same, 0);
}

#[test]
fn a_key_does_not_print_itself() {
    assert_eq!(format!("{:?}", SecretKey::new(&seed(1))), "SecretKey(..)");
}
