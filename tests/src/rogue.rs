//! A partner that does not behave: it has a trusted home and speaks with the node's own link, but what it
//! says over it is the test's to choose.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde_json::{Value, json};
use tacit_node::{
    config::{Config, Home, Identity, Unlock},
    exchange::{Aside, Question},
    ledger::{Considered, Heads},
    link::{Channel, ChannelReceiver, ChannelSender, Incoming, Link, Partners, Settings},
    report::Refusal,
};
use tacit_protocol::{
    ids::{ContractId, PartnerId, QueryId, SessionId},
    log::{
        checkpoint::{Keys, origin},
        note::{SignatureKind, VerifierKey},
        witness::AddCheckpoint,
    },
    psi,
    wire::{Envelope, Limits, Outbox, Role, Wire, hello::session_id},
};

/// Whatever takes longer hangs.
const FAR: Duration = Duration::from_secs(60);

/// Marks of the two kinds of message on a channel.
const ASIDE: u8 = 0;
const PROTOCOL: u8 = 1;

/// A node's keys and partners in the hands of a test.
pub struct Rogue {
    /// Its end of the connections.
    pub link: Link,
    /// Its keys.
    pub identity: Arc<Identity>,
    partners: Arc<Partners>,
}

/// Without a cosignature no node asks or answers: in this even a rogue behaves.
struct Witness {
    heads: Heads,
    identity: Arc<Identity>,
    partners: Arc<Partners>,
}

impl Witness {
    async fn attend(self, link: Link) {
        while let Some(call) = link.next_call().await {
            let said: Value = serde_json::from_slice(&call.body).unwrap_or_default();
            let answer = match said["head"]["request"].as_str() {
                Some(request) => self.consider(call.partner, request),
                None => json!({ "refused": { "code": "E-ROGUE" } }),
            };
            let _ = call.answer(serde_json::to_vec(&answer).expect("JSON"));
        }
    }

    fn consider(&self, partner: PartnerId, request: &str) -> Value {
        let trusted = self.partners.trusted();
        let key = *trusted.by_id(partner).expect("a partner").card().signing_key();
        let log = VerifierKey::new(&origin(&partner), SignatureKind::Ed25519, key).expect("a key");
        let keys =
            Keys { origin: origin(&partner), log: vec![log], witnesses: Vec::new(), handovers: Vec::new() };
        let request = AddCheckpoint::parse(request.as_bytes()).expect("a request");
        let considered = self.heads.consider(partner, (&keys, &keys), &request).expect("a head can be kept");
        let accepted = match considered {
            Considered::Kept(accepted) => accepted,
            Considered::Refused { known, .. } => return json!({ "seen": { "note": known } }),
        };
        let me = origin(&self.identity.id());
        let own = VerifierKey::new(&me, SignatureKind::Cosignature, self.identity.signing_key());
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
        let line = accepted.cosign(&own.expect("a key"), now, |text| self.identity.sign(text));
        json!({ "cosigned": { "line": line.expect("a cosignature").to_string() } })
    }
}

/// What came over a channel.
#[derive(Debug, Clone, PartialEq)]
pub enum Heard {
    /// A word outside the protocol.
    Aside(Aside),
    /// A message of the protocol, in its envelope.
    Protocol(Vec<u8>),
    /// The other end has said everything.
    End,
    /// The channel broke, with the link's code.
    Broken(&'static str),
}

/// One end of a question's channel.
pub struct Talk {
    sender: ChannelSender,
    receiver: ChannelReceiver,
    /// The session that both ends derive.
    pub session: SessionId,
    role: Role,
    outbox: Outbox,
}

/// The keys of a home that are unlocked by a key file.
pub fn identity_in(home: &Path) -> Identity {
    let home = Home::open(home).expect("a home");
    let config = Config::read(&home).expect("settings");
    let unlock = Unlock::find(&home, &config.unlock).expect("a key file");
    Identity::open(&home, &config, &unlock).expect("keys")
}

impl Rogue {
    /// Takes over a home. No other process may work in it. Needs a tokio runtime.
    pub fn in_home(home: &Path) -> Self {
        let identity = Arc::new(identity_in(home));
        let home = Home::open(home).expect("a home");
        let config = Config::read(&home).expect("settings");
        let partners = Arc::new(Partners::open(&home.partners_dir(), &identity).expect("partners"));
        let link = Link::bind(Settings::from(&config.link), Arc::clone(&identity), Arc::clone(&partners));
        let link = link.expect("a free port");
        let witness = Witness {
            heads: Heads::at(&home.ledger_dir()),
            identity: Arc::clone(&identity),
            partners: Arc::clone(&partners),
        };
        tokio::spawn(witness.attend(link.clone()));
        Self { link, identity, partners }
    }

    /// The id of a partner.
    pub fn partner(&self, name: &str) -> PartnerId {
        self.partners.find(name).expect("a partner").card().id()
    }

    /// Opens a channel with any bytes.
    pub async fn open(&self, partner: &str, opening: Vec<u8>) -> Channel {
        within(self.link.open(self.partner(partner), opening)).await.expect("a channel")
    }

    /// Asks a question, whatever it is.
    pub async fn ask(&self, partner: &str, question: &Question) -> Talk {
        let opening = serde_json::to_vec(question).expect("a question has a JSON form");
        let channel = self.open(partner, opening).await;
        Talk::on(channel, question, Role::Initiator)
    }

    /// Waits for a question of a partner.
    pub async fn asked(&self) -> (Question, Talk) {
        let Incoming { opening, channel, .. } = within(self.link.accept()).await.expect("a channel");
        let question: Question = serde_json::from_slice(&opening).expect("a question");
        let talk = Talk::on(channel, &question, Role::Responder);
        (question, talk)
    }
}

impl Talk {
    fn on(channel: Channel, question: &Question, role: Role) -> Self {
        let session = session_id(channel.binding(), question.query, question.contract, channel.number());
        let (sender, receiver) = channel.split();
        Self { sender, receiver, session, role, outbox: Outbox::new(session, role) }
    }

    /// Any channel, on which no question was put: it has no session.
    pub fn unasked(channel: Channel) -> Self {
        let (sender, receiver) = channel.split();
        let (session, role) = (SessionId::new([0; 32]), Role::Initiator);
        Self { sender, receiver, session, role, outbox: Outbox::new(session, role) }
    }

    /// Says a message of the protocol in its right envelope.
    pub async fn say(&mut self, message: &psi::Message) {
        let envelope = self.seal(message);
        self.envelope(envelope).await;
    }

    /// Seals a message as the next one without sending it.
    pub fn seal(&mut self, message: &psi::Message) -> Vec<u8> {
        self.outbox.seal(message)
    }

    /// Seals bytes as the next message without sending it.
    pub fn seal_body(&mut self, body: &[u8]) -> Vec<u8> {
        self.outbox.seal_body(body)
    }

    /// Sends what should be an envelope.
    pub async fn envelope(&mut self, envelope: Vec<u8>) {
        let mut message = vec![PROTOCOL];
        message.extend(envelope);
        self.raw(message).await;
    }

    /// Says a word outside the protocol.
    pub async fn aside(&mut self, aside: &Aside) {
        let mut message = vec![ASIDE];
        message.extend(serde_json::to_vec(aside).expect("an aside has a JSON form"));
        self.raw(message).await;
    }

    /// Sends any bytes. Whoever has heard enough may have gone.
    pub async fn raw(&mut self, message: Vec<u8>) {
        let _ = within(self.sender.send(message)).await;
    }

    /// The next thing that is said.
    pub async fn hear(&mut self) -> Heard {
        match within(self.receiver.recv()).await {
            Ok(None) => Heard::End,
            Err(error) => Heard::Broken(error.code()),
            Ok(Some(message)) => match message.split_first() {
                Some((&ASIDE, body)) => Heard::Aside(serde_json::from_slice(body).expect("an aside")),
                Some((&PROTOCOL, envelope)) => Heard::Protocol(envelope.to_vec()),
                other => panic!("neither an aside nor an envelope: {other:?}"),
            },
        }
    }

    /// Waits until the other end lets the protocol begin; the code if it does not.
    pub async fn granted(&mut self) -> Result<(), String> {
        loop {
            match self.hear().await {
                Heard::Aside(Aside::Ready) => return Ok(()),
                Heard::Aside(Aside::Refused { code, .. } | Aside::Ended { code }) => return Err(code),
                Heard::Aside(_) => {}
                other => return Err(format!("{other:?}")),
            }
        }
    }

    /// Listens to the end; the code that the other end closes with, or the link's.
    pub async fn ending(&mut self) -> String {
        loop {
            match self.hear().await {
                Heard::Aside(Aside::Refused { code, .. } | Aside::Ended { code }) => return code,
                Heard::End => return "the end".to_owned(),
                Heard::Broken(code) => return code.to_owned(),
                Heard::Aside(_) | Heard::Protocol(_) => {}
            }
        }
    }

    /// The next message of the protocol, opened, with its envelope as it came.
    pub async fn message(&mut self) -> (psi::Message, Vec<u8>) {
        loop {
            match self.hear().await {
                Heard::Aside(_) => {}
                Heard::Protocol(envelope) => return (self.opened(&envelope), envelope),
                other => panic!("instead of a message: {other:?}"),
            }
        }
    }

    /// The next message of the protocol, or `None` if the other end has ended the session.
    pub async fn next_message(&mut self) -> Option<psi::Message> {
        match self.hear().await {
            Heard::Protocol(envelope) => Some(self.opened(&envelope)),
            Heard::Aside(_) | Heard::End | Heard::Broken(_) => None,
        }
    }

    fn opened(&self, envelope: &[u8]) -> psi::Message {
        let limits = Limits::new(1 << 22);
        let opened = Envelope::decode(envelope, &limits).expect("an envelope");
        assert_eq!((opened.session, opened.role), (self.session, self.role.peer()));
        psi::Message::decode(opened.body, &limits).expect("a message")
    }
}

/// Waits for something that must not hang.
pub async fn within<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(FAR, what).await.expect("it took too long")
}

/// A query id nobody used.
pub fn fresh_query() -> QueryId {
    QueryId::new(ring::rand::generate(&ring::rand::SystemRandom::new()).expect("randomness").expose())
}

/// The question as an honest asker puts it, under the contract with this id.
pub fn honest(contract: ContractId, sql: &str, purpose: &str, profile: &str) -> Question {
    Question {
        query: fresh_query(),
        contract,
        sql: sql.to_owned(),
        purpose: purpose.to_owned(),
        profile: profile.to_owned(),
        wait: Duration::from_secs(5),
        earlier: tacit_node::exchange::Earlier::default(),
        content: None,
        run: None,
    }
}
