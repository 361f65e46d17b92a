//! `tacit.toml`: what the operator decides about this node.
//!
//! A misspelt or impossible setting is refused when it is read, by its name and with the mend: a node that
//! starts with a limit the operator did not mean is worse than one that does not start.

use std::{
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use toml::Value;

use crate::config::{
    ConfigError, FileError, Home, WitnessSettings,
    reader::{Section, not_a},
};

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// All settings of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// What partners and contracts call this node.
    pub name: String,
    /// The network.
    pub link: LinkSettings,
    /// What a partner may demand of this machine.
    pub limits: LimitSettings,
    /// What all partners together may learn of this node's customers.
    pub budget: BudgetSettings,
    /// How the private keys are unlocked.
    pub unlock: UnlockMethod,
    /// What is written down while the node runs.
    pub log: LogSettings,
    /// An auditor's own witness of the log, if there is one.
    pub witness: Option<WitnessSettings>,
}

/// `[link]`: how this node is reached and how it sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkSettings {
    /// The UDP address that the node listens on.
    pub listen: SocketAddr,
    /// Where partners reach it, as its card says: `host:port`, best first.
    pub addresses: Vec<String>,
    /// How the sending rate follows the network.
    pub congestion: Congestion,
    /// A connection that is silent for so long is taken for dead.
    pub idle: Duration,
    /// How often a silent connection shows that it lives; less than half of `idle`.
    pub keep_alive: Duration,
    /// How long a session waits for its broken connection to be mended.
    pub resume: Duration,
    /// How long a call may take, from sending to the answer.
    pub deadline: Duration,
    /// Bulk streams of a session; several with small windows outrun one with a big window under loss.
    pub streams: u32,
    /// Bytes in flight per stream.
    pub stream_window: u64,
    /// Bytes that a partner may make this node hold per connection.
    pub receive_window: u64,
    /// Bytes that this node keeps for sending again, per connection.
    pub send_window: u64,
    /// Send and receive buffer of the UDP socket.
    pub socket_buffer: u64,
}

/// How the sending rate follows the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Congestion {
    /// Measures the path's rate; holds up under loss.
    Bbr,
    /// The Internet's usual; falls far back under loss.
    Cubic,
    /// The classic.
    NewReno,
}

/// `[limits]`: what a partner may demand of this machine, whatever a contract says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitSettings {
    /// Items that one side of one session may hold.
    pub max_items: u64,
    /// Sessions at the same time with one partner.
    pub max_sessions: u32,
    /// Memory for reading datasets; what does not fit goes to disk.
    pub memory: u64,
    /// How long one session may take altogether.
    pub max_session_time: Duration,
    /// Files of answers older than this are removed when the node starts; none are when left out.
    pub keep_answers: Option<Duration>,
}

/// `[budget]`: a ceiling over what every partner may learn about one population, whatever their contracts say: two
/// that put together what they know must not know too much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BudgetSettings {
    /// ε, in millionths.
    pub ceiling_epsilon_micro: u64,
    /// δ, in units of 10⁻¹⁵.
    pub ceiling_delta_femto: u64,
}

/// `[unlock]`: where the secret comes from that the private keys are encrypted under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UnlockMethod {
    /// Typed, or from `TACIT_PASSPHRASE`.
    Passphrase,
    /// A file with 32 random bytes in hex; a path that is not absolute starts at the home.
    KeyFile(PathBuf),
    /// An environment variable: 32 bytes in hex, or a text of at least 16 characters.
    Environment(String),
}

/// `[log]`: what `tacit serve` writes down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSettings {
    /// `error`, `warn`, `info`, `debug` or `trace`.
    pub level: String,
    /// For people or for programs.
    pub format: LogFormat,
    /// A file to append to; stderr when left out. A path that is not absolute starts at the home.
    pub file: Option<PathBuf>,
}

/// The form of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// A line for people.
    Text,
    /// One JSON object a line.
    Json,
}

impl Config {
    /// Reads and checks the settings of a home.
    pub fn read(home: &Home) -> Result<Self, ConfigError> {
        let path = home.config_file();
        // Nobody else can enter the home, so the settings need no closed mode of their own.
        let text = fs::read_to_string(&path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => ConfigError::HomeMissing { home: home.root().to_owned() },
            _ => FileError::Unreadable { path: path.clone(), source }.into(),
        })?;
        Self::parse(&text, &path.display().to_string())
    }

    /// Checks settings; `file` is what refusals call them.
    pub fn parse(text: &str, file: &str) -> Result<Self, ConfigError> {
        let mut top = Section::parse(text, file)?;
        let name = match top.text("name", "brand", check_name)? {
            Some(name) => name,
            None => return Err(top.bad("name", "is missing", "name = \"brand\"")),
        };
        let link = LinkSettings::read(top.section("link")?)?;
        let limits = LimitSettings::read(top.section("limits")?)?;
        let budget = BudgetSettings::read(top.section("budget")?)?;
        let unlock = UnlockMethod::read(top.section("unlock")?)?;
        let log = LogSettings::read(top.section("log")?)?;
        let witness = WitnessSettings::read(top.section("witness")?)?;
        top.finish()?;
        Ok(Self { name, link, limits, budget, unlock, log, witness })
    }

    /// The text of a fresh `tacit.toml`: the decisions made, and the defaults as comments.
    pub(super) fn fresh(
        name: &str,
        listen: SocketAddr,
        addresses: &[String],
        unlock: &UnlockMethod,
    ) -> String {
        let text = |text: &str| Value::String(text.to_owned()).to_string();
        let addresses: Vec<String> = addresses.iter().map(|address| text(address)).collect();
        let unlock = match unlock {
            UnlockMethod::Passphrase => {
                "method = \"passphrase\"     # typed, or from TACIT_PASSPHRASE".to_owned()
            }
            UnlockMethod::KeyFile(path) => {
                format!("method = \"key-file\"\npath   = {}", text(&path.to_string_lossy()))
            }
            UnlockMethod::Environment(name) => format!("method = \"key-env\"\nname   = {}", text(name)),
        };
        format!(
            r#"# A Tacit node. What is commented out shows the default.
name = {name}

[link]
listen    = {listen}     # UDP
addresses = [{addresses}]     # what the card tells partners; after a change, hand out the card again
# congestion     = "bbr"        # or "cubic", "new-reno"
# idle           = "60s"
# keep_alive     = "10s"
# resume         = "5m"         # how long a session waits for a broken connection
# deadline       = "30s"        # of a single call
# streams        = 16
# stream_window  = "2.75 MiB"
# receive_window = "48 MiB"
# send_window    = "32 MiB"
# socket_buffer  = "4 MiB"

[limits]
# max_items        = 16777216   # of one side, in one session
# max_sessions     = 4          # at a time, with one partner
# memory           = "1 GiB"    # for reading datasets
# max_session_time = "6h"
# keep_answers     = "30d"      # older ones in answers/ are removed at start; kept when left out

[budget]
# ceiling_epsilon = 20.0        # over all partners, for one population, for ever
# ceiling_delta   = 1e-6

[unlock]
{unlock}

[log]
# level  = "info"               # "error", "warn", "debug", "trace"
# format = "text"               # or "json"
# file   = "tacit.log"          # stderr when left out
"#,
            name = text(name),
            listen = text(&listen.to_string()),
            addresses = addresses.join(", "),
        )
    }
}

impl LinkSettings {
    fn read(mut section: Section<'_>) -> Result<Self, ConfigError> {
        let listen = match section.text("listen", "0.0.0.0:4433", check_listen)? {
            Some(listen) => listen,
            None => return Err(section.bad("listen", "is missing", "listen = \"0.0.0.0:4433\"")),
        };
        let addresses = section.take("addresses", |value| {
            let mend = || "addresses = [\"node.brand.example:4433\"]".to_owned();
            let Value::Array(list) = value else { return Err((not_a("a list", &value), mend())) };
            if list.is_empty() || list.len() > 8 {
                return Err((format!("has {} entries", list.len()), format!("1 to 8: {}", mend())));
            }
            list.into_iter()
                .map(|entry| match entry {
                    Value::String(text) => check_address(&text),
                    other => Err((format!("holds something that {}", not_a("text", &other)), mend())),
                })
                .collect()
        })?;
        let Some(addresses) = addresses else {
            return Err(section.bad("addresses", "is missing", "addresses = [\"node.brand.example:4433\"]"));
        };
        let congestion = section.choice(
            "congestion",
            &[("bbr", Congestion::Bbr), ("cubic", Congestion::Cubic), ("new-reno", Congestion::NewReno)],
        )?;
        let seconds = Duration::from_secs;
        let idle = section.duration("idle", seconds(1)..=seconds(600))?.unwrap_or(seconds(60));
        let keep_alive =
            section.duration("keep_alive", Duration::from_millis(100)..=seconds(300))?.unwrap_or(idle / 6);
        if keep_alive * 2 > idle {
            // One lost packet must not end a silent connection.
            let mend = "at most half of link.idle";
            return Err(section.bad("keep_alive", "is too long for link.idle", mend));
        }
        let stream_window = section.size("stream_window", 64 << 10..=16 * MIB)?.unwrap_or(2_883_584);
        let receive_window = section.size("receive_window", MIB..=256 * MIB)?.unwrap_or(48 * MIB);
        if receive_window < stream_window {
            let mend = "at least link.stream_window, better as much for each of link.streams";
            return Err(section.bad("receive_window", "is smaller than link.stream_window", mend));
        }
        let settings = Self {
            listen,
            addresses,
            congestion: congestion.unwrap_or(Congestion::Bbr),
            idle,
            keep_alive,
            resume: section.duration("resume", seconds(1)..=seconds(86_400))?.unwrap_or(seconds(300)),
            deadline: section.duration("deadline", seconds(1)..=seconds(600))?.unwrap_or(seconds(30)),
            // At most 64, so the number fits.
            streams: section.whole("streams", 1..=64)?.unwrap_or(16) as u32,
            stream_window,
            receive_window,
            send_window: section.size("send_window", MIB..=256 * MIB)?.unwrap_or(32 * MIB),
            socket_buffer: section.size("socket_buffer", 64 << 10..=64 * MIB)?.unwrap_or(4 * MIB),
        };
        section.finish()?;
        Ok(settings)
    }
}

impl LimitSettings {
    fn read(mut section: Section<'_>) -> Result<Self, ConfigError> {
        let seconds = Duration::from_secs;
        let settings = Self {
            max_items: section.whole("max_items", 1..=1 << 32)?.unwrap_or(1 << 24),
            // At most 256, so the number fits.
            max_sessions: section.whole("max_sessions", 1..=256)?.unwrap_or(4) as u32,
            memory: section.size("memory", 64 * MIB..=1024 * GIB)?.unwrap_or(GIB),
            max_session_time: section
                .duration("max_session_time", seconds(10)..=seconds(30 * 86_400))?
                .unwrap_or(seconds(6 * 3_600)),
            keep_answers: section.duration("keep_answers", seconds(3_600)..=seconds(3_650 * 86_400))?,
        };
        section.finish()?;
        Ok(settings)
    }
}

impl BudgetSettings {
    fn read(mut section: Section<'_>) -> Result<Self, ConfigError> {
        let settings = Self {
            ceiling_epsilon_micro: section.real("ceiling_epsilon", 1e-3, 20.0, 1e6)?.unwrap_or(20_000_000),
            ceiling_delta_femto: section.real("ceiling_delta", 1e-12, 1e-2, 1e15)?.unwrap_or(1_000_000_000),
        };
        section.finish()?;
        Ok(settings)
    }
}

impl UnlockMethod {
    fn read(mut section: Section<'_>) -> Result<Self, ConfigError> {
        #[derive(Clone, Copy)]
        enum Kind {
            Passphrase,
            KeyFile,
            Environment,
        }
        let kinds =
            [("passphrase", Kind::Passphrase), ("key-file", Kind::KeyFile), ("key-env", Kind::Environment)];
        let kind = match section.choice("method", &kinds)? {
            Some(kind) => kind,
            None => return Err(section.bad("method", "is missing", "method = \"passphrase\"")),
        };
        let method = match kind {
            Kind::Passphrase => Self::Passphrase,
            Kind::KeyFile => match section.text("path", "unlock.key", check_path)? {
                Some(path) => Self::KeyFile(path),
                None => return Err(section.bad("path", "is missing", "path = \"unlock.key\"")),
            },
            Kind::Environment => match section.text("name", "TACIT_KEY", check_variable)? {
                Some(name) => Self::Environment(name),
                None => return Err(section.bad("name", "is missing", "name = \"TACIT_KEY\"")),
            },
        };
        section.finish()?;
        Ok(method)
    }
}

impl LogSettings {
    fn read(mut section: Section<'_>) -> Result<Self, ConfigError> {
        let levels = ["error", "warn", "info", "debug", "trace"].map(|level| (level, level));
        let settings = Self {
            level: section.choice("level", &levels)?.unwrap_or("info").to_owned(),
            format: section
                .choice("format", &[("text", LogFormat::Text), ("json", LogFormat::Json)])?
                .unwrap_or(LogFormat::Text),
            file: section.text("file", "tacit.log", check_path)?,
        };
        section.finish()?;
        Ok(settings)
    }
}

/// A node's name goes into SQL (`brand.customers`), contracts and certificates without quoting: a lower-case
/// letter, then lower-case letters, digits or `_`, at most 32 in all. The error is problem and mend.
pub fn check_name(name: &str) -> Result<String, (String, String)> {
    let mend = || {
        let tame: String = name
            .to_lowercase()
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
            .skip_while(|c| !c.is_ascii_lowercase())
            .take(32)
            .collect();
        let example = if tame.is_empty() { "brand".to_owned() } else { tame };
        format!("a lower-case letter, then up to 31 lower-case letters, digits or _, such as \"{example}\"")
    };
    let first = name.starts_with(|c: char| c.is_ascii_lowercase());
    let rest = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if first && rest && name.len() <= 32 {
        Ok(name.to_owned())
    } else {
        Err((format!("cannot be {name:?}"), mend()))
    }
}

/// An address to listen on: numeric, with a port.
pub(super) fn check_listen(text: &str) -> Result<SocketAddr, (String, String)> {
    let mend = "an IP address of this machine and a port, such as \"0.0.0.0:4433\" or \"[::]:4433\"";
    let listen: SocketAddr = text.parse().map_err(|_| (format!("cannot be {text:?}"), mend.to_owned()))?;
    if listen.port() == 0 {
        let problem = "has port 0, and a card must name the port that partners are to call";
        return Err((problem.into(), "a fixed port, such as 4433".into()));
    }
    if listen.ip().is_multicast() {
        return Err(("is a multicast address".into(), mend.into()));
    }
    Ok(listen)
}

/// An address for partners to call: a host name or an IP address, with a port.
pub(super) fn check_address(text: &str) -> Result<String, (String, String)> {
    let mend = || "host:port, such as \"node.brand.example:4433\" or \"192.0.2.7:4433\"".to_owned();
    let bad = || (format!("holds {text:?}, which nobody can call"), mend());
    if let Ok(address) = text.parse::<SocketAddr>() {
        let nowhere = address.port() == 0 || address.ip().is_unspecified() || address.ip().is_multicast();
        return if nowhere { Err(bad()) } else { Ok(text.to_owned()) };
    }
    let (host, port) = text.rsplit_once(':').ok_or_else(bad)?;
    let port_ok = port.parse::<u16>().is_ok_and(|port| port != 0);
    let label_ok = |label: &str| {
        (1..=63).contains(&label.len())
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    // All digits and dots, yet no IP address above: a mistyped one, such as 10.0.0.300.
    let numeric = host.chars().all(|c| c.is_ascii_digit() || c == '.');
    if port_ok && host.len() <= 253 && !numeric && host.split('.').all(label_ok) {
        Ok(text.to_owned())
    } else {
        Err(bad())
    }
}

fn check_path(text: &str) -> Result<PathBuf, (String, String)> {
    if text.is_empty() || text.contains('\0') || text.ends_with('/') {
        return Err((format!("cannot be {text:?}"), "the path of a file".into()));
    }
    Ok(Path::new(text).to_owned())
}

/// The name of an environment variable.
pub(super) fn check_variable(name: &str) -> Result<String, (String, String)> {
    let first = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if first && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        Ok(name.to_owned())
    } else {
        Err((format!("cannot be {name:?}"), "the name of an environment variable, such as TACIT_KEY".into()))
    }
}

#[cfg(test)]
#[path = "settings_tests.rs"]
mod tests;
