//! What a partner wants with a new stream.

use std::sync::Arc;

use super::{
    call,
    closing::Closing,
    core::Core,
    frame::{FrameError, FrameReader, FrameWriter, Kind, Pace},
    keeper,
    pool::{Peer, Using},
    rotation,
};

/// Serves one stream of a known partner.
pub(super) async fn stream(
    core: Arc<Core>,
    peer: Arc<Peer>,
    send: quinn::SendStream,
    recv: quinn::RecvStream,
) {
    let pace = Pace::of(&core.settings);
    let (mut reader, writer) = (FrameReader::new(recv, pace), FrameWriter::new(send, pace));
    let using = Using::new(Arc::clone(&peer));
    let served = match reader.expect_head().await {
        Err(error) => Err(error),
        Ok(head) => match head.kind {
            Kind::Open => keeper::opened(core, reader, writer, using, head).await,
            Kind::Resume => keeper::resumed(core, reader, writer, using, head).await,
            Kind::Call => call::taken(core, reader, writer, using, head).await,
            Kind::Card => rotation::taken(core, reader, writer, using, head).await,
            _ => Err(FrameError::Rule("a stream that begins with another frame")),
        },
    };
    match served {
        Ok(()) | Err(FrameError::Broken) => {}
        Err(FrameError::TooSlow) => {
            tracing::warn!(partner = peer.name, "the partner is too slow");
            Closing::TooSlow.close(&peer.connection);
        }
        Err(FrameError::Rule(rule)) => {
            tracing::warn!(partner = peer.name, rule, "the partner broke a rule of the link");
            Closing::Rule.close(&peer.connection);
        }
    }
}
