//! The Unix socket between a command and a running node: one JSON request a connection, JSON lines back.

use std::{
    io::{BufRead, BufReader, Write},
    os::unix::{ffi::OsStrExt, fs::PermissionsExt, net::UnixStream as BlockingStream},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use sha2::{Digest, Sha256};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt},
    net::{UnixListener, UnixStream},
    sync::mpsc,
};

use super::{
    desk,
    request::{Event, Line, Reply, Request},
    serve,
};
use crate::{
    config::Home,
    data::hex,
    report::{Class, Detail, Refusal, Report},
    rooms::Rooms,
};

/// The longest request: a withdrawal list of a few million identifiers.
const REQUEST_LIMIT: u64 = 512 << 20;

/// `sun_path` has 108 bytes; homes that lie deeper get their socket in a private directory elsewhere.
const SOCKET_PATH_LIMIT: usize = 100;

/// How long a node may take to end.
const STOPPING: Duration = Duration::from_secs(10);

/// What stands between a command and a node.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// The socket cannot be made.
    #[error("the control socket cannot be made")]
    NotListening(#[source] std::io::Error),
    /// The running node hung up in the middle.
    #[error("the running node hung up before it answered")]
    HungUp(#[source] std::io::Error),
    /// The runtime cannot be started.
    #[error("the program cannot start its threads")]
    NoThreads(#[source] std::io::Error),
    /// The request is not one this version knows.
    #[error("the running node does not understand this command; it may be of another version")]
    NotUnderstood,
    /// Only a running node can do this.
    #[error("no node is running in this home")]
    NotRunning,
    /// It was told to stop, and goes on.
    #[error("the node was told to stop, and has not ended after {seconds} s")]
    StillStopping {
        /// How long it was given.
        seconds: u64,
    },
}

impl Refusal for ControlError {
    fn code(&self) -> &'static str {
        match self {
            Self::NotListening(_) => "E-CONTROL-SOCKET",
            Self::HungUp(_) => "E-CONTROL-HUNG-UP",
            Self::NoThreads(_) => "E-CONTROL-THREADS",
            Self::NotUnderstood => "E-CONTROL-VERSION",
            Self::NotRunning => "E-NOT-RUNNING",
            Self::StillStopping { .. } => "E-STILL-STOPPING",
        }
    }

    fn class(&self) -> Class {
        Class::Failed
    }

    fn details(&self) -> Vec<Detail> {
        let mend = match self {
            Self::NotListening(_) | Self::NoThreads(_) => "check the permissions and limits of this account",
            Self::HungUp(_) => "look at what `tacit serve` printed last",
            Self::NotUnderstood => "restart `tacit serve` with the version of this command",
            Self::NotRunning => "start it with `tacit serve`",
            Self::StillStopping { .. } => "wait until its process is gone; `tacit serve` names it",
        };
        vec![Detail::new("would do", mend)]
    }

    fn retry_helps(&self) -> bool {
        matches!(self, Self::HungUp(_))
    }
}

/// Does what a command asks: through the running node if there is one, else in this process.
///
/// Blocks until the reply. `events` hears what happens on the way.
pub fn perform(home: &Home, request: Request, events: &mut dyn FnMut(Event)) -> Result<Reply, Report> {
    if let Ok(stream) = BlockingStream::connect(socket_path(home)) {
        let reply = ask_running(stream, &request, events)?;
        if matches!(request, Request::Stop) {
            ended(home)?;
        }
        return Ok(reply);
    }
    if matches!(request, Request::Status | Request::Stop) {
        return Err(ControlError::NotRunning.into());
    }
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(ControlError::NoThreads)?;
    runtime.block_on(async {
        let rooms = Rooms::open(home.clone()).await?;
        let (sender, mut receiver) = mpsc::unbounded_channel();
        let work = desk::perform(&rooms, request, sender);
        // A partner that is asked shows the head of its log before it answers.
        let calls = tokio::spawn(serve::answer_calls(rooms.clone()));
        tokio::pin!(work);
        let reply = loop {
            tokio::select! {
                biased;
                Some(event) = receiver.recv() => events(event),
                reply = &mut work => break reply,
            }
        };
        while let Ok(event) = receiver.try_recv() {
            events(event);
        }
        calls.abort();
        rooms.close().await;
        reply
    })
}

/// Waits until a node that was told to stop has let go of its home, so that the next one can have it.
fn ended(home: &Home) -> Result<(), ControlError> {
    let deadline = Instant::now() + STOPPING;
    loop {
        // The lock is the node's last: what is free is taken here for a moment only.
        if home.lock().is_ok() {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(ControlError::StillStopping { seconds: STOPPING.as_secs() });
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn ask_running(
    mut stream: BlockingStream,
    request: &Request,
    events: &mut dyn FnMut(Event),
) -> Result<Reply, Report> {
    let mut line = serde_json::to_vec(request).map_err(|error| ControlError::HungUp(error.into()))?;
    line.push(b'\n');
    stream.write_all(&line).map_err(ControlError::HungUp)?;
    for line in BufReader::new(stream).lines() {
        let line = line.map_err(ControlError::HungUp)?;
        match serde_json::from_str(&line).map_err(|_| ControlError::NotUnderstood)? {
            Line::Event(event) => events(event),
            Line::Reply(reply) => return Ok(*reply),
            Line::Failed(report) => return Err(report),
        }
    }
    Err(ControlError::HungUp(std::io::ErrorKind::UnexpectedEof.into()).into())
}

/// Where the socket of this home lies.
pub(super) fn socket_path(home: &Home) -> PathBuf {
    let path = home.control_socket();
    if path.as_os_str().len() <= SOCKET_PATH_LIMIT {
        return path;
    }
    let hash = Sha256::digest(path.as_os_str().as_bytes());
    let name = hex(&hash[..8]);
    let uid = rustix::process::getuid().as_raw();
    std::env::temp_dir().join(format!("tacit-{uid}")).join(format!("{name}.sock"))
}

/// Opens the socket; a socket left by a dead process is replaced (the home's lock says that it is dead).
pub(super) fn listen(home: &Home) -> Result<UnixListener, ControlError> {
    let path = socket_path(home);
    let prepare = || -> std::io::Result<UnixListener> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
            std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700))?;
        }
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(&path)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
        Ok(listener)
    };
    prepare().map_err(ControlError::NotListening)
}

/// Removes the socket at the end.
pub(super) fn remove(path: &Path) {
    // A socket that stays is replaced at the next start; nothing is lost if this fails.
    let _ = std::fs::remove_file(path);
}

/// Serves one command.
pub(super) async fn converse(rooms: Rooms, stream: UnixStream) {
    let own = rustix::process::getuid().as_raw();
    if !stream.peer_cred().is_ok_and(|peer| peer.uid() == own || peer.uid() == 0) {
        return;
    }
    let (read, mut write) = stream.into_split();
    let mut line = String::new();
    let mut reader = tokio::io::BufReader::new(read.take(REQUEST_LIMIT));
    if reader.read_line(&mut line).await.is_err() {
        return;
    }
    let Ok(request) = serde_json::from_str::<Request>(&line) else {
        say(&mut write, &Line::Failed(ControlError::NotUnderstood.into())).await;
        return;
    };
    let (sender, mut receiver) = mpsc::unbounded_channel();
    let work = desk::perform(&rooms, request, sender);
    tokio::pin!(work);
    // A command that was interrupted closes its end: the work it asked for is dropped, and its session with it.
    let mut rest = [0u8; 1];
    let reply = loop {
        tokio::select! {
            biased;
            Some(event) = receiver.recv() => {
                if !say(&mut write, &Line::Event(event)).await {
                    return;
                }
            }
            reply = &mut work => break reply,
            gone = reader.read(&mut rest) => {
                if gone.is_ok_and(|bytes| bytes == 0) {
                    return;
                }
            }
        }
    };
    while let Ok(event) = receiver.try_recv() {
        say(&mut write, &Line::Event(event)).await;
    }
    let last = match reply {
        Ok(reply) => Line::Reply(Box::new(reply)),
        Err(report) => Line::Failed(report),
    };
    say(&mut write, &last).await;
}

async fn say(write: &mut tokio::net::unix::OwnedWriteHalf, line: &Line) -> bool {
    let Ok(mut bytes) = serde_json::to_vec(line) else { return false };
    bytes.push(b'\n');
    write.write_all(&bytes).await.is_ok()
}
