use proptest::prelude::*;

use super::*;
use crate::log::signers::{log, partner};

/// The example of c2sp.org/signed-note.
const EXAMPLE_KEY: &str = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
const EXAMPLE: &str = "This is an example message.\n\n— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";

/// The example of Go's golang.org/x/mod/sumdb/note, with two signatures.
const GO_KEYS: [&str; 2] = [
    "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
    "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop",
];
const GO: &str = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n";

fn key(text: &str) -> VerifierKey {
    text.parse().expect("a key")
}

#[test]
fn log_03_published_notes_verify_and_are_written_back_byte_for_byte() -> Result<(), NoteFault> {
    for (text, keys) in [(EXAMPLE, &[EXAMPLE_KEY][..]), (GO, &GO_KEYS)] {
        let note = Note::parse(text.as_bytes())?;
        assert_eq!(note.to_string(), text);
        for text in keys {
            assert_eq!(note.by(&key(text))?, Some(Signed { time: None }));
            assert_eq!(key(text).to_string(), *text);
        }
        assert_eq!(note.by(&log().key(SignatureKind::Ed25519))?, None);
    }
    Ok(())
}

#[test]
fn log_03_only_the_one_spelling_is_read() {
    let line = &EXAMPLE[EXAMPLE.find('—').expect("a line")..];
    let cases = [
        ("", NoteFault::Unsigned),
        ("text\n", NoteFault::Unsigned),
        ("text\n\n", NoteFault::Unsigned),
        (&format!("text\n{line}"), NoteFault::Unsigned),
        (&format!("text\n\n{}", line.trim_end()), NoteFault::Unsigned),
        (&format!("text\n\n{line}\n"), NoteFault::Unsigned),
        (&format!("text\n\n{line}x\n"), NoteFault::MalformedSignature),
        (&format!("text\n\n{}", line.replace('—', "-")), NoteFault::MalformedSignature),
        (&format!("text\n\n{}", line.replace("foo ", "foo  ")), NoteFault::MalformedSignature),
        (&format!("text\n\n{}", line.replace("foo ", "f\u{a0}o ")), NoteFault::MalformedName),
        (&format!("text\n\n{}", line.replace("foo ", "f+o ")), NoteFault::MalformedName),
        (&format!("text\n\n{}", line.replace("QM=", "QN=")), NoteFault::MalformedSignature),
        (&format!("text\n\n{}", line.replace("QM=", "QM")), NoteFault::MalformedSignature),
        ("text\n\n— name AAAAAA==\n", NoteFault::MalformedSignature),
        (&format!("te\rxt\n\n{line}"), NoteFault::ControlCharacter),
        (&format!("te\u{9b}31mxt\n\n{line}"), NoteFault::ControlCharacter),
        (&format!("text\n\n{}", line.repeat(65)), NoteFault::TooManySignatures),
    ];
    for (text, fault) in cases {
        assert_eq!(Note::parse(text.as_bytes()), Err(fault), "{text:?}");
    }
    assert_eq!(Note::parse(b"te\xffxt\n\n"), Err(NoteFault::NotText));
    assert_eq!(Note::parse(&vec![b'a'; LARGEST_NOTE + 1]), Err(NoteFault::TooLarge));
    assert!(Note::parse(format!("text\n\n{}", line.repeat(64)).as_bytes()).is_ok());
}

#[test]
fn log_04_a_key_is_taken_in_its_one_spelling_and_only_if_it_is_sound() {
    let swapped = EXAMPLE_KEY.replace("530d903a", "530d903b");
    let cases = [
        (swapped.as_str(), NoteFault::KeyIdDiffers),
        (&EXAMPLE_KEY.replace("530d903a", "530D903A"), NoteFault::KeyIdDiffers),
        (&EXAMPLE_KEY.replace("foo", "fop"), NoteFault::KeyIdDiffers),
        (&EXAMPLE_KEY.replace("+Aeky", "+Auky"), NoteFault::UnknownKind(2)),
        (&EXAMPLE_KEY.replace("com/foo", "com foo"), NoteFault::MalformedName),
        ("name", NoteFault::MalformedKey),
        ("name+00000000+AQ==", NoteFault::MalformedKey),
        ("name+00000000+", NoteFault::MalformedKey),
    ];
    for (text, fault) in cases {
        assert_eq!(text.parse::<VerifierKey>(), Err(fault), "{text}");
    }
    let mut one = [0; 32];
    one[0] = 1;
    let mut beyond = [0xff; 32];
    beyond[31] = 0x7f;
    for weak in [[0; 32], one, beyond] {
        assert_eq!(VerifierKey::new("name", SignatureKind::Ed25519, weak), Err(NoteFault::WeakKey));
    }
}

#[test]
fn log_04_a_signature_of_one_kind_is_none_of_the_other() -> Result<(), NoteFault> {
    let signer = log();
    let (plain, witness) = (signer.key(SignatureKind::Ed25519), signer.key(SignatureKind::Cosignature));
    assert_ne!(plain.id(), witness.id());
    let note = Note::sign("text\n", &plain, |text| signer.sign(text))?;
    assert_eq!(note.by(&witness)?, None);
    assert!(Note::sign("text\n", &witness, |text| signer.sign(text)).is_err());
    assert_eq!(Note::sign("text", &plain, |text| signer.sign(text)), Err(NoteFault::OpenText));
    assert_eq!(
        Note::sign("text\n", &plain, |text| partner().sign(text)),
        Err(NoteFault::BadSignature),
        "a note that nobody would accept is not let out"
    );
    Ok(())
}

#[test]
fn log_05_a_flip_at_every_byte_of_a_note_is_noticed() {
    let known = key(EXAMPLE_KEY);
    for at in 0..EXAMPLE.len() {
        for bit in 0..8 {
            let mut bytes = EXAMPLE.as_bytes().to_vec();
            bytes[at] ^= 1 << bit;
            let verdict = Note::parse(&bytes).and_then(|note| note.by(&known));
            assert!(!matches!(verdict, Ok(Some(_))), "byte {at} bit {bit}");
        }
    }
}

#[test]
fn log_05_one_false_line_of_a_known_key_spoils_the_note() -> Result<(), NoteFault> {
    let note = EXAMPLE.replace("message", "massage");
    let line = &EXAMPLE[EXAMPLE.find('—').expect("a line")..];
    assert_eq!(Note::parse(note.as_bytes())?.by(&key(EXAMPLE_KEY)), Err(NoteFault::BadSignature));
    let both = Note::parse(format!("{EXAMPLE}{}", line.replace("kn8s", "kn8t")).as_bytes())?;
    assert_eq!(both.by(&key(EXAMPLE_KEY)), Err(NoteFault::BadSignature));
    Ok(())
}

proptest! {
    #[test]
    fn log_03_arbitrary_bytes_are_refused_or_written_back(bytes: Vec<u8>) {
        if let Ok(note) = Note::parse(&bytes) {
            prop_assert_eq!(note.to_string().into_bytes(), bytes);
        }
    }

    #[test]
    fn log_03_meddled_text_is_refused_or_written_back(
        text in "[a —+\n]{0,12}", name in "[a+ \u{2003}]{0,3}", signature in "[A-C=/]{0,12}", tail in "[\n—a ]{0,3}",
    ) {
        let note = format!("{text}\n\n— {name} {signature}\n{tail}");
        if let Ok(read) = Note::parse(note.as_bytes()) {
            prop_assert_eq!(read.to_string(), note);
        }
        if let Ok(key) = format!("{name}+{text}+{signature}").parse::<VerifierKey>() {
            prop_assert_eq!(key.to_string(), format!("{name}+{text}+{signature}"));
        }
    }
}
