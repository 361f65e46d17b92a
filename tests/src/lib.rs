//! A world for tests: homes in a temporary folder, every command a real process, nodes real processes on
//! loopback.

pub mod apart;
pub mod pair;
pub mod relay;
pub mod rogue;

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    ops::Range,
    path::{Path, PathBuf},
    process::{self, Child, Command, Output, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;

/// A folder with homes and files; gone at the end.
pub struct World {
    folder: TempDir,
    program: PathBuf,
}

/// What a command did.
#[derive(Debug)]
pub struct Ran {
    /// Exit status.
    pub status: i32,
    /// Data.
    pub out: String,
    /// Everything else.
    pub err: String,
}

impl Ran {
    fn from(output: Output) -> Self {
        Self {
            status: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Insists that it succeeded.
    #[track_caller]
    pub fn ok(self) -> Self {
        assert_eq!(self.status, 0, "stdout:\n{}\nstderr:\n{}", self.out, self.err);
        self
    }

    /// Insists that it was refused with this code and exit status.
    #[track_caller]
    pub fn refused(self, status: i32, code: &str) -> Self {
        assert!(
            self.status == status && self.err.contains(code),
            "expected {code} and status {status}, got status {}\nstdout:\n{}\nstderr:\n{}",
            self.status,
            self.out,
            self.err
        );
        self
    }

    /// Its data as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}", self.out))
    }
}

/// A node process; killed at the end.
pub struct Node {
    child: Child,
}

impl Node {
    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends it the hard way, as a crash would.
    pub fn kill(mut self) {
        self.child.kill().expect("the node can be killed");
        self.child.wait().expect("the node ends");
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl World {
    /// An empty world in which `program` is `tacit` (`env!("CARGO_BIN_EXE_tacit_under_test")`).
    pub fn new(program: &str) -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder"), program: PathBuf::from(program) }
    }

    /// A file or folder in the world.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file; its path as text.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        fs::write(&path, content).expect("a file can be written");
        path.to_string_lossy().into_owned()
    }

    /// A command of one home, not yet run.
    pub fn command(&self, home: &str, words: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(words)
            .env("TACIT_HOME", self.path(home))
            .stdin(Stdio::null())
            .current_dir(self.folder.path());
        for name in ["TACIT_PASSPHRASE", "TACIT_OUTPUT", "TACIT_LOG"] {
            command.env_remove(name);
        }
        command
    }

    /// Runs a command.
    pub fn tacit(&self, home: &str, words: &[&str]) -> Ran {
        Ran::from(self.command(home, words).output().expect("tacit can be started"))
    }

    /// Starts a command that goes on while the test does something else.
    pub fn start(&self, home: &str, words: &[&str]) -> Child {
        self.command(home, words)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("tacit can be started")
    }

    /// Makes a home that listens on a free port of the loopback.
    pub fn init(&self, home: &str) {
        self.tacit(home, &["init", home, "--listen", &free_address().to_string()]).ok();
    }

    /// Makes two homes partners of each other.
    pub fn befriend(&self, one: &str, other: &str) {
        for (owner, reader) in [(one, other), (other, one)] {
            let card = self.tacit(owner, &["card"]).ok().out;
            let file = self.write(&format!("{owner}.card"), card);
            self.tacit(reader, &["partner", "add", &file]).ok();
        }
    }

    /// Starts a node and waits until it takes commands.
    pub fn serve(&self, home: &str) -> Node {
        let log = fs::File::create(self.path(&format!("{home}.log"))).expect("a log");
        let child = self
            .command(home, &["serve"])
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("a node can be started");
        let node = Node { child };
        let deadline = Instant::now() + Duration::from_secs(60);
        while self.tacit(home, &["status"]).status != 0 {
            assert!(Instant::now() < deadline, "{home} does not start: {}", self.log(home));
            std::thread::sleep(Duration::from_millis(30));
        }
        node
    }

    /// What a node has printed so far.
    pub fn log(&self, home: &str) -> String {
        fs::read_to_string(self.path(&format!("{home}.log"))).unwrap_or_default()
    }

    /// Waits until `holds` does, at most a minute.
    #[track_caller]
    pub fn until(&self, what: &str, mut holds: impl FnMut() -> bool) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !holds() {
            assert!(Instant::now() < deadline, "{what} did not happen within a minute");
            std::thread::sleep(Duration::from_millis(30));
        }
    }

    /// Proposes a contract at `from` and accepts it at `to`, by file; both homes then have it in force.
    #[track_caller]
    pub fn sign(&self, from: &str, to: &str, toml: &str) {
        let file = self.write("contract.toml", toml);
        let offer = self.path("offer.json").to_string_lossy().into_owned();
        let signed = self.path("signed.json").to_string_lossy().into_owned();
        self.tacit(from, &["contract", "propose", &file, "--out", &offer]).ok();
        let id = self.tacit(to, &["contract", "accept", &offer, "-o", "json"]).ok().json();
        let id = id["id"].as_str().expect("a contract id").to_owned();
        self.tacit(to, &["contract", "export", &id, "--out", &signed]).ok();
        self.tacit(from, &["contract", "import", &signed]).ok();
    }
}

/// An address of the loopback for a node that is started later. Not one of the ports that the system gives
/// away by itself: every command takes one of those, and might just take this one before the node does.
pub fn free_address() -> SocketAddr {
    const PORTS: Range<u16> = 12_000..32_000;
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let start = process::id().wrapping_mul(97);
    loop {
        let number = start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = PORTS.start + (number % u32::from(PORTS.end - PORTS.start)) as u16;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        if UdpSocket::bind(address).is_ok() {
            return address;
        }
    }
}

/// A command that was started by [`World::start`], brought to its end.
pub fn finish(child: Child) -> Ran {
    Ran::from(child.wait_with_output().expect("tacit ends"))
}

/// The sample data of the examples.
pub fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/brand_bank").join(name)
}
