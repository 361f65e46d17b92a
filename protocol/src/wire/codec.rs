//! The one place that knows how values become bytes (bincode 2, fixed-width little-endian integers).
//!
//! Fixed width, because a variable-width integer has several encodings of one number, and a second encoding
//! of a message is a second transcript (A11). Lists of bytes are read as one slice: their length is compared
//! with the bytes that are there before anything is allocated (A10).

use std::fmt;

use bincode::{config, error::DecodeError};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, SeqAccess, Visitor},
};

use super::{Limits, WireError, limits::LARGEST};

type Config = config::Configuration<config::LittleEndian, config::Fixint, config::Limit<LARGEST>>;

const CONFIG: Config =
    config::standard().with_little_endian().with_fixed_int_encoding().with_limit::<LARGEST>();

/// Writes `value`; `capacity` is the expected length, so that bulk is copied once. For types made of integers,
/// ids, enums and the lists of this module; maps have no one order and must not be in them.
pub fn encode<T: Serialize>(value: &T, capacity: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(capacity);
    let written = bincode::serde::encode_into_std_write(value, &mut bytes, CONFIG);
    // Invariant: writing to a Vec does not fail, and no message type has a map, a sequence of unknown length
    // or a serializer of its own that can refuse.
    written.expect("messages serialize");
    bytes
}

/// Reads a value that fills `bytes` exactly.
///
/// # Errors
/// [`WireError`] when `bytes` is too long, ends early, goes on, or has a value that does not exist.
pub fn decode<'de, T: Deserialize<'de>>(bytes: &'de [u8], limits: &Limits) -> Result<T, WireError> {
    limits.check(bytes.len())?;
    let (value, read) =
        bincode::serde::borrow_decode_from_slice(bytes, CONFIG).map_err(|error| match error {
            DecodeError::UnexpectedEnd { .. } => WireError::Cut,
            _ => WireError::Malformed,
        })?;
    match bytes.len() - read {
        0 => Ok(value),
        rest => Err(WireError::TrailingBytes(rest)),
    }
}

/// Bytes that travel as one block.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Bulk(pub Vec<u8>);

impl fmt::Debug for Bulk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bulk({} bytes)", self.0.len())
    }
}

impl Serialize for Bulk {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Bulk {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Slice::deserialize(deserializer).map(|slice| Self(slice.0.to_vec()))
    }
}

/// As [`Bulk`], borrowed from the frame it stands in.
#[derive(Clone, Copy)]
pub(crate) struct Slice<'a>(pub &'a [u8]);

impl Serialize for Slice<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Slice<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Borrow;
        impl<'de> Visitor<'de> for Borrow {
            type Value = Slice<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a block of bytes")
            }
            fn visit_borrowed_bytes<E: de::Error>(self, bytes: &'de [u8]) -> Result<Slice<'de>, E> {
                Ok(Slice(bytes))
            }
        }
        deserializer.deserialize_bytes(Borrow)
    }
}

/// Encoded group elements, 32 bytes each, travelling as one block.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Points(pub Vec<[u8; 32]>);

impl fmt::Debug for Points {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Points({})", self.0.len())
    }
}

impl Serialize for Points {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0.as_flattened())
    }
}

impl<'de> Deserialize<'de> for Points {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Slice::deserialize(deserializer)?.0.as_chunks() {
            (points, []) => Ok(Self(points.to_vec())),
            _ => Err(de::Error::custom("a point has 32 bytes")),
        }
    }
}

/// A list of at most `MAX` values; a longer one is refused by its length field.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct List<T, const MAX: usize>(Vec<T>);

impl<T, const MAX: usize> List<T, MAX> {
    /// Takes the first `MAX` of `values`.
    pub fn new(values: impl IntoIterator<Item = T>) -> Self {
        Self(values.into_iter().take(MAX).collect())
    }

    /// The values.
    pub fn as_slice(&self) -> &[T] {
        &self.0
    }
}

impl<T: Serialize, const MAX: usize> Serialize for List<T, MAX> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de, T: Deserialize<'de>, const MAX: usize> Deserialize<'de> for List<T, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bounded<T, const MAX: usize>(std::marker::PhantomData<T>);
        impl<'de, T: Deserialize<'de>, const MAX: usize> Visitor<'de> for Bounded<T, MAX> {
            type Value = List<T, MAX>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a list of at most {MAX}")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Self::Value, A::Error> {
                let length = values.size_hint().unwrap_or(0);
                if length > MAX {
                    return Err(de::Error::invalid_length(length, &self));
                }
                let mut list = Vec::with_capacity(length);
                while let Some(value) = values.next_element()? {
                    list.push(value);
                }
                Ok(List(list))
            }
        }
        deserializer.deserialize_seq(Bounded(std::marker::PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOMY: Limits = Limits::new(1 << 20);

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    enum Sample {
        Number(u64),
        Block(Bulk),
        Names(List<u16, 3>),
        Yes(bool),
    }

    #[test]
    fn a11_there_is_one_encoding() {
        let bytes = encode(&Sample::Number(7), 0);
        assert_eq!(bytes, [0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(decode(&bytes, &ROOMY), Ok(Sample::Number(7)));

        let trailing = [bytes.as_slice(), &[0]].concat();
        assert_eq!(decode::<Sample>(&trailing, &ROOMY), Err(WireError::TrailingBytes(1)));
        let unknown = [&[4, 0, 0, 0], &bytes[4..]].concat();
        assert_eq!(decode::<Sample>(&unknown, &ROOMY), Err(WireError::Malformed));
        assert_eq!(decode::<Sample>(&[3, 0, 0, 0, 2], &ROOMY), Err(WireError::Malformed), "2 is no bool");
    }

    #[test]
    fn a09_a_message_cut_at_any_byte_is_an_error() {
        let bytes = encode(&Sample::Block(Bulk(vec![9; 20])), 0);
        for end in 0..bytes.len() {
            assert_eq!(decode::<Sample>(&bytes[..end], &ROOMY), Err(WireError::Cut), "cut at {end}");
        }
    }

    #[test]
    fn a10_a_length_field_is_not_believed() {
        let mut bytes = encode(&Sample::Block(Bulk(vec![9; 20])), 0);
        bytes[4..12].copy_from_slice(&u64::MAX.to_le_bytes());
        assert!(decode::<Sample>(&bytes, &ROOMY).is_err());
        bytes[4..12].copy_from_slice(&(1u64 << 40).to_le_bytes());
        assert!(decode::<Sample>(&bytes, &ROOMY).is_err());

        let names = encode(&Sample::Names(List(vec![1, 2, 3, 4])), 0);
        assert_eq!(decode::<Sample>(&names, &ROOMY), Err(WireError::Malformed), "four where three may stand");
        let long = encode(&Sample::Block(Bulk(vec![0; 100])), 0);
        let tight = Limits::new(100);
        assert_eq!(decode::<Sample>(&long, &tight), Err(WireError::TooLong { length: 112, limit: 100 }));
    }

    #[test]
    fn points_come_in_whole() {
        let bytes = encode(&Bulk(vec![1; 33]), 0);
        assert_eq!(decode::<Points>(&bytes, &ROOMY), Err(WireError::Malformed));
        let bytes = encode(&Bulk(vec![1; 64]), 0);
        assert_eq!(decode::<Points>(&bytes, &ROOMY), Ok(Points(vec![[1; 32]; 2])));
    }
}
