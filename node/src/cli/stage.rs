//! A stage for `tacit bench` and `tacit demo`: homes in one folder, this very program as every command, nodes
//! as real processes.

use std::{
    fs::DirBuilder,
    io::ErrorKind,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

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

/// A folder with homes in it, and the processes that work there; gone at the end unless it is kept.
pub struct Stage {
    folder: PathBuf,
    cast: Arc<Cast>,
    /// Clears up after an interrupt, which runs no destructors; gone when the folder is to be kept.
    clear_up: Option<OnInterrupt>,
}

/// The processes of a stage, for whoever ends it.
///
/// An interrupt comes on a thread of its own, while the play goes on: once it is over, nobody may enter any
/// more, or it would stay behind.
#[derive(Default)]
struct Cast(Mutex<Playing>);

#[derive(Default)]
struct Playing {
    over: bool,
    processes: Vec<u32>,
}

impl Cast {
    fn playing(&self) -> MutexGuard<'_, Playing> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(&self, command: &mut Command) -> std::io::Result<Child> {
        self.unless_over(|playing| {
            let child = command.spawn()?;
            playing.processes.push(child.id());
            Ok(child)
        })
    }

    /// Does something that an interrupt clears away, which waits for it.
    fn unless_over<T>(&self, act: impl FnOnce(&mut Playing) -> T) -> T {
        let mut playing = self.playing();
        if playing.over {
            drop(playing);
            wait_for_the_end();
        }
        act(&mut playing)
    }

    /// A process has ended and was waited for, or is to outlive the stage.
    fn leave(&self, process: u32) {
        self.playing().processes.retain(|playing| *playing != process);
    }

    /// Stops here if an interrupt is clearing up: what this thread makes of it would only be in the way.
    fn stay_if_over(&self) {
        if self.playing().over {
            wait_for_the_end();
        }
    }

    fn end(&self) {
        let mut playing = self.playing();
        playing.over = true;
        let processes = playing.processes.iter();
        let processes: Vec<Pid> =
            processes.filter_map(|&id| Pid::from_raw(i32::try_from(id).ok()?)).collect();
        for &process in &processes {
            // It may have ended already.
            let _ = kill_process(process, Signal::KILL);
        }
        for process in processes {
            // Whoever started it still has to fetch its status.
            let _ = waitid(WaitId::Pid(process), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
        }
    }
}

/// The interrupt's thread ends the process.
fn wait_for_the_end() -> ! {
    loop {
        std::thread::park();
    }
}

impl Stage {
    /// A new folder among the temporary ones.
    pub fn temporary(prefix: &str) -> Result<Self, StageError> {
        Self::within(&std::env::temp_dir(), prefix)
    }

    /// A new folder in this one.
    pub fn within(parent: &Path, prefix: &str) -> Result<Self, StageError> {
        let mut random = [0u8; 8];
        let filled = ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut random);
        filled.map_err(|_| failed("draw a name")(std::io::Error::other("no randomness")))?;
        let name = format!("{prefix}-{:016x}", u64::from_le_bytes(random));
        let path = parent.join(name);
        let (folder, cast) = (path.clone(), Arc::<Cast>::default());
        let playing = Arc::clone(&cast);
        let clear_up = Some(on_interrupt(move || {
            playing.end();
            remove(&path);
        }));
        // After that, so that there is no moment at which the folder is there and nobody would remove it.
        let make = |_: &mut Playing| DirBuilder::new().mode(0o700).create(&folder);
        cast.unless_over(make).map_err(failed("make a temporary folder"))?;
        Ok(Self { folder, cast, clear_up })
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
    fn command(&self, home: &str) -> Result<Command, StageError> {
        let mut command = Command::new(std::env::current_exe().map_err(failed("find its own program"))?);
        command.env("TACIT_HOME", self.path(home)).stdin(Stdio::null());
        for name in ["TACIT_PASSPHRASE", "TACIT_OUTPUT", "TACIT_LOG"] {
            command.env_remove(name);
        }
        Ok(command)
    }

    /// Starts a command whose output [`finish`](Self::finish) gives.
    pub fn start(&self, home: &str, words: &[&str]) -> Result<Child, StageError> {
        let mut command = self.command(home)?;
        command.args(words).stdout(Stdio::piped()).stderr(Stdio::piped());
        self.cast.enter(&mut command).map_err(failed("start its own program"))
    }

    /// Waits for a command's end.
    pub fn finish(&self, child: Child) -> Result<Output, StageError> {
        let process = child.id();
        let output = child.wait_with_output();
        self.cast.leave(process);
        self.cast.stay_if_over();
        output.map_err(failed("wait for its own program"))
    }

    /// Runs a command to its end; its stdout.
    pub fn tacit(&self, home: &str, words: &[&str]) -> Result<Vec<u8>, StageError> {
        let output = self.finish(self.start(home, words)?)?;
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
        let mut command = self.command(home)?;
        command.arg("serve").stdout(Stdio::null()).stderr(log);
        let child = self.cast.enter(&mut command).map_err(failed("start a node"))?;
        let node = Node { home: home.to_owned(), child, cast: Arc::clone(&self.cast), keep: false };
        wait_until_running(&self.home(home))?;
        Ok(node)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.cast.stay_if_over();
        if self.clear_up.take().is_some() {
            remove(&self.folder);
        }
    }
}

fn remove(folder: &Path) {
    // A file may just be written there, when an interrupt comes; the next try has it.
    for _ in 0..20 {
        match std::fs::remove_dir_all(folder) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                std::thread::sleep(Duration::from_millis(10));
            }
            _ => return,
        }
    }
    // A temporary folder that stays is untidy and nothing worse.
}

/// A node process that ends with the stage unless it is kept.
pub struct Node {
    home: String,
    child: Child,
    cast: Arc<Cast>,
    keep: bool,
}

impl Node {
    /// In which home it works.
    pub fn home(&self) -> &str {
        &self.home
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Leaves it running.
    pub fn keep(&mut self) {
        self.keep = true;
        self.cast.leave(self.child.id());
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if !self.keep {
            // It may have ended already.
            let _ = self.child.kill();
            let _ = self.child.wait();
            self.cast.leave(self.child.id());
        }
    }
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
