//! CSV by hand, a byte at a time: for headers, and for finding the line that a fast decoder choked on.
//!
//! It follows the same reading of RFC 4180 as the decoder: lines end in CR, LF or both; empty lines are
//! passed over; a quote counts only at the start of a field; what follows a closing quote belongs to the
//! field.

use std::io::{self, Read};

use crate::scan::csv::LONGEST_RECORD;

/// The first thing that is wrong in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    Encoding { offset: u64, line: u64 },
    Ragged { line: u64, found: u64 },
    QuoteOpen { line: u64 },
    TooLong { line: u64 },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    RecordStart,
    FieldStart,
    Plain,
    Quoted,
    QuoteInQuoted,
}

/// What one byte did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Event {
    Nothing,
    Content,
    FieldEnd,
    RecordEnd,
}

/// The state of a reader in the middle of a file.
#[derive(Debug)]
pub(super) struct Tokens {
    delimiter: u8,
    state: State,
}

impl Tokens {
    pub fn new(delimiter: u8) -> Self {
        Self { delimiter, state: State::RecordStart }
    }

    fn step(&mut self, byte: u8) -> Event {
        use State::*;
        let ends_line = matches!(byte, b'\n' | b'\r');
        let (state, event) = match self.state {
            RecordStart if ends_line => (RecordStart, Event::Nothing),
            RecordStart | FieldStart if byte == b'"' => (Quoted, Event::Nothing),
            Quoted if byte == b'"' => (QuoteInQuoted, Event::Nothing),
            Quoted => (Quoted, Event::Content),
            QuoteInQuoted if byte == b'"' => (Quoted, Event::Content),
            _ if byte == self.delimiter => (FieldStart, Event::FieldEnd),
            _ if ends_line => (RecordStart, Event::RecordEnd),
            _ => (Plain, Event::Content),
        };
        self.state = state;
        event
    }

    /// Reads from the first byte to the first fault; every record should have `expected` fields.
    pub fn first_fault(mut self, mut file: impl Read, expected: u64) -> io::Result<Option<Fault>> {
        let mut chunk = vec![0; 1 << 16];
        let mut text = Utf8::default();
        let (mut line, mut record_line, mut quote_line) = (1, 1, 1);
        let (mut fields, mut length) = (0, 0);
        let mut after_return = false;
        loop {
            let read = match file.read(&mut chunk) {
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            let bytes = &chunk[..read];
            if read == 0 {
                return Ok(if !text.cut.is_empty() {
                    Some(Fault::Encoding { offset: text.offset - text.cut.len() as u64, line })
                } else if self.state == State::Quoted {
                    Some(Fault::QuoteOpen { line: quote_line })
                } else if self.state != State::RecordStart && fields + 1 != expected {
                    Some(Fault::Ragged { line: record_line, found: fields + 1 })
                } else {
                    None
                });
            }
            let bad = text.feed(bytes);
            for (index, &byte) in bytes.iter().enumerate() {
                if bad == Some(index) {
                    return Ok(Some(Fault::Encoding { offset: text.offset, line }));
                }
                if self.state == State::RecordStart {
                    (record_line, fields, length) = (line, 0, 0);
                }
                let was_quoted = self.state == State::Quoted;
                length += 1;
                match self.step(byte) {
                    Event::FieldEnd => fields += 1,
                    Event::RecordEnd if fields + 1 != expected => {
                        return Ok(Some(Fault::Ragged { line: record_line, found: fields + 1 }));
                    }
                    _ => {}
                }
                if self.state == State::Quoted && !was_quoted && byte == b'"' {
                    quote_line = line;
                }
                if length > LONGEST_RECORD {
                    return Ok(Some(match self.state {
                        State::Quoted => Fault::QuoteOpen { line: quote_line },
                        _ => Fault::TooLong { line: record_line },
                    }));
                }
                // CR, LF and CRLF each end one line.
                line += u64::from(byte == b'\r' || (byte == b'\n' && !after_return));
                after_return = byte == b'\r';
            }
            text.offset += read as u64;
        }
    }
}

/// Watches a stream of bytes for the first that is not UTF-8.
#[derive(Debug, Default)]
struct Utf8 {
    /// The bytes of a letter that a chunk cut off.
    cut: Vec<u8>,
    /// Where the chunk begins; after a fault, where that is.
    offset: u64,
}

impl Utf8 {
    /// The index in `chunk` of the first bad byte; `offset` is moved there.
    fn feed(&mut self, chunk: &[u8]) -> Option<usize> {
        let mut start = 0;
        while !self.cut.is_empty() && start < chunk.len() {
            self.cut.push(chunk[start]);
            start += 1;
            match std::str::from_utf8(&self.cut) {
                Ok(_) => self.cut.clear(),
                Err(error) if error.error_len().is_none() && self.cut.len() < 4 => {}
                Err(_) => {
                    // The letter began in an earlier chunk.
                    self.offset = self.offset + start as u64 - self.cut.len() as u64;
                    return Some(start - 1);
                }
            }
        }
        match std::str::from_utf8(&chunk[start..]) {
            Ok(_) => None,
            Err(error) if error.error_len().is_none() => {
                self.cut = chunk[start + error.valid_up_to()..].to_vec();
                None
            }
            Err(error) => {
                let bad = start + error.valid_up_to();
                self.offset += bad as u64;
                Some(bad)
            }
        }
    }
}

/// The byte offset and the line of the first byte of `bytes` that is not UTF-8; `base` is their offset.
pub(super) fn encoding_fault(bytes: &[u8], base: u64) -> Option<(u64, u64)> {
    let valid = std::str::from_utf8(bytes).err()?.valid_up_to();
    let lines = bytes[..valid].iter().filter(|&&byte| byte == b'\n').count() as u64;
    Some((base + valid as u64, 1 + lines))
}

/// The fields of the first record and its length in bytes with its line end; `None` if it has no end.
pub(super) fn first_record(bytes: &[u8], delimiter: u8) -> Option<(Vec<Vec<u8>>, usize)> {
    let mut tokens = Tokens::new(delimiter);
    let (mut fields, mut field) = (Vec::new(), Vec::new());
    for (index, &byte) in bytes.iter().enumerate() {
        match tokens.step(byte) {
            Event::Nothing => {}
            Event::Content => field.push(byte),
            Event::FieldEnd => fields.push(std::mem::take(&mut field)),
            Event::RecordEnd => {
                fields.push(field);
                return Some((fields, index + 1));
            }
        }
    }
    // A header without rows may lack its line end.
    let whole = bytes.len() < LONGEST_RECORD && !matches!(tokens.state, State::RecordStart | State::Quoted);
    fields.push(field);
    whole.then_some((fields, bytes.len()))
}

/// The separator of a file, by its first line: a comma, unless there is none but another one.
pub(super) fn guess_delimiter(bytes: &[u8]) -> u8 {
    let line =
        bytes.split(|byte| matches!(byte, b'\n' | b'\r')).find(|line| !line.is_empty()).unwrap_or_default();
    let count = |delimiter: u8| line.iter().filter(|&&byte| byte == delimiter).count();
    if count(b',') > 0 {
        return b',';
    }
    [b'\t', b';', b'|']
        .into_iter()
        .max_by_key(|&delimiter| count(delimiter))
        .filter(|&d| count(d) > 0)
        .unwrap_or(b',')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &[u8], expected: u64) -> Option<Fault> {
        Tokens::new(b',').first_fault(text, expected).unwrap()
    }

    #[test]
    fn a_ragged_line_is_named_by_its_line_in_the_file() {
        assert_eq!(fault(b"a,b\n1,2\n\n3\n", 2), Some(Fault::Ragged { line: 4, found: 1 }));
        assert_eq!(fault(b"a,b\r\n\"x\r\ny\",2\r\n3,4,5\r\n", 2), Some(Fault::Ragged { line: 4, found: 3 }));
        assert_eq!(fault(b"a,b\n1,2\n3", 2), Some(Fault::Ragged { line: 3, found: 1 }));
        assert_eq!(fault(b"a,b\n\"1\"\"\",\"2\"x\n5\" nails,4", 2), None);
    }

    #[test]
    fn an_open_quote_is_named_by_the_line_that_opens_it() {
        assert_eq!(fault(b"a,b\n1,2\n3,\"4\n5,6\n7,8\n", 2), Some(Fault::QuoteOpen { line: 3 }));
        let mut long = b"a,b\n1,\"".to_vec();
        long.resize(LONGEST_RECORD + 100, b'x');
        assert_eq!(fault(&long, 2), Some(Fault::QuoteOpen { line: 2 }));
        long[6] = b'x';
        assert_eq!(fault(&long, 2), Some(Fault::TooLong { line: 2 }));
    }

    #[test]
    fn a_byte_that_is_not_utf8_is_named_by_offset_and_line() {
        assert_eq!(fault(b"a,b\n1,2\n\xd5\xc5,4\n", 2), Some(Fault::Encoding { offset: 8, line: 3 }));
        assert_eq!(fault("a,b\n张,4\n".as_bytes(), 2), None);
        assert_eq!(fault(b"a,b\n1,\xe5\xbc", 2), Some(Fault::Encoding { offset: 6, line: 2 }));
        assert_eq!(encoding_fault(b"x\ny\xff", 10), Some((13, 2)));
    }

    #[test]
    fn a_letter_cut_by_a_chunk_is_whole_again() {
        let text = "a\n".to_owned() + &"张".repeat(50_000);
        assert_eq!(fault(text.as_bytes(), 1), None);
        let mut broken = text.into_bytes();
        let at = (1 << 16) + 1;
        broken[at] = b'x';
        let expected = std::str::from_utf8(&broken).unwrap_err().valid_up_to() as u64;
        let Some(Fault::Encoding { offset, line: 2 }) = fault(&broken, 1) else { panic!("not found") };
        assert_eq!(offset, expected);
    }

    #[test]
    fn a_header_may_be_quoted_and_may_lack_its_line_end() {
        let fields = |text: &[u8]| first_record(text, b',').map(|(fields, length)| (fields.len(), length));
        assert_eq!(fields(b"a,\"b,\n\"\"c\",d\n1"), Some((3, 13)));
        assert_eq!(fields(b"a,b"), Some((2, 3)));
        assert_eq!(fields(b"\n\na,b\r\n"), Some((2, 6)));
        assert_eq!(fields(b"\n\n"), None);
        assert_eq!(first_record(b"\"x\"\"y\",z", b',').unwrap().0, [b"x\"y".to_vec(), b"z".to_vec()]);
    }

    #[test]
    fn the_separator_is_told_from_the_header() {
        for (text, expected) in [
            (&b"a,b;c\n"[..], b','),
            (b"a;b;c\n", b';'),
            (b"a\tb\n1;2", b'\t'),
            (b"a|b", b'|'),
            (b"id\n", b','),
        ] {
            assert_eq!(guess_delimiter(text), expected);
        }
    }
}
