//! Asks for a passphrase at the terminal without showing it.
//!
//! The terminal itself is opened, so that standard input stays free for data; it reads key by key, so that
//! Ctrl-C arrives here and the echo is back on before anything else happens.

use std::{
    fs::{File, OpenOptions},
    io::{Read, Write},
};

use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};
use tacit_protocol::secret::Secret;
use zeroize::Zeroizing;

use crate::config::ConfigError;

/// Longer than anybody types; the buffer never grows, so it leaves no copies behind.
const LONGEST: usize = 1024;

/// Asks once.
pub(super) fn ask(question: &str) -> Result<Secret<String>, ConfigError> {
    let no_terminal = |_| ConfigError::PromptCancelled;
    let terminal = OpenOptions::new().read(true).write(true).open("/dev/tty").map_err(no_terminal)?;
    let quiet = Quiet::start(&terminal)?;
    // Reading and writing go through a shared reference, as `quiet` holds the terminal too.
    let mut shared = &terminal;
    let answer =
        shared.write_all(question.as_bytes()).map_err(no_terminal).and_then(|()| read_line(&mut shared));
    drop(quiet);
    // The Enter that ended the line was not echoed.
    shared.write_all(b"\n").map_err(no_terminal)?;
    answer
}

/// Asks for a new passphrase, twice, until both are the same and `check` is content; an empty one is `None`.
pub(super) fn ask_new(
    question: &str,
    check: impl Fn(&Secret<String>) -> Result<(), ConfigError>,
) -> Result<Option<Secret<String>>, ConfigError> {
    // A closed stderr is no reason to panic; the next question shows that something was wrong.
    let say = |text: &dyn std::fmt::Display| drop(writeln!(std::io::stderr(), "{text}; once again, please."));
    loop {
        let first = ask(question)?;
        if first.expose().is_empty() {
            return Ok(None);
        }
        if let Err(error) = check(&first) {
            say(&error);
            continue;
        }
        if first.expose() == ask("The same once more: ")?.expose() {
            return Ok(Some(first));
        }
        say(&"the two differ");
    }
}

/// Switches echo and line editing off, and back on when dropped.
struct Quiet<'a> {
    terminal: &'a File,
    before: Termios,
}

impl<'a> Quiet<'a> {
    fn start(terminal: &'a File) -> Result<Self, ConfigError> {
        let before = tcgetattr(terminal).map_err(|_| ConfigError::PromptCancelled)?;
        let mut modes = before.clone();
        modes.local_modes -= LocalModes::ECHO | LocalModes::ECHONL | LocalModes::ICANON | LocalModes::ISIG;
        modes.special_codes[SpecialCodeIndex::VMIN] = 1;
        modes.special_codes[SpecialCodeIndex::VTIME] = 0;
        tcsetattr(terminal, OptionalActions::Flush, &modes).map_err(|_| ConfigError::PromptCancelled)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Quiet<'_> {
    fn drop(&mut self) {
        // Nothing can be done about a terminal that went away.
        let _ = tcsetattr(self.terminal, OptionalActions::Now, &self.before);
    }
}

/// Reads up to Enter, with Backspace, Ctrl-U, Ctrl-C and Ctrl-D meaning what they do at a terminal.
fn read_line(input: &mut impl Read) -> Result<Secret<String>, ConfigError> {
    let mut line = Zeroizing::new(Vec::with_capacity(LONGEST));
    loop {
        let mut key = Zeroizing::new([0u8]);
        if input.read(&mut *key).map_err(|_| ConfigError::PromptCancelled)? == 0 {
            return Err(ConfigError::PromptCancelled);
        }
        match key[0] {
            b'\r' | b'\n' => break,
            0x03 => return Err(ConfigError::PromptCancelled),
            0x04 if line.is_empty() => return Err(ConfigError::PromptCancelled),
            0x04 => break,
            0x15 => line.clear(),
            0x08 | 0x7f => {
                // A whole character: its continuation bytes (10xxxxxx), then its first byte.
                while line.pop().is_some_and(|byte| byte & 0xc0 == 0x80) {}
            }
            byte if line.len() < LONGEST => line.push(byte),
            _ => return Err(ConfigError::PromptCancelled),
        }
    }
    let text = std::str::from_utf8(&line).map_err(|_| ConfigError::PromptCancelled)?;
    Ok(Secret::new(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(keys: &[u8]) -> Option<String> {
        read_line(&mut &keys[..]).ok().map(|line| line.expose().clone())
    }

    #[test]
    fn keys_mean_what_they_do_at_a_terminal() {
        assert_eq!(typed(b"word\n").as_deref(), Some("word"));
        assert_eq!(typed(b"wort\x7fd\r").as_deref(), Some("word"));
        assert_eq!(typed("naïve\u{8}\u{8}\u{8}\n".as_bytes()).as_deref(), Some("na"));
        assert_eq!(typed(b"wrong\x15right\n").as_deref(), Some("right"));
        assert_eq!(typed(b"\n").as_deref(), Some(""));
        assert_eq!(typed(b"\x7f\n").as_deref(), Some(""));
        assert_eq!(typed(b"wo\x03rd\n"), None, "Ctrl-C");
        assert_eq!(typed(b"\x04"), None, "Ctrl-D");
        assert_eq!(typed(b"word"), None, "the terminal went away");
        assert_eq!(typed(&[b'a'; LONGEST + 2]), None);
    }
}
