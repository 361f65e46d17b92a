use super::*;

fn exact(text: &str) -> Rational {
    text.parse().unwrap()
}

/// A decimal with at most nine digits after the point, in billionths.
fn nano(text: &str) -> u64 {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    whole.parse::<u64>().unwrap() * NANO as u64 + format!("{fraction:0<9}").parse::<u64>().unwrap()
}

#[test]
fn t01_conversions_are_those_of_the_design_to_a_billionth() {
    for (rho, pico) in
        [("0.005", 429_941_468_800), ("0.02", 899_935_267_700u64), ("0.125", 2_419_093_176_900)]
    {
        let found = epsilon_of(nano(rho), exact("1e-6")).unwrap();
        // The design has ten digits; ours is rounded up.
        assert!(found.abs_diff(pico) <= 51, "ρ = {rho}: {found}");
    }
}

/// The third of the design's, 8.6766, is the nearest: the exact one is 8.67663…, 8.6767 rounded up.
#[test]
fn t02_calibrations_are_those_of_the_design_rounded_up() {
    for (epsilon, delta, rho, sigma) in [
        ("0.1", "1e-6", 321_047, 394_640),
        ("0.5", "1e-6", 6_641_524, 86_767),
        ("1", "1e-6", 24_355_970, 45_309),
        ("1", "1e-9", 14_973_057, 57_787),
    ] {
        let found = rho_limit(exact(epsilon), exact(delta)).unwrap();
        assert_eq!(found, rho, "({epsilon}, {delta})");
        assert_eq!(Variance::of_price(rho, 1).unwrap().sigma_e4_up(), sigma, "({epsilon}, {delta})");
    }
}
