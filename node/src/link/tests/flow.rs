use proptest::prelude::*;

use super::*;

fn flow(window: usize) -> Flow {
    Flow::new(window)
}

/// What one end writes reaches the other.
fn carry(from: &mut Flow, to: &mut Flow) -> bool {
    match from.next_out() {
        None => return false,
        Some(Out::Ack(progress)) => to.on_ack(progress).unwrap(),
        Some(Out::Message(number, message)) => to.on_message(number, message.to_vec()).unwrap(),
        Some(Out::End(number)) => to.on_end(number).unwrap(),
        Some(Out::Abandon) => to.abandon(),
    }
    true
}

/// The stream breaks: what was written and not carried is lost, and both tell how far they are.
fn reconnect(one: &mut Flow, other: &mut Flow) {
    let (here, there) = (one.progress(), other.progress());
    other.resume(here).unwrap();
    one.resume(there).unwrap();
}

#[test]
fn a_window_of_one_waits_for_the_application() {
    let (mut one, mut other) = (flow(1), flow(1));
    one.push(Bytes::from_static(b"first"));
    assert!(!one.has_room());
    assert!(carry(&mut one, &mut other));
    assert!(carry(&mut other, &mut one), "the arrival is told");
    assert!(!one.has_room(), "arrived is not taken");
    assert_eq!(other.take().unwrap(), b"first");
    assert!(carry(&mut other, &mut one));
    assert!(one.has_room() && one.all_taken());
}

#[test]
fn what_arrived_is_not_sent_again_and_what_did_not_is() {
    let (mut one, mut other) = (flow(3), flow(3));
    for message in [b"a", b"b", b"c"] {
        one.push(Bytes::from_static(message));
    }
    carry(&mut one, &mut other);
    let lost = one.next_out().unwrap();
    assert_eq!(lost, Out::Message(1, Bytes::from_static(b"b")));
    reconnect(&mut one, &mut other);
    assert_eq!(one.next_out().unwrap(), lost);
    assert_eq!(one.traffic().resent, 1);
    assert_eq!(one.next_out().unwrap(), Out::Message(2, Bytes::from_static(b"c")));
    assert_eq!((one.traffic().resent, one.traffic().messages_sent), (1, 3));
}

#[test]
fn counters_that_no_honest_node_sends_are_refused() {
    let (mut one, mut other) = (flow(2), flow(2));
    one.push(Bytes::from_static(b"a"));
    carry(&mut one, &mut other);
    let progress = |received, taken| Progress { received, taken };
    assert!(one.on_ack(progress(2, 0)).is_err(), "more than was sent");
    assert!(one.on_ack(progress(1, 2)).is_err(), "more taken than received");
    assert!(one.on_ack(progress(u64::MAX, u64::MAX)).is_err());
    one.on_ack(progress(1, 1)).unwrap();
    assert!(one.on_ack(progress(1, 0)).is_err(), "less than before");
    assert!(one.resume(progress(0, 0)).is_err(), "a resumption cannot go back either");
    assert!(other.on_message(0, Vec::new()).is_err(), "the same message twice");
    assert!(other.on_message(2, Vec::new()).is_err(), "one left out");
    assert!(other.on_end(2).is_err(), "an end that leaves one out");
    other.on_message(1, Vec::new()).unwrap();
    assert!(other.on_message(2, Vec::new()).is_err(), "beyond the window");
    other.on_end(2).unwrap();
    assert!(other.on_end(3).is_err() && other.on_message(3, Vec::new()).is_err(), "after the end");
}

#[test]
fn a_dropped_receiver_gives_up_only_what_somebody_still_wanted_to_say() {
    let (mut one, mut other) = (flow(1), flow(1));
    one.push(Bytes::from_static(b"a"));
    one.end();
    carry(&mut one, &mut other);
    other.take().unwrap();
    other.deafen();
    while carry(&mut one, &mut other) || carry(&mut other, &mut one) {}
    assert!(!other.is_abandoned(), "the end is not a message");
    let (mut one, mut other) = (flow(1), flow(1));
    other.deafen();
    one.push(Bytes::from_static(b"a"));
    carry(&mut one, &mut other);
    assert!(other.is_abandoned());
}

proptest! {
    /// Whatever breaks and whenever: every message once, in order, and after each break at most a window of
    /// messages a direction is sent again.
    #[test]
    fn every_message_comes_once_and_in_order(
        window in 1usize..4,
        count in 0u32..12,
        steps in prop::collection::vec(0u8..10, 0..400),
    ) {
        let mut ends = [flow(window), flow(window)];
        let (mut given, mut taken, mut breaks) = ([0u32; 2], [0u32; 2], 0u64);
        // After the random steps, enough orderly ones to finish.
        let orderly = [0, 1, 2, 3, 4, 5, 8, 9].into_iter().cycle().take(1_000);
        for step in steps.into_iter().chain(orderly) {
            let [one, other] = &mut ends;
            match step {
                0 | 1 => {
                    let side = usize::from(step);
                    let end = &mut ends[side];
                    if given[side] < count && end.has_room() {
                        end.push(Bytes::copy_from_slice(&given[side].to_le_bytes()));
                        given[side] += 1;
                    } else if given[side] == count {
                        end.end();
                    }
                }
                2 => { carry(one, other); }
                3 => { carry(other, one); }
                4 | 5 => {
                    let side = usize::from(step - 4);
                    if let Some(message) = ends[side].take() {
                        prop_assert_eq!(message, taken[side].to_le_bytes());
                        taken[side] += 1;
                    }
                }
                // Lost on the way, then the stream breaks.
                6 => { one.next_out(); reconnect(one, other); breaks += 1; }
                7 => { other.next_out(); other.next_out(); reconnect(one, other); breaks += 1; }
                8 => { while carry(one, other) {} }
                _ => { while carry(other, one) {} }
            }
        }
        prop_assert_eq!(taken, [count; 2]);
        for end in &ends {
            prop_assert!(end.is_done() && end.is_over() && end.all_taken());
            prop_assert_eq!(end.traffic().messages_sent, u64::from(count));
            prop_assert!(end.traffic().resent <= breaks * window as u64);
        }
    }
}
