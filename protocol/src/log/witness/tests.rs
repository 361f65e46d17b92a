use proptest::prelude::*;

use super::*;
use crate::log::{
    merkle::{Leaves, consistency_proof, leaf_hash, root},
    note::SignatureKind,
    signers::{Signer, keys, log, partner},
};

fn leaves(count: u8) -> Vec<TreeHash> {
    (0..count).map(|at| leaf_hash(&[at])).collect()
}

fn request(old: u64, size: u8) -> AddCheckpoint {
    let all = leaves(size);
    let proof = consistency_proof(old.min(size.into()), size.into(), &mut Leaves(&all)).expect("a proof");
    AddCheckpoint::new(old, proof, &log().head(size.into(), root(&all)))
}

fn known(size: u8) -> Checkpoint {
    Checkpoint::new(log().name, size.into(), root(&leaves(size)))
}

#[test]
fn log_09_a_log_that_grows_is_cosigned() {
    let all = keys();
    for (before, size) in [(None, 5), (Some(known(5)), 5), (Some(known(5)), 9)] {
        let asked = request(before.as_ref().map_or(0, |head| head.size), size);
        let read = AddCheckpoint::parse(asked.to_string().as_bytes()).expect("a request");
        assert_eq!(read, asked);
        let accepted = consider(&all, before.as_ref(), &read).expect("cosigned");
        let key = partner().key(SignatureKind::Cosignature);
        let line = accepted.cosign(&key, 1_700_000_000, |text| partner().sign(text)).expect("a line");
        let answer = Signature::parse_lines(line.to_string().as_bytes()).expect("lines");
        let mut ours = log().head(size.into(), root(&leaves(size)));
        for line in answer {
            ours.add_cosignature(line, &key).expect("a good line");
        }
        assert_eq!(all.cosigned(&ours).expect("cosigned").len(), 1);
    }
}

#[test]
fn log_10_each_refusal_has_its_status() {
    let all = keys();
    let verdict = |before: Option<&Checkpoint>, asked: &AddCheckpoint| {
        consider(&all, before, asked).map(|_| 200).unwrap_or_else(|refusal| refusal.status())
    };
    let seen = known(5);
    assert_eq!(verdict(Some(&seen), &request(10, 9)), 400, "an older size beyond the new one");
    assert_eq!(verdict(Some(&seen), &request(4, 9)), 409);
    let stale = consider(&all, Some(&seen), &request(0, 9)).expect_err("stale");
    assert_eq!((stale.status(), stale.body().as_str()), (409, "5\n"));
    assert_eq!(verdict(None, &request(4, 9)), 409, "never cosigned: zero");
    assert_eq!(verdict(Some(&seen), &request(3, 3)), 409, "a log rolled back");

    let mut bad = request(5, 9);
    bad.proof[0] = leaf_hash(b"another");
    assert_eq!(verdict(Some(&seen), &bad), 422);
    let mut long = request(0, 9);
    long.proof.push(leaf_hash(b"another"));
    assert_eq!(verdict(None, &long), 422, "a proof from nothing is empty");

    let mut unknown = all.clone();
    unknown.origin.push('x');
    assert_eq!(consider(&unknown, None, &request(0, 9)).expect_err("unknown").status(), 404);

    let foreign = Signer::new(log().name, 9).head(9, root(&leaves(9)));
    assert_eq!(verdict(None, &AddCheckpoint::new(0, Vec::new(), &foreign)), 403);
    let text = request(0, 9).to_string().replacen("\n9\n", "\n8\n", 1);
    let altered = AddCheckpoint::parse(text.as_bytes()).expect("a request");
    assert_eq!(verdict(None, &altered), 403, "a known key's line that does not verify");
}

#[test]
fn d16_a_second_head_of_one_size_is_not_cosigned() {
    let mut other = leaves(5);
    other[2] = leaf_hash(b"another history");
    let forked = AddCheckpoint::new(5, Vec::new(), &log().head(5, root(&other)));
    let refused = consider(&keys(), Some(&known(5)), &forked).expect_err("forked");
    assert_eq!((&refused, refused.status()), (&WitnessRefusal::Forked, 422));
    other.push(leaf_hash(b"and on"));
    let proof = consistency_proof(5, 6, &mut Leaves(&other)).expect("a proof");
    let grown = AddCheckpoint::new(5, proof, &log().head(6, root(&other)));
    let refused = consider(&keys(), Some(&known(5)), &grown).expect_err("forked earlier");
    assert_eq!(refused, WitnessRefusal::Inconsistent(MerkleFault::RootDiffers));
}

#[test]
fn log_10_only_the_one_spelling_of_a_request_is_read() {
    let good = request(5, 9).to_string();
    assert!(AddCheckpoint::parse(good.as_bytes()).is_ok());
    let hash = format!("{}\n", leaf_hash(b""));
    for text in [
        good.replace("old 5", "old 05"),
        good.replace("old 5", "old  5"),
        good.replace("old 5", "Old 5"),
        good.replacen("old 5\n", "old 5\n\n", 1),
        good.replacen("old 5\n", "", 1),
        good.replacen("old 5\n", &format!("old 5\n{}", hash.repeat(64)), 1),
        good.replacen("=\n", "\n", 1),
        String::new(),
        "old 0\n\n".to_owned(),
    ] {
        assert_eq!(AddCheckpoint::parse(text.as_bytes()), Err(WitnessRefusal::Malformed), "{text}");
    }
    assert!(AddCheckpoint::parse(&vec![b'\n'; LARGEST_REQUEST + 1]).is_err());
}

proptest! {
    #[test]
    fn log_10_arbitrary_bytes_are_refused_or_written_back(bytes: Vec<u8>, head in "old [0-9]{1,3}\n[A-D=\n]{0,90}") {
        for body in [bytes.clone(), [head.as_bytes(), b"\n", &bytes].concat()] {
            if let Ok(read) = AddCheckpoint::parse(&body) {
                prop_assert_eq!(read.to_string().into_bytes(), body);
            }
        }
    }

    /// Whatever is asked, in whatever order: what is cosigned is one history that grows.
    #[test]
    fn log_09_a_witness_never_cosigns_two_histories(asked in proptest::collection::vec((0_u8..12, 0_u8..12, 0_u8..3), 0..30)) {
        let histories: Vec<Vec<TreeHash>> = (0..3).map(|history| {
            (0..12).map(|at: u8| leaf_hash(&[at, if at < 4 { 0 } else { history }])).collect()
        }).collect();
        let mut seen: Option<Checkpoint> = None;
        for (old, size, history) in asked {
            let tree = &histories[usize::from(history)][..size.into()];
            let proof = consistency_proof(old.min(size).into(), size.into(), &mut Leaves(tree)).expect("a proof");
            let request = AddCheckpoint::new(old.into(), proof, &log().head(size.into(), root(tree)));
            if let Ok(accepted) = consider(&keys(), seen.as_ref(), &request) {
                let head = accepted.checkpoint().head().clone();
                if let Some(before) = &seen {
                    let begins = root(&tree[..before.size as usize]) == before.root;
                    prop_assert!(begins && head.size >= before.size);
                }
                seen = Some(head);
            }
        }
    }
}
