//! A stage for `tacit bench` and `tacit demo`: homes in one folder, this very program as every command, nodes
//! as real processes.

use std::{
    fs::DirBuilder,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use super::interrupt::{OnInterrupt, on_interrupt};
use crate::{
    config::Home,
    control::{self, Request},
    report::{Class, Detail, Refusal, Report},
};

/// A command or a file of the stage failed.
#[derive(Debug, thiserror::Error)]
pub enum StageError {
    /// A file or a process failed.
    #[error("this program cannot {what}")]
    Failed {
        /// What it was about to do.
        what: &'static str,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// A command failed.
    #[error("`tacit {command}` failed: {output}")]
    Command {
        /// Its words.
        command: String,
        /// What it printed.
        output: String,
    },
}

impl Refusal for StageError {
    fn code(&self) -> &'static str {
        "E-STAGE-FAILED"
    }

    fn class(&self) -> Class {
        Class::Failed
    }

    fn details(&self) -> Vec<Detail> {
        match self {
            Self::Failed { .. } => {
                vec![Detail::new("would do", "check free space and rights in the temporary folder")]
            }
            Self::Command { .. } => Vec::new(),
        }
    }
}

/// Names what failed.
pub fn failed(what: &'static str) -> impl FnOnce(std::io::Error) -> StageError {
    move |source| StageError::Failed { what, source }
}

/// Two UDP ports that were free a moment ago.
pub fn free_ports() -> Result<[u16; 2], StageError> {
    let bind = || std::net::UdpSocket::bind("127.0.0.1:0").map_err(failed("find a free port"));
    let (one, other) = (bind()?, bind()?);
    let port = |socket: &std::net::UdpSocket| {
        socket.local_addr().map(|a| a.port()).map_err(failed("find a free port"))
    };
    Ok([port(&one)?, port(&other)?])
}

/// A folder with homes in it; gone at the end unless it is kept.
pub struct Stage {
    folder: PathBuf,
    /// Clears up after an interrupt, which runs no destructors; gone when the folder is to be kept.
    clear_up: Option<OnInterrupt>,
}

impl Stage {
    /// A new folder among the temporary ones.
    pub fn temporary(prefix: &str) -> Result<Self, StageError> {
        let mut random = [0u8; 8];
        let filled = ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut random);
        filled.map_err(|_| failed("draw a name")(std::io::Error::other("no randomness")))?;
        let name = format!("{prefix}-{:016x}", u64::from_le_bytes(random));
        let path = std::env::temp_dir().join(name);
        DirBuilder::new().mode(0o700).create(&path).map_err(failed("make a temporary folder"))?;
        let folder = path.clone();
        let clear_up = Some(on_interrupt(move || remove(&path)));
        Ok(Self { folder, clear_up })
    }

    /// Leaves the folder where it is.
    pub fn keep(&mut self) {
        self.clear_up = None;
    }

    /// A file or folder on the stage.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// A home on the stage.
    pub fn home(&self, name: &str) -> Home {
        Home::at(self.path(name))
    }

    /// This program, as a command of one home.
    pub fn command(&self, home: &str) -> Result<Command, StageError> {
        let mut command = Command::new(std::env::current_exe().map_err(failed("find its own program"))?);
        command.env("TACIT_HOME", self.path(home)).stdin(Stdio::null());
        for name in ["TACIT_PASSPHRASE", "TACIT_OUTPUT", "TACIT_LOG"] {
            command.env_remove(name);
        }
        Ok(command)
    }

    /// Runs a command to its end; its stdout.
    pub fn tacit(&self, home: &str, words: &[&str]) -> Result<Vec<u8>, StageError> {
        let output = self.command(home)?.args(words).output().map_err(failed("start its own program"))?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        let command = words.join(" ");
        Err(StageError::Command {
            command,
            output: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        })
    }

    /// Starts a node and waits until it takes commands.
    pub fn serve(&self, home: &str) -> Result<Node, Report> {
        let log = std::fs::File::create(self.path(&format!("{home}.log"))).map_err(failed("make a log"))?;
        let child = self
            .command(home)?
            .arg("serve")
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .map_err(failed("start a node"))?;
        let node = Node::of(child);
        wait_until_running(&self.home(home))?;
        Ok(node)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if self.clear_up.take().is_some() {
            remove(&self.folder);
        }
    }
}

fn remove(folder: &Path) {
    // A temporary folder that stays is untidy and nothing worse.
    let _ = std::fs::remove_dir_all(folder);
}

/// A node process that ends with the stage unless it is kept.
pub struct Node {
    child: Arc<Mutex<Child>>,
    clear_up: Option<OnInterrupt>,
}

impl Node {
    fn of(child: Child) -> Self {
        let child = Arc::new(Mutex::new(child));
        let other = Arc::clone(&child);
        Self { child, clear_up: Some(on_interrupt(move || end(&other))) }
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.lock().unwrap_or_else(PoisonError::into_inner).id()
    }

    /// Leaves it running.
    pub fn keep(&mut self) {
        self.clear_up = None;
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if self.clear_up.take().is_some() {
            end(&self.child);
        }
    }
}

fn end(child: &Mutex<Child>) {
    let mut child = child.lock().unwrap_or_else(PoisonError::into_inner);
    // It may have ended already.
    let _ = child.kill();
    let _ = child.wait();
}

fn wait_until_running(home: &Home) -> Result<(), Report> {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        match control::perform(home, Request::Status, &mut |_| {}) {
            Ok(_) => return Ok(()),
            Err(report) if Instant::now() > deadline => return Err(report),
            Err(_) => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}
