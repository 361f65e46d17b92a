//! How sure an interval is.

/// An interval of a figure that stands alone, or one of several that must hold together.
///
/// An AVG comes of two noisy figures, a STDDEV of three, a CORR of six. If each of n misses with probability at most 5 %/n,
/// all hold together with at least 95 %.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cover {
    /// 95 %.
    Alone,
    /// 97.5 %: one of two.
    OfTwo,
    /// 98⅓ %: one of three.
    OfThree,
    /// 99⅙ %: one of six.
    OfSix,
}

impl Cover {
    /// n, where an interval misses with probability at most 1/n.
    pub(super) const fn one_miss_in(self) -> u128 {
        match self {
            Self::Alone => 20,
            Self::OfTwo => 40,
            Self::OfThree => 60,
            Self::OfSix => 120,
        }
    }

    /// z², in units of 10⁻¹², rounded up, where a standard normal number is beyond ±z with that probability.
    pub(super) const fn z_squared_e12(self) -> u128 {
        match self {
            Self::Alone => 3_841_458_820_695,
            Self::OfTwo => 5_023_886_187_315,
            Self::OfThree => 5_731_139_281_940,
            Self::OfSix => 6_960_401_441_053,
        }
    }
}
