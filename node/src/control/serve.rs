//! `tacit serve`: the node as a running process.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, SystemTime},
};

use tacit_protocol::ids::PartnerId;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::Semaphore,
};

use super::socket::{self, ControlError};
use crate::{
    config::Home,
    exchange::{papers, witness},
    learn::state,
    report::Report,
    rooms::{Rooms, blocking},
    run,
};

/// How often papers that a partner has not got yet are offered again.
const OFFER_EVERY: Duration = Duration::from_secs(15);

/// How often the partners are shown the newest head of our log.
const SHOW_EVERY: Duration = Duration::from_secs(60);

/// Questions of partners that are worked on at once.
const QUESTIONS_AT_ONCE: usize = 16;

/// Runs the node until it is told to stop (by `tacit stop`, SIGINT or SIGTERM).
///
/// `ready` is called once, when the node listens, with its local address.
///
/// # Errors
/// What keeps it from starting: the home, the keys, the port, the ledger.
pub fn serve(home: Home, ready: impl FnOnce(std::net::SocketAddr)) -> Result<(), Report> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(ControlError::NoThreads)?;
    runtime.block_on(async {
        let rooms = Rooms::open_to_partners(home).await?;
        forget_runs(&rooms).await;
        let listener = socket::listen(&rooms.home)?;
        ready(rooms.link.address());
        let mut interrupt = signal(SignalKind::interrupt()).map_err(ControlError::NotListening)?;
        let mut terminate = signal(SignalKind::terminate()).map_err(ControlError::NotListening)?;
        let letters = answer_calls(rooms.clone());
        let questions = async {
            // A log that was rolled back is noticed before the first answer, not after it (D11).
            witness::present_to_all(&rooms).await;
            answer_questions(rooms.clone()).await;
        };
        let heads = show_heads(rooms.clone());
        let offers = offer_papers(rooms.clone());
        let commands = async {
            loop {
                match listener.accept().await {
                    Ok((stream, _)) => drop(tokio::spawn(socket::converse(rooms.clone(), stream))),
                    // Out of descriptors, most likely: the node goes on, the command will be typed again.
                    Err(error) => {
                        tracing::warn!(%error, "a command could not be taken");
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                }
            }
        };
        tokio::select! {
            () = questions => {}
            () = letters => {}
            () = offers => {}
            () = heads => {}
            () = commands => {}
            () = rooms.stopped() => {}
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        socket::remove(&socket::socket_path(&rooms.home));
        rooms.close().await;
        Ok(())
    })
}

/// Removes what trainings could be taken up from that nobody has taken up for long.
async fn forget_runs(rooms: &Rooms) {
    let home = rooms.home.clone();
    match blocking(move || state::forget(&home, SystemTime::now())).await {
        Ok(0) => {}
        Ok(runs) => tracing::info!(runs, "trainings that were cut long ago are over"),
        Err(error) => tracing::warn!(%error, "trainings that were cut long ago could not be looked at"),
    }
}

async fn answer_questions(rooms: Rooms) {
    let places = Arc::new(Semaphore::new(QUESTIONS_AT_ONCE));
    // So that none can keep the others out.
    let each = rooms.config.limits.max_sessions as usize;
    let mut partners: HashMap<PartnerId, Arc<Semaphore>> = HashMap::new();
    while let Some(incoming) = rooms.link.accept().await {
        let own = partners.entry(incoming.partner).or_insert_with(|| Arc::new(Semaphore::new(each)));
        // Nobody waits for a place: a question that finds none is refused, and the next one is heard at once.
        let taken = (Arc::clone(own).try_acquire_owned(), Arc::clone(&places).try_acquire_owned());
        let rooms = rooms.clone();
        tokio::spawn(async move {
            match taken {
                (Ok(own), Ok(place)) => {
                    run::answer(&rooms, incoming).await;
                    drop((own, place));
                }
                _ => run::turn_away(&rooms, incoming).await,
            }
        });
    }
}

/// Answers what partners call for, as long as the node runs.
pub(super) async fn answer_calls(rooms: Rooms) {
    while let Some(call) = rooms.link.next_call().await {
        let rooms = rooms.clone();
        tokio::spawn(async move { papers::receive(&rooms, call, run::quoted).await });
    }
}

/// Shows the newest head of our log to the partners, from time to time.
async fn show_heads(rooms: Rooms) {
    loop {
        tokio::time::sleep(SHOW_EVERY).await;
        witness::present_to_all(&rooms).await;
    }
}

async fn offer_papers(rooms: Rooms) {
    loop {
        papers::offer_all(&rooms).await;
        tokio::select! {
            () = rooms.papers_changed() => {}
            () = tokio::time::sleep(OFFER_EVERY) => {}
        }
    }
}
