use proptest::prelude::*;

use super::*;
use crate::log::{
    merkle::{Leaves, inclusion_proof, root},
    signers::{keys, log, partner},
};

fn receipt(index: u64) -> Receipt {
    let records: Vec<String> = (0..7).map(|at| format!("record {at}")).collect();
    let leaves: Vec<TreeHash> = records.iter().map(|record| leaf_hash(record.as_bytes())).collect();
    let mut head = log().head(7, root(&leaves));
    partner().cosign(&mut head, 1_700_000_000);
    let proof = inclusion_proof(index, 7, &mut Leaves(&leaves)).expect("a proof");
    Receipt::new(records[index as usize].as_bytes(), index, proof, &head)
}

#[test]
fn log_13_a_receipt_is_read_back_and_proves_its_record() {
    for index in 0..7 {
        let written = receipt(index).to_string();
        let read = Receipt::parse(written.as_bytes()).expect("a receipt");
        assert_eq!(read, receipt(index));
        let record = format!("record {index}");
        assert_eq!(read.extra.as_deref(), Some(record.as_bytes()));
        let proven = read.verify(&keys(), record.as_bytes()).expect("proven");
        assert_eq!(proven.checkpoint.head().size, 7);
        assert_eq!(proven.cosigned[0].who, "bank");
        assert_eq!(
            read.verify(&keys(), b"another record"),
            Err(ReceiptFault::Inclusion(MerkleFault::RootDiffers))
        );
    }
}

#[test]
fn log_13_a_flip_at_every_byte_of_a_receipt_is_noticed() {
    let text = receipt(4).to_string().into_bytes();
    for at in 0..text.len() {
        for bit in 0..8 {
            let mut bytes = text.clone();
            bytes[at] ^= 1 << bit;
            let proven = Receipt::parse(&bytes).and_then(|read| {
                let record = read.extra.clone().unwrap_or_default();
                read.verify(&keys(), &record)
            });
            // An altered name or key id of the witness's line makes it an unknown witness's.
            assert!(proven.is_err() || proven.is_ok_and(|p| p.cosigned.is_empty()), "byte {at} bit {bit}");
        }
    }
}

#[test]
fn log_13_only_the_one_spelling_of_a_receipt_is_read() {
    let good = receipt(4).to_string();
    let hash = format!("{}\n", leaf_hash(b""));
    for text in [
        good.replace("@v1", "@v2"),
        good.replace("index 4", "index 04"),
        good.replace("index 4", "index -4"),
        good.replace("index 4\n", ""),
        good.replace("extra ", "extra  "),
        good.replace("index 4", "extra AAAA\nindex 4"),
        good.replacen("index 4\n", "index 4\n\n", 1),
        good.replacen("index 4\n", &format!("index 4\n{}", hash.repeat(64)), 1),
        format!("\n{good}"),
        format!("{good}\n"),
        String::new(),
    ] {
        assert!(Receipt::parse(text.as_bytes()).is_err(), "{text}");
    }
    assert!(Receipt::parse(&vec![b'a'; LARGEST_RECEIPT + 1]).is_err());
    let mut plain = receipt(4);
    plain.extra = None;
    assert_eq!(Receipt::parse(plain.to_string().as_bytes()).as_ref(), Ok(&plain));
}

proptest! {
    #[test]
    fn log_13_arbitrary_bytes_are_refused_or_written_back(bytes: Vec<u8>, middle in "(extra [A-C=]{0,8}\n)?index [0-9]{1,3}\n[A-C=\n]{0,90}") {
        let note = receipt(0).note.to_string();
        for text in [bytes.clone(), format!("{FORMAT}\n{middle}\n{note}").into_bytes()] {
            if let Ok(read) = Receipt::parse(&text) {
                prop_assert_eq!(read.to_string().into_bytes(), text);
            }
        }
    }
}
