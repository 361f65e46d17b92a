//! Frames on a stream: a kind, a length, a body.
//!
//! The attacks this stops: a length field that allocates (the length is compared with the kind's cap first,
//! and memory grows with what has arrived, not with what was announced), and the peer that sends a byte
//! every ten seconds or never reads (every frame that has begun keeps a least rate, in both directions).

use std::time::Duration;

use bytes::Bytes;
use quinn::{RecvStream, SendStream};
use tokio::time::{Instant, timeout, timeout_at};

use super::{
    Settings,
    settings::{LARGEST_MESSAGE, LARGEST_OPENING},
};

/// What a frame is. The number is its byte on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    /// `wire::hello::Hello`, either way, on the first stream.
    Hello = 1,
    /// `wire::hello::HelloSignature`, either way.
    Signature = 2,
    /// What a node says of itself once it is known: `hello::About`.
    About = 3,
    /// The caller is let in.
    Welcome = 4,
    /// A new channel: id, window, opening.
    Open = 16,
    /// The channel stands.
    Opened = 17,
    /// A channel goes on: id, token, counters.
    Resume = 18,
    /// It does: counters.
    Resumed = 19,
    /// A message of a channel: number, bytes.
    Message = 20,
    /// No message follows: number.
    End = 21,
    /// Counters: received, taken.
    Ack = 22,
    /// The channel is given up.
    Abandon = 23,
    /// A call: bytes.
    Call = 32,
    /// Its answer: bytes.
    Answer = 33,
    /// A renewed card: text.
    Card = 34,
    /// It was taken.
    CardTaken = 35,
    /// No, with a [`Refused`] byte.
    Refused = 48,
}

impl Kind {
    const ALL: [Self; 17] = [
        Self::Hello,
        Self::Signature,
        Self::About,
        Self::Welcome,
        Self::Open,
        Self::Opened,
        Self::Resume,
        Self::Resumed,
        Self::Message,
        Self::End,
        Self::Ack,
        Self::Abandon,
        Self::Call,
        Self::Answer,
        Self::Card,
        Self::CardTaken,
        Self::Refused,
    ];

    fn of(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|&kind| kind as u8 == byte)
    }

    /// The longest body of this kind, bytes.
    const fn cap(self) -> usize {
        match self {
            Self::Hello | Self::Card => 16 << 10,
            Self::Signature => 64,
            Self::About => 256,
            Self::Open => LARGEST_OPENING + 18,
            Self::Resume => 64,
            Self::Resumed | Self::Ack => 16,
            Self::End => 8,
            Self::Message => LARGEST_MESSAGE + 8,
            Self::Call | Self::Answer => LARGEST_MESSAGE,
            Self::Refused => 1,
            Self::Welcome | Self::Opened | Self::Abandon | Self::CardTaken => 0,
        }
    }
}

/// Why something was refused. The partner gets this byte and nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Refused {
    /// As much as this node allows is open already.
    Busy = 1,
    /// No such channel here (any more).
    Unknown = 2,
    /// The card was not taken.
    Card = 3,
    /// Nobody answers calls here.
    NoAnswer = 4,
}

impl Refused {
    pub(super) fn of(body: &[u8]) -> Option<Self> {
        match body {
            [1] => Some(Self::Busy),
            [2] => Some(Self::Unknown),
            [3] => Some(Self::Card),
            [4] => Some(Self::NoAnswer),
            _ => None,
        }
    }
}

/// The beginning of a frame: its length is within its kind's cap.
#[derive(Debug)]
pub(super) struct Head {
    pub kind: Kind,
    pub length: usize,
}

/// Why a frame did not come or go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FrameError {
    /// The stream or the connection ended in it.
    Broken,
    /// It fell below the least rate.
    TooSlow,
    /// No honest node sends this.
    Rule(&'static str),
}

/// The least rate of a frame.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    patience: Duration,
    slowest: u64,
}

impl Pace {
    pub(super) fn of(settings: &Settings) -> Self {
        Self { patience: settings.patience, slowest: settings.slowest.max(1) }
    }

    /// How long a frame of `length` bytes may take altogether.
    pub(super) fn whole(&self, length: usize) -> Duration {
        self.patience + Duration::from_millis((length as u64).saturating_mul(1000) / self.slowest)
    }

    /// Starts the clock of a frame of `length` bytes.
    fn start(self, length: usize) -> Running {
        let now = Instant::now();
        let stretch = now + self.patience;
        Running { pace: self, end: now + self.whole(length), stretch, grown: 0 }
    }
}

/// The clock of one frame: an end for the whole, and an end for the present stretch.
struct Running {
    pace: Pace,
    end: Instant,
    stretch: Instant,
    grown: u64,
}

impl Running {
    /// When the next piece must have come.
    fn deadline(&self) -> Instant {
        self.stretch.min(self.end)
    }

    /// A piece has come. A stretch that brought at least a second's worth earns the next one.
    fn grew(&mut self, bytes: usize) {
        self.grown += bytes as u64;
        if self.grown >= self.pace.slowest {
            self.grown = 0;
            self.stretch = Instant::now() + self.pace.patience;
        }
    }
}

/// Memory is taken in steps of this, so that an announced length costs nothing.
const STEP: usize = 256 << 10;

/// Reads frames from one stream.
pub(super) struct FrameReader {
    stream: RecvStream,
    pace: Pace,
}

impl FrameReader {
    pub(super) const fn new(stream: RecvStream, pace: Pace) -> Self {
        Self { stream, pace }
    }

    /// The head of the next frame, or `None` when the stream ended in good order. Waits for its first byte as
    /// long as it takes; from then on the pace holds.
    pub(super) async fn head(&mut self) -> Result<Option<Head>, FrameError> {
        let mut first = [0];
        match self.stream.read(&mut first).await {
            Ok(Some(_)) => self.rest_of_head(first[0]).await.map(Some),
            Ok(None) => Ok(None),
            Err(_) => Err(FrameError::Broken),
        }
    }

    /// The head of the next frame, which must be there and begin within the pace as well.
    pub(super) async fn expect_head(&mut self) -> Result<Head, FrameError> {
        match timeout(self.pace.patience, self.head()).await {
            Err(_) => Err(FrameError::TooSlow),
            Ok(head) => head?.ok_or(FrameError::Broken),
        }
    }

    async fn rest_of_head(&mut self, kind: u8) -> Result<Head, FrameError> {
        let kind = Kind::of(kind).ok_or(FrameError::Rule("a frame of an unknown kind"))?;
        let mut length = [0; 4];
        let mut running = self.pace.start(length.len());
        self.fill(&mut length, &mut running).await?;
        let length = u32::from_le_bytes(length) as usize;
        if length > kind.cap() {
            return Err(FrameError::Rule("a frame longer than its kind allows"));
        }
        Ok(Head { kind, length })
    }

    /// The body after a head.
    pub(super) async fn body(&mut self, head: &Head) -> Result<Vec<u8>, FrameError> {
        let mut running = self.pace.start(head.length);
        let mut body = Vec::new();
        while body.len() < head.length {
            let (from, missing) = (body.len(), head.length - body.len());
            // Doubles at most: no more is taken than has come already, beyond the first step.
            let step = missing.min(STEP.max(from));
            body.reserve_exact(step);
            body.resize(from + step, 0);
            self.fill(&mut body[from..], &mut running).await?;
        }
        Ok(body)
    }

    /// A whole frame of this kind, which must come within the pace. Any other is `wrong`.
    pub(super) async fn expect(&mut self, kind: Kind, wrong: &'static str) -> Result<Vec<u8>, FrameError> {
        let head = self.expect_head().await?;
        if head.kind == kind { self.body(&head).await } else { Err(FrameError::Rule(wrong)) }
    }

    async fn fill(&mut self, mut into: &mut [u8], running: &mut Running) -> Result<(), FrameError> {
        while !into.is_empty() {
            match timeout_at(running.deadline(), self.stream.read(into)).await {
                Err(_) => return Err(FrameError::TooSlow),
                Ok(Ok(Some(read))) => {
                    running.grew(read);
                    into = &mut into[read..];
                }
                Ok(Ok(None) | Err(_)) => return Err(FrameError::Broken),
            }
        }
        Ok(())
    }
}

/// Writes frames to one stream.
pub(super) struct FrameWriter {
    stream: SendStream,
    pace: Pace,
}

impl FrameWriter {
    pub(super) const fn new(stream: SendStream, pace: Pace) -> Self {
        Self { stream, pace }
    }

    /// Writes one frame whose body is `body` and `tail` together; only own frames come here, so the length
    /// fits.
    pub(super) async fn write(&mut self, kind: Kind, body: Bytes, tail: &[u8]) -> Result<(), FrameError> {
        let length = body.len() + tail.len();
        debug_assert!(length <= kind.cap(), "{kind:?}");
        let mut head = Vec::with_capacity(5);
        head.push(kind as u8);
        head.extend_from_slice(&(length as u32).to_le_bytes());
        let mut running = self.pace.start(length);
        for mut part in [Bytes::from(head), body, Bytes::copy_from_slice(tail)] {
            while !part.is_empty() {
                let piece = part.split_to(part.len().min(STEP));
                let bytes = piece.len();
                match timeout_at(running.deadline(), self.stream.write_chunk(piece)).await {
                    Err(_) => return Err(FrameError::TooSlow),
                    Ok(Ok(())) => running.grew(bytes),
                    Ok(Err(_)) => return Err(FrameError::Broken),
                }
            }
        }
        Ok(())
    }

    /// A frame whose body is `body`.
    pub(super) async fn small(&mut self, kind: Kind, body: &[u8]) -> Result<(), FrameError> {
        self.write(kind, Bytes::new(), body).await
    }

    /// A refusal, which ends the stream.
    pub(super) async fn refuse(&mut self, why: Refused) -> Result<(), FrameError> {
        self.small(Kind::Refused, &[why as u8]).await?;
        self.finish();
        Ok(())
    }

    /// No frame follows.
    pub(super) fn finish(&mut self) {
        // Err: it is finished already.
        let _ = self.stream.finish();
    }
}
