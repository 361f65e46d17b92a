//! The channels of this node, and how many of them one partner may have.
//!
//! The attack this stops: a partner that opens channels until memory is gone. Each channel may hold its
//! window of messages; admission counts windows, so that what is admitted can always go on.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tacit_protocol::ids::PartnerId;

use super::{LinkError, Settings, channel::Shared, settings::LARGEST_MESSAGE};

/// 16 random bytes that name a channel between two nodes.
pub(super) type ChannelId = [u8; 16];

#[derive(Default)]
pub(super) struct Channels(Mutex<HashMap<(PartnerId, ChannelId), Arc<Shared>>>);

impl Channels {
    fn lock(&self) -> MutexGuard<'_, HashMap<(PartnerId, ChannelId), Arc<Shared>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a channel in, if the partner may have one more with this window.
    pub(super) fn admit(&self, channel: &Arc<Shared>, settings: &Settings) -> Result<(), LinkError> {
        let mut channels = self.lock();
        let partner = channel.partner;
        let windows = channels.values().filter(|other| other.partner == partner).map(|other| other.window);
        let (count, sum) = windows.fold((0, 0), |(count, sum), window| (count + 1, sum + window));
        // Both directions may hold their window.
        let memory = (sum + channel.window).saturating_mul(LARGEST_MESSAGE);
        if count >= settings.channels
            || memory > settings.memory
            || channels.contains_key(&(partner, channel.id))
        {
            return Err(LinkError::Busy { partner: channel.name.clone() });
        }
        channels.insert((partner, channel.id), Arc::clone(channel));
        Ok(())
    }

    pub(super) fn find(&self, partner: PartnerId, id: &ChannelId) -> Option<Arc<Shared>> {
        self.lock().get(&(partner, *id)).map(Arc::clone)
    }

    pub(super) fn remove(&self, channel: &Shared) {
        self.lock().remove(&(channel.partner, channel.id));
    }

    pub(super) fn count(&self, partner: PartnerId) -> usize {
        self.lock().keys().filter(|(of, _)| *of == partner).count()
    }

    pub(super) fn fail_all(&self, error: &LinkError) {
        self.lock().values().for_each(|channel| channel.fail(error.clone()));
    }

    /// Fails a partner's channels; the error carries the name that the partner had when they were opened.
    pub(super) fn fail_partner(&self, partner: PartnerId, error: impl Fn(String) -> LinkError) {
        let channels = self.lock();
        let theirs = channels.values().filter(|channel| channel.partner == partner);
        theirs.for_each(|channel| channel.fail(error(channel.name.clone())));
    }

    /// Fails the channels with one run of the partner's node, or with all but that one.
    pub(super) fn fail_run(&self, partner: PartnerId, instance: &[u8; 16], is: bool) {
        let channels = self.lock();
        let theirs = channels.values().filter(|channel| channel.partner == partner);
        theirs
            .filter(|channel| (channel.instance == *instance) == is)
            .for_each(|channel| channel.fail(LinkError::Gone { partner: channel.name.clone() }));
    }
}
