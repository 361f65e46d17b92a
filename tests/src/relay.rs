//! A way between two nodes that can be cut: a relay for UDP packets, in user space.
//!
//! A card whose address is the relay's makes its partner's packets go through here.

use std::{
    collections::HashMap,
    net::{SocketAddr, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

/// How often a thread looks whether it is still needed.
const LOOK: Duration = Duration::from_millis(200);

/// Packets to [`address`](Self::address) go to a node and back, unless the way is cut.
pub struct Relay {
    /// Where to send packets to.
    pub address: SocketAddr,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    cut: AtomicBool,
    over: AtomicBool,
    carried: AtomicU64,
    /// Of a thousand packets so many are lost, as many changed, as many doubled.
    storm: AtomicU64,
    dice: AtomicU64,
}

impl Relay {
    /// A way to a node.
    pub fn to(node: SocketAddr) -> Self {
        let front = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        let address = front.local_addr().expect("an address");
        let state = Arc::new(State::default());
        let kept = Arc::clone(&state);
        thread::spawn(move || there(&front, node, &kept));
        Self { address, state }
    }

    /// Cuts the way, or mends it.
    pub fn cut(&self, cut: bool) {
        self.state.cut.store(cut, Ordering::SeqCst);
    }

    /// From now on so many of a thousand packets are lost, as many changed on their way, and as many come twice.
    pub fn storm(&self, permille: u64) {
        self.state.storm.store(permille, Ordering::SeqCst);
    }

    /// Bytes that went through, either way.
    pub fn carried(&self) -> u64 {
        self.state.carried.load(Ordering::SeqCst)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.state.over.store(true, Ordering::SeqCst);
    }
}

impl State {
    fn is_over(&self) -> bool {
        self.over.load(Ordering::SeqCst)
    }

    /// What becomes of a packet on its way.
    fn blown<'p>(&self, packet: &'p mut [u8]) -> &'p [u8] {
        if self.thrown()
            && let Some(byte) = packet.last_mut()
        {
            *byte ^= 0x55;
        }
        packet
    }

    /// Whether one of the evils that there are meets a packet.
    fn thrown(&self) -> bool {
        // splitmix64; the same course each time, as far as packets come in one order.
        let mut z = self.dice.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::SeqCst);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % 1000 < self.storm.load(Ordering::SeqCst)
    }

    /// Whether a packet of this length goes on.
    fn pass(&self, length: usize) -> bool {
        let open = !self.cut.load(Ordering::SeqCst) && !self.thrown();
        if open {
            self.carried.fetch_add(length as u64, Ordering::SeqCst);
        }
        open
    }
}

fn there(front: &UdpSocket, node: SocketAddr, state: &Arc<State>) {
    front.set_read_timeout(Some(LOOK)).expect("a timeout");
    let mut backs: HashMap<SocketAddr, UdpSocket> = HashMap::new();
    let mut packet = vec![0; 65_536];
    while !state.is_over() {
        let Ok((length, from)) = front.recv_from(&mut packet) else { continue };
        let back = backs.entry(from).or_insert_with(|| {
            let back = UdpSocket::bind("127.0.0.1:0").expect("a free port");
            back.connect(node).expect("a way to the node");
            let (front, reading) =
                (front.try_clone().expect("a socket"), back.try_clone().expect("a socket"));
            let state = Arc::clone(state);
            thread::spawn(move || home(&reading, &front, from, &state));
            back
        });
        if state.pass(length) {
            // A node that is not there loses packets, as it would without the relay.
            let _ = back.send(state.blown(&mut packet[..length]));
            if state.thrown() {
                let _ = back.send(&packet[..length]);
            }
        }
    }
}

fn home(back: &UdpSocket, front: &UdpSocket, caller: SocketAddr, state: &State) {
    back.set_read_timeout(Some(LOOK)).expect("a timeout");
    let mut packet = vec![0; 65_536];
    while !state.is_over() {
        let Ok(length) = back.recv(&mut packet) else { continue };
        if state.pass(length) {
            let _ = front.send_to(state.blown(&mut packet[..length]), caller);
            if state.thrown() {
                let _ = front.send_to(&packet[..length], caller);
            }
        }
    }
}
