//! `[witness]`: an auditor's own witness of this node's log.

use tacit_protocol::{
    ids::PartnerId,
    log::note::{SignatureKind, VerifierKey},
};

use crate::config::{ConfigError, reader::Section};

/// Where the witness answers, and how it signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WitnessSettings {
    /// `host:port`, as it is dialled.
    pub address: String,
    /// `host`, or `host:port` where the port is not 80: as HTTP names it.
    pub host: String,
    /// What stands before `/add-checkpoint`: empty, or a path that begins with a slash.
    pub path: String,
    /// Its verifier key, of kind 0x04. Its name is what reports call the witness.
    pub key: VerifierKey,
}

const EXAMPLE_URL: &str = "http://127.0.0.1:7380";
const EXAMPLE_KEY: &str = "witness.example.org/w1+1a2b3c4d+BA…";

impl WitnessSettings {
    /// Nothing is set, or both are.
    pub(super) fn read(mut section: Section<'_>) -> Result<Option<Self>, ConfigError> {
        let url = section.text("url", EXAMPLE_URL, check_url)?;
        let key = section.text("key", EXAMPLE_KEY, check_key)?;
        let settings = match (url, key) {
            (None, None) => None,
            (Some((address, host, path)), Some(key)) => Some(Self { address, host, path, key }),
            (None, Some(_)) => {
                return Err(section.bad("url", "is missing", format!("url = \"{EXAMPLE_URL}\"")));
            }
            (Some(_), None) => {
                return Err(section.bad("key", "is missing", format!("key = \"{EXAMPLE_KEY}\"")));
            }
        };
        section.finish()?;
        Ok(settings)
    }

    /// Under which id this node keeps what the witness has seen: the hash of its key, as a partner's.
    pub fn id(&self) -> PartnerId {
        PartnerId::of_key(self.key.public())
    }
}

/// What a URL of the only scheme that is spoken names.
fn check_url(url: &str) -> Result<(String, String, String), (String, String)> {
    let bad = |problem: &str| (problem.to_owned(), format!("such as \"{EXAMPLE_URL}\""));
    // A cosignature is signed, and a head is no secret from a witness, so TLS would add little; a proxy can add it.
    let Some(rest) = url.strip_prefix("http://") else { return Err(bad("does not begin with http://")) };
    if !rest.bytes().all(|byte| byte.is_ascii_graphic()) || rest.contains(['?', '#', '@']) {
        return Err(bad("has a character that does not belong there"));
    }
    let (host, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    let with_port = match host.rsplit_once(':') {
        // The last colon of a bare `[::1]` stands inside of the brackets.
        Some((name, port)) if !port.ends_with(']') => {
            let right = !name.is_empty() && port.parse::<u16>().is_ok_and(|port| port != 0);
            right.then(|| host.to_owned()).ok_or_else(|| bad("has no host and port"))?
        }
        _ if !host.is_empty() => format!("{host}:80"),
        _ => return Err(bad("names no host")),
    };
    Ok((with_port, host.to_owned(), path.trim_end_matches('/').to_owned()))
}

fn check_key(text: &str) -> Result<VerifierKey, (String, String)> {
    let mend = "the verifier key that the witness prints, of kind 4: name+8 hex digits+Base64";
    let key: VerifierKey =
        text.parse().map_err(|fault| (format!("cannot be used: {fault}"), mend.to_owned()))?;
    if key.kind() == SignatureKind::Cosignature {
        Ok(key)
    } else {
        Err(("is a log's key, not a witness's".to_owned(), mend.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    const KEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";

    fn witness() -> VerifierKey {
        let log: VerifierKey = KEY.parse().unwrap();
        VerifierKey::new("witness.example.org/w1", SignatureKind::Cosignature, *log.public()).unwrap()
    }

    fn parse(section: &str) -> Result<Option<WitnessSettings>, ConfigError> {
        let text = format!(
            "name = \"brand\"\n[link]\nlisten = \"127.0.0.1:4433\"\naddresses = [\"127.0.0.1:4433\"]\n\
             [unlock]\nmethod = \"passphrase\"\n{section}"
        );
        Config::parse(&text, "tacit.toml").map(|config| config.witness)
    }

    #[test]
    fn a_witness_has_a_place_and_a_key() {
        assert_eq!(parse("").unwrap(), None);
        for (url, address, host, path) in [
            ("http://127.0.0.1:7380", "127.0.0.1:7380", "127.0.0.1:7380", ""),
            ("http://w.example/log/", "w.example:80", "w.example", "/log"),
            ("http://[::1]:81/a/b", "[::1]:81", "[::1]:81", "/a/b"),
            ("http://[::1]", "[::1]:80", "[::1]", ""),
        ] {
            let section = format!("[witness]\nurl = \"{url}\"\nkey = \"{}\"\n", witness());
            let found = parse(&section).unwrap().unwrap();
            assert_eq!((&*found.address, &*found.host, &*found.path), (address, host, path));
            assert_eq!(found.key, witness());
        }
    }

    #[test]
    fn what_is_no_witness_is_refused_by_its_name() {
        let key = witness();
        for (section, field) in [
            ("url = \"http://w\"\n".to_owned(), "witness.key"),
            (format!("key = \"{key}\"\n"), "witness.url"),
            (format!("url = \"https://w\"\nkey = \"{key}\"\n"), "witness.url"),
            (format!("url = \"http://w:0\"\nkey = \"{key}\"\n"), "witness.url"),
            (format!("url = \"http:///x\"\nkey = \"{key}\"\n"), "witness.url"),
            (format!("url = \"http://a b\"\nkey = \"{key}\"\n"), "witness.url"),
            (format!("url = \"http://a\\r\\nX: y\"\nkey = \"{key}\"\n"), "witness.url"),
            (format!("url = \"http://w\"\nkey = \"{KEY}\"\n"), "witness.key"),
            ("url = \"http://w\"\nkey = \"nonsense\"\n".to_owned(), "witness.key"),
        ] {
            let error = parse(&format!("[witness]\n{section}")).unwrap_err();
            let ConfigError::BadSetting { field: found, .. } = &error else { panic!("{section}: {error}") };
            assert_eq!(found, field, "{section}");
        }
    }
}
