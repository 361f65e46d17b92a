use proptest::prelude::*;

use super::*;
use crate::log::signers::{keys, log, partner};

/// The example of c2sp.org/tlog-cosignature, a checkpoint with a witness's line.
const EXAMPLE: &str = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n";

#[test]
fn log_06_the_published_checkpoint_is_read_and_written_back() {
    let note = Note::parse(EXAMPLE.as_bytes()).expect("a note");
    let head = Checkpoint::parse(note.text()).expect("a checkpoint");
    assert_eq!((head.origin.as_str(), head.size), ("example.com/behind-the-sofa", 20_852_163));
    assert_eq!(head.to_string(), note.text());
    assert_eq!(note.to_string(), EXAMPLE);
    let time = note.signatures()[1].bytes().first_chunk().map(|time| u64::from_be_bytes(*time));
    assert_eq!(time, Some(1_679_315_147), "the time that the example's own text names");
}

#[test]
fn log_06_only_the_one_spelling_of_a_head_is_read() {
    let root = TreeHash::new([7; 32]);
    let good = format!("log\n7\n{root}\n");
    assert!(Checkpoint::parse(&good).is_ok());
    assert!(Checkpoint::parse(&format!("{good}extension\n")).is_ok());
    for size in
        ["", "07", "00", "+7", "-7", " 7", "7 ", "9223372036854775808", "99999999999999999999", "7.0", "٧"]
    {
        assert!(Checkpoint::parse(&good.replace("\n7\n", &format!("\n{size}\n"))).is_err(), "{size:?}");
    }
    for text in ["", "\n", "log\n7\n", "log\n7\nBwcH\n", "\n7\nx\n", "log", &good[..good.len() - 1]] {
        assert!(Checkpoint::parse(text).is_err(), "{text:?}");
    }
    assert!(Checkpoint::parse(&format!("{good}\n")).is_err(), "an empty extension line");
    assert!(Checkpoint::parse(&format!("{good}{}", "x\n".repeat(17))).is_err());
    assert!(Checkpoint::parse(&format!("{}{good}", "x".repeat(256))).is_err(), "a long origin");
    assert_eq!(Checkpoint::parse(&good.replace('7', "0")), Err(CheckpointFault::EmptyRootDiffers));
}

#[test]
fn log_07_a_head_is_opened_only_under_the_log_s_key() {
    let keys = keys();
    let mut signed = log().head(7, TreeHash::new([7; 32]));
    partner().cosign(&mut signed, 1_700_000_000);
    let bytes = signed.note().to_string();
    let opened = keys.open(bytes.as_bytes()).expect("signed");
    assert_eq!(opened, signed);
    let seen = keys.cosigned(&opened).expect("cosigned");
    assert_eq!(seen, [Cosigned { who: "bank".to_owned(), time: 1_700_000_000 }]);

    let mut foreign = keys.clone();
    foreign.log = vec![crate::log::signers::Signer::new(log().name, 9).key(SignatureKind::Ed25519)];
    assert_eq!(foreign.open(bytes.as_bytes()), Err(NoteFault::NotSignedBy.into()));
    foreign.log.extend(keys.log.clone());
    assert!(foreign.open(bytes.as_bytes()).is_ok(), "after a rotation either key may have signed");
    let mut another = keys.clone();
    another.origin.push('x');
    assert_eq!(another.open(bytes.as_bytes()), Err(CheckpointFault::OriginDiffers));
}

#[test]
fn log_07_keys_that_would_count_one_witness_twice_are_refused() {
    let good = keys();
    assert_eq!(good.check(), Ok(()));
    let mut twice = good.clone();
    let again = crate::log::signers::Signer::new("another/name", 2).key(SignatureKind::Cosignature);
    twice.witnesses.push(WitnessKey { who: "auditor".to_owned(), key: again });
    let mut own = good.clone();
    own.witnesses[0].key = log().key(SignatureKind::Cosignature);
    let mut kind = good.clone();
    kind.witnesses[0].key = partner().key(SignatureKind::Ed25519);
    let mut none = good;
    none.log.clear();
    for keys in [twice, own, kind, none] {
        assert_eq!(keys.check(), Err(CheckpointFault::MisfitKeys));
    }
}

#[test]
fn log_08_a_flip_at_every_byte_of_a_cosigned_head_is_noticed() {
    let keys = keys();
    let mut signed = log().head(7, TreeHash::new([7; 32]));
    partner().cosign(&mut signed, 1_700_000_000);
    let text = signed.note().to_string().into_bytes();
    for at in 0..text.len() {
        for bit in 0..8 {
            let mut bytes = text.clone();
            bytes[at] ^= 1 << bit;
            // A line whose name or key id is altered is an unknown witness's, and then one is missing.
            let seen = keys.open(&bytes).and_then(|opened| keys.cosigned(&opened));
            assert!(seen.is_err() || seen == Ok(Vec::new()), "byte {at} bit {bit}");
        }
    }
}

#[test]
fn log_08_a_cosignature_has_a_time_and_covers_it() {
    let signed = log().head(7, TreeHash::new([7; 32]));
    let key = partner().key(SignatureKind::Cosignature);
    for time in [0, 1 << 63] {
        let made = signed.cosign(&key, time, |text| partner().sign(text));
        assert_eq!(made, Err(NoteFault::TimeOutOfRange));
    }
    let plain = partner().key(SignatureKind::Ed25519);
    assert!(signed.cosign(&plain, 1, |text| partner().sign(text)).is_err());
    let mut other = log().head(8, TreeHash::new([7; 32]));
    let line = signed.cosign(&key, 1, |text| partner().sign(text)).expect("cosigned");
    let refused = other.add_cosignature(line.clone(), &key);
    assert_eq!(refused, Err(NoteFault::BadSignature.into()), "another head's cosignature");
    let foreign = log().key(SignatureKind::Cosignature);
    assert_eq!(other.add_cosignature(line, &foreign), Err(NoteFault::NotSignedBy.into()));
}

#[test]
fn log_08_of_one_witness_the_newest_line_stays() {
    let mut signed = log().head(7, TreeHash::new([7; 32]));
    let key = partner().key(SignatureKind::Cosignature);
    for (time, newest) in [(5, 5), (9, 9), (7, 9), (9, 9)] {
        let line = signed.cosign(&key, time, |text| partner().sign(text)).expect("cosigned");
        assert_eq!(signed.add_cosignature(line, &key), Ok(time));
        assert_eq!(signed.note().signatures().len(), 2);
        assert_eq!(keys().cosigned(&signed).expect("cosigned")[0].time, newest);
    }
}

#[test]
fn d16_two_heads_of_one_size_are_a_fork() {
    let head = |size, root| Checkpoint::new("log", size, TreeHash::new([root; 32]));
    let cases = [
        (head(7, 1), Standing::Same),
        (head(7, 2), Standing::Forked),
        (head(8, 2), Standing::Grown),
        (head(6, 2), Standing::RolledBack),
        (Checkpoint::new("gol", 7, TreeHash::new([1; 32])), Standing::AnotherLog),
    ];
    for (later, standing) in cases {
        assert_eq!(head(7, 1).standing(&later), standing);
    }
}

#[test]
fn the_origin_is_the_beginning_of_the_node_s_id() {
    assert_eq!(origin(&PartnerId::new([0xab; 32])), "tacit.log/abababababababab");
}

proptest! {
    #[test]
    fn log_06_arbitrary_text_is_refused_or_written_back(text in "[a\n]{0,4}[0-9\n]{0,4}(AAAA){0,11}[A=]{0,4}\n[b\n]{0,6}") {
        if let Ok(head) = Checkpoint::parse(&text) {
            prop_assert_eq!(head.to_string(), text);
        }
    }
}
