//! How long a message may be. Looked at before a byte of it is decoded, so that a length field can never
//! make the node allocate more than what already arrived (A07, A10).

use super::WireError;

/// No message of any kind is longer than this, whatever a protocol asks for: 64 MiB.
pub const LARGEST: usize = 64 << 20;

/// What one message, or one frame around it, may have at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    bytes: usize,
}

impl Limits {
    /// Before the two nodes know each other: 16 KiB, enough for a hello with every list full.
    pub const GREETING: Self = Self { bytes: 16 << 10 };

    /// At most `bytes` bytes a message, and never more than [`LARGEST`].
    pub const fn new(bytes: usize) -> Self {
        Self { bytes: if bytes < LARGEST { bytes } else { LARGEST } }
    }

    /// The bytes a message may have.
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// The limits of a frame: a message of these limits with its envelope around it.
    pub const fn framed(&self) -> Self {
        Self::new(self.bytes + super::envelope::OVERHEAD)
    }

    /// Refuses a length before anything is read or allocated for it.
    ///
    /// # Errors
    /// [`WireError::TooLong`].
    pub const fn check(&self, length: usize) -> Result<(), WireError> {
        if length > self.bytes {
            return Err(WireError::TooLong { length, limit: self.bytes });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a10_no_limit_is_above_the_largest() {
        assert_eq!(Limits::new(usize::MAX).bytes(), LARGEST);
        assert!(Limits::new(10).check(10).is_ok());
        assert_eq!(Limits::new(10).check(11), Err(WireError::TooLong { length: 11, limit: 10 }));
    }
}
