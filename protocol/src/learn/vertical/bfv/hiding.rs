//! LEARNV-11 on the bytes that are sent, with twins that leave out one of the two things that hide.

use super::{
    modulus::moduli,
    poly::{Poly, Scale},
    response::FLOOD_BITS,
    *,
};
use crate::secret::Secret;

/// Coefficients whose noise is looked at.
const SENT: usize = 400;

fn seed(number: u8) -> Secret<[u8; 32]> {
    Secret::new([number; 32])
}

/// c·2⁸⁰/q by long division, to the nearest but for one.
fn switched(numbers: &[u64], place: usize) -> u128 {
    let mut sum = 0u128;
    for (limb, modulus) in moduli().iter().enumerate() {
        let others = PRIMES.iter().filter(|p| **p != modulus.p);
        let product = others.fold(1, |product, p| modulus.times(product, modulus.reduce(u128::from(*p))));
        let y = u128::from(modulus.times(numbers[limb * N + place], modulus.power(product, modulus.p - 2)));
        let p = u128::from(modulus.p);
        sum += (((y << 64) / p) << 32) | ((((y << 64) % p) << 32) / p);
    }
    ((sum + (1 << 15)) >> 16) & ((1 << 80) - 1)
}

fn inverse(poly: &mut Poly) {
    moduli().iter().zip(poly.0.chunks_mut(N)).for_each(|(modulus, limb)| modulus.inverse(limb));
}

/// A response with one thing left out: the encryption of zero unless `fresh`, or the flood.
fn twin(product: Accumulator, key: &PublicKey, masks: &[u64], fresh: bool, flood: Option<u32>) -> Response {
    let mut stream = sample::stream(&seed(91));
    let v = Poly::of_small(&sample::ternary(&mut stream));
    let errors = sample::errors(&mut stream);
    let Accumulator { mut b, mut a } = product;
    for (limb, modulus) in moduli().iter().enumerate().filter(|_| fresh) {
        for place in limb * N..(limb + 1) * N {
            b.0[place] = modulus.plus(b.0[place], modulus.times(v.0[place], key.b.0[place]));
            a.0[place] = modulus.plus(a.0[place], modulus.times(v.0[place], key.a.0[place]));
        }
    }
    inverse(&mut b);
    inverse(&mut a);
    let scale = Scale::new();
    for (limb, modulus) in moduli().iter().enumerate() {
        for (a, e) in a.0[limb * N..(limb + 1) * N].iter_mut().zip(errors.iter()).filter(|_| fresh) {
            *a = modulus.plus(*a, modulus.signed(*e));
        }
        for (b, mask) in b.0[limb * N..].iter_mut().zip(masks) {
            *b = modulus.plus(*b, scale.of(limb, *mask));
        }
    }
    for place in (0..masks.len()).filter(|_| flood.is_some()) {
        let bits = flood.unwrap_or_default();
        let drawn = sample::flood(&mut stream, bits);
        for (limb, modulus) in moduli().iter().enumerate() {
            let b = &mut b.0[limb * N + place];
            *b = modulus.plus(*b, modulus.minus(modulus.reduce(drawn), modulus.reduce(1 << bits)));
        }
    }
    let all = |poly: &Poly, count: usize| (0..count).map(|place| switched(&poly.0, place)).collect();
    Response { b: all(&b, masks.len()), a: all(&a, N) }
}

/// How many coefficients of what was sent say that the request was multiplied with this.
fn points_to(response: &Response, request: &Request, guess: &[i32]) -> usize {
    let mut a = Accumulator::of(&[(request, &Small::new(guess))]).a;
    inverse(&mut a);
    let near = |place: &usize| {
        let apart = response.a[*place].wrapping_sub(switched(&a.0, *place)) & ((1 << 80) - 1);
        apart.min((1 << 80) - apart) < 1 << 40
    };
    (0..N).filter(near).count()
}

/// The mean square of the noise that the one that decrypts finds, over that of a flood of ±2¹³.
fn noise(response: &Response, key: &Secret<[u8; 32]>) -> f64 {
    let s = sample::ternary(&mut sample::stream(key));
    let square = |(place, b): (usize, &u128)| {
        let mut sum = *b;
        for (i, s) in s.iter().enumerate() {
            let (at, sign) = if i <= place { (place - i, 1) } else { (N + place - i, -1) };
            sum = sum.wrapping_add(response.a[at].wrapping_mul((s * sign) as u128));
        }
        let low = (sum & ((1 << 20) - 1)) as f64;
        let noise = if low < f64::from(1 << 19) { low } else { low - f64::from(1 << 20) };
        noise * noise
    };
    let sum: f64 = response.b.iter().enumerate().map(square).sum();
    sum / response.b.len() as f64 / (f64::from(1 << 26) / 3.0)
}

/// Of a uniform flood the mean square of 400 is off by .0447 (its relative deviation), so by .25 once in 10⁷; a flood of
/// one bit less has a quarter. A coefficient of a response that hides is within 2⁴⁰ of a guess with probability 2⁻³⁹.
#[test]
fn learnv_11_what_is_sent_is_flooded_and_fresh() {
    let secret = SecretKey::new(&seed(1));
    let public = PublicKey::read(&secret.public(&seed(2))).unwrap();
    let request = Request::read(&secret.encrypt(&seed(3), &[12_345])).unwrap();
    let column: Vec<i32> = (0..N as i32).map(|row| row * 37 % 4001 - 2000).collect();
    let mut other = column.clone();
    other[17] += 1;
    let small = Small::new(&column);
    let product = || Accumulator::of(&[(&request, &small)]);
    let masks: Vec<u64> = (0..SENT as u64).map(|place| place << 40).collect();
    let bytes = Response::write(product(), &public, &masks, &seed(4));
    let sent = Response::read(&bytes, SENT).unwrap();
    let numbers = secret.decrypt(&sent).unwrap();
    assert_eq!((points_to(&sent, &request, &column), points_to(&sent, &request, &other)), (0, 0));
    let flooded = noise(&sent, &seed(1));
    assert!((0.75..1.25).contains(&flooded), "{flooded}");

    // Nobody notices by what is decrypted; the attacks do.
    let stale = twin(product(), &public, &masks, false, Some(FLOOD_BITS));
    assert_eq!(secret.decrypt(&stale).unwrap(), numbers);
    assert_eq!((points_to(&stale, &request, &column), points_to(&stale, &request, &other)), (N, 0));
    for flood in [None, Some(FLOOD_BITS - 1)] {
        let dry = twin(product(), &public, &masks, true, flood);
        assert_eq!(secret.decrypt(&dry).unwrap(), numbers);
        assert!(noise(&dry, &seed(1)) < 0.4);
    }
}
