//! Two nodes that reach each other through relays only, so that the way between them can be cut.

use std::{thread, time::Duration};

use tacit_node::{
    config::Home,
    control::{self, Request},
    query::{QueryRequest, Wish},
    report::Report,
};

use crate::{
    Node, World, free_address,
    pair::{Pair, replaced},
    relay::Relay,
};

/// A connection is taken for dead after this.
const IDLE: &str = "4s";

/// Longer than that.
pub const LONGER_THAN_IDLE: Duration = Duration::from_secs(6);

/// The nodes and the ways to each.
pub struct Apart {
    /// The way to the brand.
    pub to_brand: Relay,
    /// The way to the bank.
    pub to_bank: Relay,
    /// The brand's node.
    pub brand: Node,
    /// The bank's.
    pub bank: Node,
    /// Their homes. Last, because it must outlive the nodes.
    pub world: World,
}

impl Apart {
    /// Two partners who trust each other, with the data that `prepare` gives them, under this contract. A way that is
    /// cut for as long as `resume` is cut for good.
    pub fn under(program: &str, contract: &str, resume: &str, prepare: impl FnOnce(&World)) -> Self {
        let world = World::new(program);
        let relay = |home: &str| {
            let listen = free_address();
            let relay = Relay::to(listen);
            let (listen, address) = (listen.to_string(), relay.address.to_string());
            world.tacit(home, &["init", home, "--listen", &listen, "--address", &address]).ok();
            let file = world.path(home).join("tacit.toml");
            let text = std::fs::read_to_string(&file).expect("the settings");
            let idle = format!("idle = \"{IDLE}\"\nkeep_alive = \"1s\"");
            let text = replaced(&text, "# idle           = \"60s\"", &idle);
            let text = replaced(&text, "# resume         = \"5m\" ", &format!("resume = \"{resume}\""));
            std::fs::write(&file, text).expect("the settings");
            relay
        };
        let (to_brand, to_bank) = (relay("brand"), relay("bank"));
        world.befriend("brand", "bank");
        prepare(&world);
        let Pair { brand, bank, world } = Pair::agreed(world, contract);
        Self { to_brand, to_bank, brand, bank, world }
    }

    /// Bytes that have gone over either way.
    pub fn carried(&self) -> u64 {
        self.to_brand.carried() + self.to_bank.carried()
    }

    /// Cuts both ways, or mends them.
    pub fn cut(&self, cut: bool) {
        self.to_brand.cut(cut);
        self.to_bank.cut(cut);
    }

    /// Asks as the brand does, through its node.
    pub fn asking(&self, question: &str) -> thread::JoinHandle<Result<control::Reply, Report>> {
        let home = Home::at(self.world.path("brand"));
        let wait = Duration::from_secs(60);
        let wish = Wish::default();
        let request = QueryRequest { sql: question.into(), contract: None, purpose: None, wish, wait };
        thread::spawn(move || control::perform(&home, Request::Query(request), &mut |_| {}))
    }

    /// Waits until a transfer is in its middle.
    pub fn middle(&self, from: u64) {
        self.world.until("the middle of the transfer", || self.carried() > from + (2 << 20));
    }
}
