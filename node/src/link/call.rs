//! Calls: one small request, one small answer, on a stream of their own.
//!
//! A call is not taken up again after a broken connection: whether it was carried out is for the
//! application to find out, by asking again in a way that can be repeated.

use std::sync::Arc;

use bytes::Bytes;
use tacit_protocol::ids::PartnerId;
use tokio::{sync::oneshot, time::timeout};

use super::{
    LinkError,
    closing::Closing,
    core::Core,
    frame::{FrameError, FrameReader, FrameWriter, Head, Kind, Pace, Refused},
    pool::{Peer, Using},
    settings::LARGEST_MESSAGE,
};

/// A call that waits for an answer here. Dropping it tells the partner that none will come.
#[derive(Debug)]
pub struct IncomingCall {
    /// Who calls.
    pub partner: PartnerId,
    /// What it says, at most 4 MiB.
    pub body: Vec<u8>,
    answer: oneshot::Sender<Vec<u8>>,
}

impl IncomingCall {
    /// Answers with at most 4 MiB.
    ///
    /// # Errors
    /// [`LinkError::TooLong`]; the caller hears then that no answer will come.
    pub fn answer(self, body: Vec<u8>) -> Result<(), LinkError> {
        let (length, limit) = (body.len(), LARGEST_MESSAGE);
        if length > limit {
            return Err(LinkError::TooLong { length, limit });
        }
        // Err: the caller is gone.
        let _ = self.answer.send(body);
        Ok(())
    }
}

impl Core {
    pub(super) async fn call(
        self: &Arc<Self>,
        partner: PartnerId,
        body: Vec<u8>,
    ) -> Result<Vec<u8>, LinkError> {
        let (length, limit) = (body.len(), LARGEST_MESSAGE);
        if length > limit {
            return Err(LinkError::TooLong { length, limit });
        }
        let answered = async {
            let peer = self.connection(partner).await?;
            exchange(self, peer, (Kind::Call, Kind::Answer), Bytes::from(body)).await
        };
        match timeout(self.settings.deadline, answered).await {
            Ok(answered) => answered,
            Err(_) => Err(LinkError::Deadline { partner: self.name_of(partner) }),
        }
    }
}

/// One frame there, one frame back, on a stream of their own. The answer may take as long as the caller of
/// this function waits; once it has begun, the pace holds.
pub(super) async fn exchange(
    core: &Core,
    peer: Arc<Peer>,
    kinds: (Kind, Kind),
    body: Bytes,
) -> Result<Vec<u8>, LinkError> {
    let using = Using::new(peer);
    let peer = &using.0;
    let partner = || peer.name.clone();
    let pace = Pace::of(&core.settings);
    let exchanged = async {
        let (send, recv) = peer.connection.open_bi().await.map_err(|_| FrameError::Broken)?;
        let (mut reader, mut writer) = (FrameReader::new(recv, pace), FrameWriter::new(send, pace));
        writer.write(kinds.0, body, &[]).await?;
        writer.finish();
        let head = reader.head().await?.ok_or(FrameError::Broken)?;
        Ok((head.kind, reader.body(&head).await?))
    };
    match exchanged.await {
        Ok((kind, body)) if kind == kinds.1 => Ok(body),
        Ok((Kind::Refused, body)) => Err(match Refused::of(&body) {
            Some(Refused::Busy) => LinkError::Busy { partner: partner() },
            Some(Refused::Card) => LinkError::CardRefused { partner: partner() },
            _ => LinkError::Deadline { partner: partner() },
        }),
        Ok(_) => {
            Closing::Rule.close(&peer.connection);
            Err(LinkError::Rule { partner: partner(), rule: "another frame came where an answer was due" })
        }
        Err(FrameError::Broken) => Err(LinkError::Lost { partner: partner() }),
        Err(FrameError::TooSlow) => {
            Closing::TooSlow.close(&peer.connection);
            Err(LinkError::TooSlow { partner: partner() })
        }
        Err(FrameError::Rule(rule)) => {
            Closing::Rule.close(&peer.connection);
            Err(LinkError::Rule { partner: partner(), rule })
        }
    }
}

/// A partner calls.
pub(super) async fn taken(
    core: Arc<Core>,
    mut reader: FrameReader,
    mut writer: FrameWriter,
    using: Using,
    head: Head,
) -> Result<(), FrameError> {
    let partner = using.0.partner;
    // Before the body is read: a partner's calls in memory are as many as it may have.
    let Ok(_one) = Arc::clone(&core.place(partner).calls).try_acquire_owned() else {
        return writer.refuse(Refused::Busy).await;
    };
    let body = reader.body(&head).await?;
    let (answer, answered) = oneshot::channel();
    if core.calls.try_send(IncomingCall { partner, body, answer }).is_err() {
        return writer.refuse(Refused::Busy).await;
    }
    match timeout(core.settings.deadline, answered).await {
        Ok(Ok(body)) => {
            writer.write(Kind::Answer, Bytes::from(body), &[]).await?;
            writer.finish();
            Ok(())
        }
        _ => writer.refuse(Refused::NoAnswer).await,
    }
}
