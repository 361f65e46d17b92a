//! What keeps a channel going: reading, writing, and coming back after a broken connection.
//!
//! The attacks this stops: somebody else taking a channel over (who comes back must be the same partner, over
//! a connection of its own, and know the token of the connection that the channel was opened on); a partner
//! that keeps a channel half alive (a stream that stands still under a message is cut, and without anything
//! getting through the time to mend it runs out).

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use subtle::ConstantTimeEq;
use tacit_protocol::ids::PartnerId;
use tokio::{
    sync::mpsc,
    time::{Instant, sleep, sleep_until, timeout},
};

use super::{
    Incoming, LinkError,
    channel::{Channel, Shared},
    channels::ChannelId,
    closing::{self, Closing},
    core::Core,
    flow::{Out, Progress},
    frame::{FrameError, FrameReader, FrameWriter, Head, Kind, Pace, Refused},
    pool::{Peer, Using},
};

/// Between two tries to come back: doubled each time, from the first to the last.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

/// The opener comes back at once; the other end helps by dialling if it has not, because perhaps only one of
/// the two can reach the other.
const HELP_AFTER: Duration = Duration::from_secs(2);

/// A stream that carries a channel for now.
pub(super) struct Attachment {
    reader: FrameReader,
    writer: FrameWriter,
    using: Using,
    /// Where the other end says it is, when it came back and has not been answered.
    resumed: Option<Progress>,
}

/// Why a stream carries a channel no longer.
enum Ended {
    Done,
    Broken,
    Replaced(Attachment),
    Failed(LinkError),
}

/// A stream to a partner; `Busy` if the partner lets none be opened.
async fn stream(core: &Core, peer: &Arc<Peer>) -> Result<(FrameReader, FrameWriter, Using), LinkError> {
    let using = Using::new(Arc::clone(peer));
    let pace = Pace::of(&core.settings);
    match timeout(core.settings.patience, peer.connection.open_bi()).await {
        Err(_) => Err(LinkError::Busy { partner: peer.name.clone() }),
        Ok(Err(_)) => Err(LinkError::Lost { partner: peer.name.clone() }),
        Ok(Ok((send, recv))) => Ok((FrameReader::new(recv, pace), FrameWriter::new(send, pace), using)),
    }
}

/// What a failed frame means: a peer that is slow or breaks rules loses its connection.
fn frame_failed(error: FrameError, peer: &Peer) -> LinkError {
    let partner = peer.name.clone();
    match error {
        FrameError::Broken => LinkError::Lost { partner },
        FrameError::TooSlow => {
            Closing::TooSlow.close(&peer.connection);
            LinkError::TooSlow { partner }
        }
        FrameError::Rule(rule) => {
            tracing::warn!(partner, rule, "the partner broke a rule of the link");
            Closing::Rule.close(&peer.connection);
            LinkError::Rule { partner, rule }
        }
    }
}

/// Opens a channel and keeps it; returns when the other end says that it stands.
pub(super) async fn open(
    core: &Arc<Core>,
    partner: PartnerId,
    id: ChannelId,
    window: u16,
    opening: Bytes,
) -> Result<Arc<Shared>, LinkError> {
    let deadline = Instant::now() + core.settings.resume;
    let mut pause = PAUSES.0;
    // It may stand at the other end without our having heard so, on a connection that broke: then the first
    // thing is to go on with it, or there would be two.
    let mut tried: Option<(Arc<Shared>, mpsc::Receiver<Attachment>)> = None;
    loop {
        let peer = core.connection(partner).await?;
        if let Some((shared, attachments)) = tried.take() {
            match come_back(core, &shared, &peer).await {
                Ok(attachment) => return Ok(begin(core, shared, attachments, attachment)),
                Err(LinkError::Abandoned { .. }) => core.channels.remove(&shared),
                Err(error) if error.is_passing() => tried = Some((shared, attachments)),
                Err(error) => {
                    core.channels.remove(&shared);
                    return Err(error);
                }
            }
        }
        if tried.is_none() {
            let (shared, attachments) = Shared::new(id, true, usize::from(window), &peer)?;
            core.channels.admit(&shared, &core.settings)?;
            match offer(core, &shared, &peer, opening.clone()).await {
                Ok(attachment) => return Ok(begin(core, shared, attachments, attachment)),
                Err(LinkError::Lost { .. } | LinkError::TooSlow { .. }) => {
                    tried = Some((shared, attachments));
                }
                Err(error) => {
                    core.channels.remove(&shared);
                    return Err(error);
                }
            }
        }
        if Instant::now() + pause > deadline {
            if let Some((shared, _)) = tried {
                core.channels.remove(&shared);
            }
            return Err(LinkError::Lost { partner: core.name_of(partner) });
        }
        sleep(pause).await;
        pause = (pause * 2).min(PAUSES.1);
    }
}

fn begin(
    core: &Arc<Core>,
    shared: Arc<Shared>,
    attachments: mpsc::Receiver<Attachment>,
    first: Attachment,
) -> Arc<Shared> {
    tokio::spawn(keep(Arc::clone(core), Arc::clone(&shared), attachments, first));
    shared
}

/// Offers a new channel on a new stream.
async fn offer(
    core: &Core,
    shared: &Shared,
    peer: &Arc<Peer>,
    opening: Bytes,
) -> Result<Attachment, LinkError> {
    let (mut reader, mut writer, using) = stream(core, peer).await?;
    let answer = async {
        // The window came in as a u16.
        let tail = [&shared.id[..], &(shared.window as u16).to_le_bytes()].concat();
        writer.write(Kind::Open, opening, &tail).await?;
        let head = reader.expect_head().await?;
        Ok((head.kind, reader.body(&head).await?))
    };
    let (kind, body) = answer.await.map_err(|error| frame_failed(error, peer))?;
    match kind {
        Kind::Opened => Ok(Attachment { reader, writer, using, resumed: None }),
        Kind::Refused if Refused::of(&body) == Some(Refused::Busy) => {
            Err(LinkError::Busy { partner: peer.name.clone() })
        }
        _ => Err(frame_failed(FrameError::Rule("no answer to an opening"), peer)),
    }
}

/// Takes a channel up again on a new stream, as its opener.
async fn come_back(core: &Core, shared: &Shared, peer: &Arc<Peer>) -> Result<Attachment, LinkError> {
    let partner = shared.name.clone();
    if peer.about.instance != shared.instance {
        return Err(LinkError::Gone { partner });
    }
    let (mut reader, mut writer, using) = stream(core, peer).await?;
    let answer = async {
        let ours = shared.flow().progress().encode();
        let body = [&shared.id[..], shared.token.expose(), &ours].concat();
        writer.small(Kind::Resume, &body).await?;
        let head = reader.expect_head().await?;
        Ok((head.kind, reader.body(&head).await?))
    };
    let (kind, body) = answer.await.map_err(|error| frame_failed(error, peer))?;
    match (kind, Progress::decode(&body)) {
        (Kind::Resumed, Some(theirs)) => {
            shared.flow().resume(theirs).map_err(|rule| frame_failed(FrameError::Rule(rule), peer))?;
            Ok(Attachment { reader, writer, using, resumed: None })
        }
        (Kind::Refused, _) if Refused::of(&body) == Some(Refused::Unknown) => {
            Err(LinkError::Abandoned { partner })
        }
        _ => Err(frame_failed(FrameError::Rule("no answer to a resumption"), peer)),
    }
}

/// A partner opens a channel here.
pub(super) async fn opened(
    core: Arc<Core>,
    mut reader: FrameReader,
    mut writer: FrameWriter,
    using: Using,
    head: Head,
) -> Result<(), FrameError> {
    let mut opening = reader.body(&head).await?;
    let tail = opening.len().checked_sub(18).map(|at| opening.split_off(at));
    let (id, window) = tail
        .as_deref()
        .and_then(<[u8]>::split_first_chunk::<16>)
        .and_then(|(id, window)| Some((*id, u16::from_le_bytes(window.try_into().ok()?))))
        .filter(|(_, window)| *window > 0)
        .ok_or(FrameError::Rule("an opening in the wrong form"))?;
    let peer = Arc::clone(&using.0);
    let Ok((shared, attachments)) = Shared::new(id, false, usize::from(window), &peer) else {
        return Err(FrameError::Broken);
    };
    // Whoever is to take it must have room for it before it stands.
    let Ok(place) = core.incoming.clone().try_reserve_owned() else {
        return writer.refuse(Refused::Busy).await;
    };
    if core.channels.admit(&shared, &core.settings).is_err() {
        return writer.refuse(Refused::Busy).await;
    }
    let channel = Channel::new(Arc::clone(&shared));
    place.send(Incoming { partner: peer.partner, opening, channel });
    // If this does not get through, the opener comes back on another connection.
    let _ = writer.small(Kind::Opened, &[]).await;
    begin(&core, shared, attachments, Attachment { reader, writer, using, resumed: None });
    Ok(())
}

/// A partner comes back for a channel.
pub(super) async fn resumed(
    core: Arc<Core>,
    mut reader: FrameReader,
    mut writer: FrameWriter,
    using: Using,
    head: Head,
) -> Result<(), FrameError> {
    let body = reader.body(&head).await?;
    let (id, rest) =
        body.split_first_chunk::<16>().ok_or(FrameError::Rule("a resumption in the wrong form"))?;
    let (token, rest) =
        rest.split_first_chunk::<32>().ok_or(FrameError::Rule("a resumption in the wrong form"))?;
    let theirs = Progress::decode(rest).ok_or(FrameError::Rule("a resumption in the wrong form"))?;
    let known = core.channels.find(using.0.partner, id).filter(|shared| {
        !shared.opener && bool::from(shared.token.expose().ct_eq(token)) && shared.failure().is_none()
    });
    let Some(shared) = known else { return writer.refuse(Refused::Unknown).await };
    let attachment = Attachment { reader, writer, using, resumed: Some(theirs) };
    // Err: the channel has just ended; the stream is dropped, and the opener finds that out by itself.
    let _ = shared.attach.send(attachment).await;
    Ok(())
}

/// Carries a channel over as many streams as it takes, until it is done or has failed.
async fn keep(
    core: Arc<Core>,
    shared: Arc<Shared>,
    mut attachments: mpsc::Receiver<Attachment>,
    first: Attachment,
) {
    let mut attachment = first;
    let mut clock: Option<(Instant, u64)> = None;
    let error = loop {
        let began = Instant::now();
        match run(&core, &shared, attachment, &mut attachments).await {
            Ended::Done => break None,
            Ended::Failed(error) => break Some(error),
            Ended::Replaced(next) => {
                attachment = next;
                continue;
            }
            Ended::Broken => {}
        }
        tracing::debug!(partner = shared.name, "the connection under a channel broke");
        // The time to mend it starts when it breaks. It starts anew only if something got through since, or
        // if the connection stood for as long: else a partner could keep a dead channel for ever.
        let got_through = shared.flow().got_through();
        let stood = began.elapsed() >= core.settings.resume;
        let since = match clock {
            Some((since, before)) if before == got_through && !stood => since,
            _ => Instant::now(),
        };
        clock = Some((since, got_through));
        match reattach(&core, &shared, &mut attachments, since + core.settings.resume).await {
            Ok(next) => attachment = next,
            Err(error) => break Some(error),
        }
    };
    core.channels.remove(&shared);
    match error {
        // What both applications have is not lost because the last word about it was.
        Some(error) if !shared.flow().is_done() => shared.fail(error),
        _ => shared.wake(),
    }
}

/// Waits for another stream, or makes one.
async fn reattach(
    core: &Arc<Core>,
    shared: &Shared,
    attachments: &mut mpsc::Receiver<Attachment>,
    deadline: Instant,
) -> Result<Attachment, LinkError> {
    let mut telling = LinkError::Lost { partner: shared.name.clone() };
    let back = async {
        let mut pause = PAUSES.0;
        if !shared.opener {
            sleep(HELP_AFTER).await;
        }
        loop {
            let tried = match core.connection(shared.partner).await {
                Ok(peer) if shared.opener => come_back(core, shared, &peer).await,
                // The opener has a connection to come back on now.
                Ok(_) => Err(LinkError::Lost { partner: shared.name.clone() }),
                Err(error) => Err(error),
            };
            match tried.map_err(closing::meaning_on_return) {
                Ok(attachment) => return Ok(attachment),
                Err(error) if !error.is_passing() => return Err(error),
                Err(LinkError::Unreachable { .. }) => {}
                Err(error) => telling = error,
            }
            sleep(pause).await;
            pause = (pause * 2).min(PAUSES.1);
        }
    };
    let given_up = async {
        while !shared.flow().is_abandoned() {
            shared.work.notified().await;
        }
        // Nothing more is to be told than the other end finds out by coming back.
        LinkError::Abandoned { partner: shared.name.clone() }
    };
    tokio::select! {
        attached = back => return attached,
        next = attachments.recv() => return next.ok_or(LinkError::Closed),
        error = shared.failed() => return Err(error),
        error = given_up => return Err(error),
        () = sleep_until(deadline) => {}
    }
    Err(telling)
}

/// Carries a channel over one stream.
async fn run(
    core: &Core,
    shared: &Shared,
    attachment: Attachment,
    attachments: &mut mpsc::Receiver<Attachment>,
) -> Ended {
    let Attachment { mut reader, mut writer, using, resumed } = attachment;
    let peer = &using.0;
    if let Some(theirs) = resumed {
        let ours = {
            let mut flow = shared.flow();
            flow.resume(theirs).map(|()| flow.progress())
        };
        let told = match ours {
            Ok(ours) => writer.small(Kind::Resumed, &ours.encode()).await,
            Err(rule) => Err(FrameError::Rule(rule)),
        };
        if let Err(error) = told {
            return ended(error, peer);
        }
    }
    shared.wake();
    let reading = async {
        loop {
            match read(shared, &mut reader).await {
                Ok(true) => shared.wake(),
                Ok(false) if shared.flow().is_done() => return Ended::Done,
                Ok(false) => return Ended::Broken,
                Err(error) => return ended(error, peer),
            }
        }
    };
    let writing = async {
        loop {
            let out = shared.flow().next_out();
            let written = match out {
                Some(Out::Ack(ours)) => writer.small(Kind::Ack, &ours.encode()).await,
                Some(Out::Message(number, message)) => {
                    writer.write(Kind::Message, message, &number.to_le_bytes()).await
                }
                Some(Out::End(number)) => writer.small(Kind::End, &number.to_le_bytes()).await,
                Some(Out::Abandon) => {
                    // Err: the other end finds out by coming back.
                    let _ = writer.small(Kind::Abandon, &[]).await;
                    writer.finish();
                    return Ended::Failed(LinkError::Abandoned { partner: shared.name.clone() });
                }
                None if shared.flow().is_done() => {
                    writer.finish();
                    // The other end has all it needs, and says so by ending its side; if it does not, its loss.
                    sleep(core.settings.patience).await;
                    return Ended::Done;
                }
                None => {
                    shared.work.notified().await;
                    Ok(())
                }
            };
            if let Err(error) = written {
                return ended(error, peer);
            }
        }
    };
    tokio::select! {
        ended = reading => ended,
        ended = writing => ended,
        () = stands_still(core, shared, &peer.connection) => ended(FrameError::TooSlow, peer),
        Some(next) = attachments.recv() => Ended::Replaced(next),
        error = shared.failed() => Ended::Failed(error),
    }
}

fn ended(error: FrameError, peer: &Peer) -> Ended {
    match frame_failed(error, peer) {
        LinkError::Lost { .. } | LinkError::TooSlow { .. } => Ended::Broken,
        error => Ended::Failed(error),
    }
}

/// Takes one frame in; `false` when the other end has ended the stream.
async fn read(shared: &Shared, reader: &mut FrameReader) -> Result<bool, FrameError> {
    let Some(head) = reader.head().await? else { return Ok(false) };
    // Before its memory is taken, not after.
    if head.kind == Kind::Message && !shared.flow().may_come() {
        return Err(FrameError::Rule("more messages than the window allows"));
    }
    let mut body = reader.body(&head).await?;
    let taken = match head.kind {
        Kind::Message => {
            let number = body.len().checked_sub(8).map(|at| body.split_off(at));
            match number.as_deref().and_then(number_of) {
                Some(number) => shared.flow().on_message(number, body),
                None => Err("a message without a number"),
            }
        }
        Kind::End => number_of(&body).ok_or("an end without a number").and_then(|n| shared.flow().on_end(n)),
        Kind::Ack => Progress::decode(&body)
            .ok_or("an acknowledgement in the wrong form")
            .and_then(|theirs| shared.flow().on_ack(theirs)),
        Kind::Abandon => {
            shared.fail(LinkError::Abandoned { partner: shared.name.clone() });
            Ok(())
        }
        _ => Err("a frame that has no place in a channel"),
    };
    taken.map(|()| true).map_err(FrameError::Rule)
}

fn number_of(bytes: &[u8]) -> Option<u64> {
    bytes.try_into().ok().map(u64::from_le_bytes)
}

/// Returns when a message was written and the other end, which lives, does not read it: nothing gets through
/// and next to nothing is sent for as long as the patience lasts, or the message takes longer than the least
/// rate allows. A slow network is busy meanwhile, a partner that does not read leaves it idle.
async fn stands_still(core: &Core, shared: &Shared, connection: &quinn::Connection) {
    const TICKS: u32 = 8;
    let pace = Pace::of(&core.settings);
    let (mut since, mut before) = (Instant::now(), None);
    let (mut quiet, mut sent_before) = (0, 0);
    loop {
        sleep(core.settings.patience / TICKS).await;
        let sent = connection.stats().udp_tx.bytes;
        let busy = sent.saturating_sub(sent_before) > core.settings.slowest / u64::from(TICKS);
        sent_before = sent;
        let (under_way, got_through) = {
            let flow = shared.flow();
            (flow.under_way(), flow.got_through())
        };
        if under_way == 0 || before != Some(got_through) {
            (since, before, quiet) = (Instant::now(), Some(got_through), 0);
            continue;
        }
        quiet = if busy { 0 } else { quiet + 1 };
        if quiet >= TICKS || since.elapsed() > pace.whole(under_way) {
            return;
        }
    }
}
