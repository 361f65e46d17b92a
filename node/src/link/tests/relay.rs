//! A way between two nodes that can be cut: a UDP relay in the middle.

use std::{
    collections::{HashMap, hash_map::Entry},
    net::SocketAddr,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
};

use tokio::net::UdpSocket;

use super::*;

/// Packets to [`address`](Self::address) go to a node and back, unless the way is cut.
pub(super) struct Relay {
    pub address: SocketAddr,
    cut: Arc<AtomicBool>,
    carried: Arc<AtomicU64>,
}

impl Relay {
    pub(super) async fn to(node: SocketAddr) -> Self {
        let front = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
        let address = front.local_addr().unwrap();
        let (cut, carried) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        tokio::spawn(carry(front, node, Arc::clone(&cut), Arc::clone(&carried)));
        Self { address, cut, carried }
    }

    pub(super) fn cut(&self, cut: bool) {
        self.cut.store(cut, Ordering::Relaxed);
    }

    /// Bytes that went through, either way.
    pub(super) fn carried(&self) -> u64 {
        self.carried.load(Ordering::Relaxed)
    }
}

async fn carry(front: Arc<UdpSocket>, node: SocketAddr, cut: Arc<AtomicBool>, carried: Arc<AtomicU64>) {
    let mut backs: HashMap<SocketAddr, Arc<UdpSocket>> = HashMap::new();
    let mut packet = vec![0; 65_536];
    loop {
        let (length, from) = front.recv_from(&mut packet).await.unwrap();
        if let Entry::Vacant(vacant) = backs.entry(from) {
            let back = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
            back.connect(node).await.unwrap();
            vacant.insert(Arc::clone(&back));
            let (front, cut, carried) = (Arc::clone(&front), Arc::clone(&cut), Arc::clone(&carried));
            tokio::spawn(async move {
                let mut packet = vec![0; 65_536];
                while let Ok(length) = back.recv(&mut packet).await {
                    if !cut.load(Ordering::Relaxed) {
                        carried.fetch_add(length as u64, Ordering::Relaxed);
                        let _ = front.send_to(&packet[..length], from).await;
                    }
                }
            });
        }
        if !cut.load(Ordering::Relaxed) {
            carried.fetch_add(length as u64, Ordering::Relaxed);
            let _ = backs[&from].send(&packet[..length]).await;
        }
    }
}
