use tacit_protocol::log::{
    Handover, Lineage,
    checkpoint::origin,
    note::{SignatureKind, VerifierKey},
};

use super::{
    super::{contract::tests::TOML, *},
    *,
};
use crate::report::Refusal;

struct OnlyMe(&'static str);

impl Directory for OnlyMe {
    fn key_of(&self, name: &str) -> Option<[u8; 32]> {
        (name == self.0).then(|| Keys::of(self.0).signing_key())
    }

    fn name_of(&self, id: &PartnerId) -> Option<String> {
        (Keys::of(self.0).id() == *id).then(|| self.0.to_owned())
    }
}

fn store() -> (tempfile::TempDir, Contracts) {
    let dir = tempfile::tempdir().unwrap();
    let contracts = Contracts::open(dir.path().join("contracts")).unwrap();
    (dir, contracts)
}

/// The brand proposes, the bank imports.
fn two() -> ((tempfile::TempDir, Contracts), (tempfile::TempDir, Contracts), Document) {
    let (brand, bank) = (store(), store());
    let proposed = brand.1.propose(TOML, &Keys::of("brand"), &Everybody, at(NOW)).unwrap();
    let (imported, news) = bank.1.import(&proposed.to_json(), &Keys::of("bank").id(), &Everybody).unwrap();
    assert!(news);
    assert_eq!(imported, proposed);
    (brand, bank, proposed)
}

fn today() -> jiff::civil::Date {
    day(at(NOW))
}

#[test]
fn a_contract_goes_from_proposal_to_force_to_end() {
    let (brand, bank, proposed) = two();
    let missing = vec!["bank".to_owned()];
    assert_eq!(proposed.state(today()), State::Proposed { signed: vec!["brand".to_owned()], missing });
    let accepted = bank.1.accept("maternal-offers", &Keys::of("bank"), at(NOW)).unwrap();
    assert_eq!(accepted.state(today()), State::InForce);
    let (merged, news) = brand.1.import(&accepted.to_json(), &Keys::of("brand").id(), &Everybody).unwrap();
    assert_eq!((merged.state(today()), news), (State::InForce, true));
    let (_, news) = brand.1.import(&accepted.to_json(), &Keys::of("brand").id(), &Everybody).unwrap();
    assert!(!news, "nothing new the second time");

    let prefix = &proposed.contract().id().to_string()[..6];
    let ended = brand.1.end(prefix, "the campaign is over", &Keys::of("brand"), at(NOW)).unwrap();
    let (merged, _) = bank.1.import(&ended.to_json(), &Keys::of("bank").id(), &Everybody).unwrap();
    let State::Ended(no) = merged.state(today()) else { panic!("not ended") };
    assert_eq!((no.by.as_str(), no.reason.as_str()), ("brand", "the campaign is over"));
    // An old copy of the document, without the end, does not bring it back to life.
    let (merged, news) = bank.1.import(&accepted.to_json(), &Keys::of("bank").id(), &Everybody).unwrap();
    assert_eq!((merged.state(today()).name(), news), ("ended", false));
    // Nor does a restart.
    let again = Contracts::open(bank.0.path().join("contracts")).unwrap();
    assert_eq!(again.list(), [merged]);
}

#[test]
fn a_refusal_stands() {
    let (brand, bank, _) = two();
    let refused = bank.1.refuse("maternal-offers", "not lawful", &Keys::of("bank"), at(NOW)).unwrap();
    let (merged, _) = brand.1.import(&refused.to_json(), &Keys::of("brand").id(), &Everybody).unwrap();
    assert_eq!(merged.state(today()).name(), "refused");
    let error = bank.1.accept("maternal-offers", &Keys::of("bank"), at(NOW)).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("{} cannot be accepted: bank has refused it", merged.contract().title())
    );
    assert_eq!(error.code(), "E-CONTRACT-STATE");
}

#[test]
fn statements_fit_the_state() {
    let (brand, bank, _) = two();
    let code = |result: Result<Document, ContractError>| result.unwrap_err().code();
    let (b, k) = (Keys::of("brand"), Keys::of("bank"));
    assert_eq!(code(brand.1.accept("maternal-offers", &b, at(NOW))), "E-CONTRACT-STATE", "signed already");
    assert_eq!(
        code(brand.1.end("maternal-offers", "why not", &b, at(NOW))),
        "E-CONTRACT-STATE",
        "not in force"
    );
    assert_eq!(code(bank.1.refuse("maternal-offers", "", &k, at(NOW))), "E-CONTRACT-REASON");
    assert_eq!(code(bank.1.refuse("maternal-offers", "a\u{1b}[31mb", &k, at(NOW))), "E-CONTRACT-REASON");
    assert_eq!(code(bank.1.accept("nothing", &k, at(NOW))), "E-CONTRACT-NOT-FOUND");
    assert_eq!(code(bank.1.accept("maternal-offers", &Keys::of("insurer"), at(NOW))), "E-CONTRACT-NOT-OURS");
    assert_eq!(code(bank.1.accept("maternal-offers", &k, at("2027-06-01T00:00:00Z"))), "E-CONTRACT-STATE");
    bank.1.accept("maternal-offers", &k, at(NOW)).unwrap();
    assert_eq!(
        code(bank.1.refuse("maternal-offers", "late", &k, at(NOW))),
        "E-CONTRACT-STATE",
        "end it instead"
    );
    // Proposing the same again is the same contract.
    let again = bank.1.propose(TOML, &k, &Everybody, at(NOW)).unwrap();
    assert_eq!(again.statements().len(), 2);
    // What is over stays over: the text has one id, and nothing that is said later revives it.
    bank.1.end("maternal-offers", "the campaign is over", &k, at(NOW)).unwrap();
    let error = bank.1.propose(TOML, &k, &Everybody, at(NOW)).unwrap_err();
    assert_eq!(error.code(), "E-CONTRACT-STATE");
    assert!(error.to_string().contains("bank has ended this text; change a day or the name"), "{error}");
}

#[test]
fn a_contract_of_strangers_is_not_taken_in() {
    let (_brand, bank, proposed) = two();
    let import =
        |directory: &dyn Directory, me| bank.1.import(&proposed.to_json(), &Keys::of(me).id(), directory);
    let error = import(&OnlyMe("bank"), "bank").unwrap_err();
    assert_eq!(error.code(), "E-CONTRACT-STRANGER");
    let error = import(&Everybody, "insurer").unwrap_err();
    assert_eq!(error.code(), "E-CONTRACT-NOT-OURS");
    /// Knows the brand's key by another name: the contract would be signed with somebody else than it says.
    struct Renamed;
    impl Directory for Renamed {
        fn key_of(&self, name: &str) -> Option<[u8; 32]> {
            Everybody.key_of(name)
        }
        fn name_of(&self, id: &PartnerId) -> Option<String> {
            Everybody.name_of(id).map(|name| if name == "brand" { "mallory".to_owned() } else { name })
        }
    }
    let error = import(&Renamed, "bank").unwrap_err();
    assert_eq!(
        crate::report::Report::from(error).to_string(),
        "error[E-CONTRACT-NAME]: the contract calls brand the node that is known here as mallory\n  \
         rule      a name in a contract is the name on the card: whoever signs must know whom with\n  \
         would do  a contract that calls it mallory"
    );
    let insurers = TOML.replace("\"brand\"", "\"insurer\"");
    let error = bank.1.propose(&insurers, &Keys::of("brand"), &Everybody, at(NOW)).unwrap_err();
    assert_eq!(error.code(), "E-CONTRACT-NOT-OURS");
}

#[test]
fn a19_no_part_of_a_document_can_be_changed() {
    let (_brand, bank, _) = two();
    let mut document = bank.1.accept("maternal-offers", &Keys::of("bank"), at(NOW)).unwrap();
    document.state_own(Says::End, Some("over"), &Keys::of("brand"), at(NOW)).unwrap();
    let json = document.to_json();
    assert_eq!(Document::of_json(&json).unwrap(), document);
    let id = document.contract().id().to_string();
    let brand = Keys::of("brand").id().to_string();
    for (was, is) in [
        ("joint-marketing", "credit-scoring"),
        ("\"8\"", "\"9\""),
        (id.as_str(), &"0".repeat(64)),
        ("\"says\": \"accept\"", "\"says\": \"propose\""),
        ("\"says\": \"end\"", "\"says\": \"refuse\""),
        ("\"over\"", "\"other\""),
        ("2026-12-24T10:00:00Z", "2026-12-24T10:00:01Z"),
        ("2026-12-24T10:00:00Z", "2026-12-24T10:00:00.000Z"),
        ("\"says\": \"end\"", "\"says\": \"end\", \"more\": 1"),
        ("\"statements\": [", "\"statements\": [],\n\"more\": ["),
        ("\"form\": \"tacit-contract/1\"", "\"form\": \"other\""),
        (brand.as_str(), &"1".repeat(64)),
        ("\"reason\": \"over\"", "\"reason\": \"\""),
    ] {
        let forged = json.replace(was, is);
        assert_ne!(forged, json, "{was}");
        let error = Document::of_json(&forged).unwrap_err();
        assert_eq!(error.code(), "E-CONTRACT-NOT-GENUINE", "{was} → {is}: {error}");
    }
    let later = json.replace("tacit-contract/1", "tacit-contract/2");
    assert_eq!(Document::of_json(&later).unwrap_err().code(), "E-CONTRACT-FORM");
    // A flipped bit anywhere in the text never gives a document that says something else.
    for at in (0..json.len()).step_by(7) {
        let mut bytes = json.clone().into_bytes();
        bytes[at] ^= 1;
        if let Ok(text) = String::from_utf8(bytes)
            && let Ok(read) = Document::of_json(&text)
        {
            assert_eq!(read, document, "byte {at}");
        }
    }
    // A signature of one contract does not fit another.
    let other = signed(&TOML.replace("50000", "60000"), &["bank"]);
    let signature = |json: &str| json.split("\"signature\": \"").nth(1).unwrap()[..128].to_owned();
    let spliced = other.to_json().replace(&signature(&other.to_json()), &signature(&json));
    assert_eq!(Document::of_json(&spliced).unwrap_err().code(), "E-CONTRACT-NOT-GENUINE");
}

#[test]
fn of_two_contracts_by_one_name_the_living_one_is_meant() {
    let (_dir, contracts) = store();
    let brand = Keys::of("brand");
    let first = contracts.propose(TOML, &brand, &Everybody, at(NOW)).unwrap();
    contracts.propose(&TOML.replace("50000", "60000"), &brand, &Everybody, at(NOW)).unwrap();
    assert_eq!(contracts.find("maternal-offers", today()).unwrap_err().code(), "E-CONTRACT-AMBIGUOUS");
    contracts.refuse(&first.contract().id().to_string(), "a mistake in it", &brand, at(NOW)).unwrap();
    assert_ne!(contracts.find("maternal-offers", today()).unwrap().contract().id(), first.contract().id());
    assert_eq!(contracts.list().len(), 2);
}

#[test]
fn d03_a_damaged_store_is_noticed() {
    let (brand, _bank, proposed) = two();
    let file = brand.0.path().join(format!("contracts/{}.json", proposed.contract().id()));
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("joint-marketing", "joint-marketinx")).unwrap();
    let error = Contracts::open(brand.0.path().join("contracts")).unwrap_err();
    assert_eq!(error.code(), "E-CONTRACT-DAMAGED");
}

#[test]
fn a_partner_cannot_fill_the_disk_with_proposals() {
    let (_dir, bank) = store();
    let bank_id = Keys::of("bank").id();
    let proposal = |number: usize, refused: bool| {
        let mut document = signed(&TOML.replace("maternal", &format!("offer{number}")), &["brand"]);
        if refused {
            document.state_own(Says::Refuse, Some("never mind"), &Keys::of("brand"), at(NOW)).unwrap();
        }
        document.to_json()
    };
    for number in 0..200 {
        bank.import(&proposal(number, number == 7), &bank_id, &Everybody).unwrap();
    }
    // The refused one makes room for one more, and then there is none.
    bank.import(&proposal(200, false), &bank_id, &Everybody).unwrap();
    let error = bank.import(&proposal(201, false), &bank_id, &Everybody).unwrap_err();
    assert_eq!(error.code(), "E-CONTRACT-TOO-MANY");
    // What is known already is still merged.
    bank.import(&proposal(3, false), &bank_id, &Everybody).unwrap();
    assert_eq!(bank.list().len(), 200);
    bank.accept("offer3-offers", &Keys::of("bank"), at(NOW)).unwrap();
    bank.import(&proposal(201, false), &bank_id, &Everybody).unwrap();
}

/// The bank after it has handed its signing key over.
struct Rotated {
    pair: Ed25519KeyPair,
    line: Lineage,
}

impl Rotated {
    fn bank() -> Self {
        let (bank, pair) = (Keys::of("bank"), Ed25519KeyPair::from_seed_unchecked(&[77; 32]).unwrap());
        let public = pair.public_key().as_ref().try_into().unwrap();
        let name = origin(&bank.id());
        let key = |public| VerifierKey::new(&name, SignatureKind::Ed25519, public).unwrap();
        let (old, new) = (key(bank.signing_key()), key(public));
        let by_new = |text: &[u8]| pair.sign(text).as_ref().try_into().unwrap();
        let handover = Handover::sign(bank.id(), 5, (&old, |text| bank.sign(text)), (&new, by_new)).unwrap();
        let line = Lineage::of(bank.signing_key()).then(handover).unwrap();
        Self { pair, line }
    }
}

impl Signer for Rotated {
    fn signing_key(&self) -> [u8; 32] {
        *self.line.current()
    }

    fn lineage(&self) -> Lineage {
        self.line.clone()
    }

    fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.pair.sign(message).as_ref().try_into().unwrap()
    }
}

#[test]
fn log_18_d19_a_contract_is_signed_and_ended_with_the_key_that_was_handed_over_to() {
    let (brand, bank, proposed) = two();
    let rotated = Rotated::bank();
    let accepted = bank.1.accept("maternal-offers", &rotated, at(NOW)).unwrap();
    assert_eq!(accepted.contract().id(), proposed.contract().id(), "bound to the first key");
    let (merged, _) = brand.1.import(&accepted.to_json(), &Keys::of("brand").id(), &Everybody).unwrap();
    assert_eq!(merged.state(today()), State::InForce);
    let by_bank = merged.statements().iter().find(|statement| statement.by == Keys::of("bank").id()).unwrap();
    assert_eq!(by_bank.line, rotated.line);
    assert!(merged.holds(by_bank));
    // Without the hand-over, or with another key's, the signature is nobody's.
    let text = accepted.to_json();
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    let statements = value["statements"].as_array().unwrap();
    let at_bank = statements.iter().position(|statement| statement.get("handovers").is_some()).unwrap();
    let change = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut value = value.clone();
        change(&mut value["statements"][at_bank]);
        Document::of_json(&value.to_string()).unwrap_err().code()
    };
    assert_eq!(change(&|it| drop(it.as_object_mut().unwrap().remove("handovers"))), "E-CONTRACT-NOT-GENUINE");
    assert_eq!(change(&|it| it["handovers"] = serde_json::json!([])), "E-CONTRACT-NOT-GENUINE");
    assert_eq!(change(&|it| it["handovers"] = serde_json::json!(["x"])), "E-CONTRACT-NOT-GENUINE");
    let ended = bank.1.end("maternal-offers", "over", &rotated, at(NOW)).unwrap();
    let (merged, _) = brand.1.import(&ended.to_json(), &Keys::of("brand").id(), &Everybody).unwrap();
    assert_eq!(merged.state(today()).name(), "ended");
}
