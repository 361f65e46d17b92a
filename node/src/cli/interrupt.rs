//! Ctrl-C ends a command in good order: what it began and nobody needs is cleared away first.

use std::{
    collections::BTreeMap,
    io::{self, IsTerminal, Write},
    sync::{Mutex, MutexGuard, PoisonError, mpsc},
};

use tokio::signal::unix::{SignalKind, signal};

use super::exit::ExitStatus;

type Hook = Box<dyn FnOnce() + Send>;

static HOOKS: Mutex<(u64, BTreeMap<u64, Hook>)> = Mutex::new((0, BTreeMap::new()));

fn hooks() -> MutexGuard<'static, (u64, BTreeMap<u64, Hook>)> {
    HOOKS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs `hook` if the command is interrupted while the guard lives; the newest comes first.
pub fn on_interrupt(hook: impl FnOnce() + Send + 'static) -> OnInterrupt {
    let mut hooks = hooks();
    let number = hooks.0;
    hooks.0 += 1;
    hooks.1.insert(number, Box::new(hook));
    OnInterrupt(number)
}

/// Takes the hook back when dropped.
#[must_use = "the hook is taken back when this is dropped"]
#[derive(Debug)]
pub struct OnInterrupt(u64);

impl Drop for OnInterrupt {
    fn drop(&mut self) {
        hooks().1.remove(&self.0);
    }
}

/// Listens for SIGINT and SIGTERM from when this returns. `tacit serve` has its own way to end and does not
/// call this.
pub(super) fn watch() {
    let (listens, listening) = mpsc::channel::<()>();
    // Without the thread, a signal ends the process as it always does; nothing is worse than before.
    let _ = std::thread::Builder::new().name("interrupt".into()).spawn(move || {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_io().build() else { return };
        let status = runtime.block_on(async {
            let (interrupt, terminate) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()));
            let (Ok(mut interrupt), Ok(mut terminate)) = (interrupt, terminate) else { return None };
            drop(listens);
            tokio::select! {
                _ = interrupt.recv() => Some(ExitStatus::Interrupted),
                _ = terminate.recv() => Some(ExitStatus::Terminated),
            }
        });
        let Some(status) = status else { return };
        let newest_first: Vec<Hook> = std::mem::take(&mut hooks().1).into_values().rev().collect();
        newest_first.into_iter().for_each(|hook| hook());
        let mut stderr = io::stderr();
        // After ^C the cursor stands in the middle of a line.
        let _ = writeln!(stderr, "{}interrupted", if stderr.is_terminal() { "\n" } else { "" });
        std::process::exit(status as i32);
    });
    // Err: nothing was sent, the other end is gone, and that is the word.
    let _ = listening.recv();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hook_goes_with_its_guard() {
        let before = hooks().1.len();
        let guard = on_interrupt(|| {});
        assert_eq!(hooks().1.len(), before + 1);
        drop(guard);
        assert_eq!(hooks().1.len(), before);
    }
}
