//! `tacit demo`: the whole story on one machine, with real processes, real certificates and real records.
//!
//! Nothing is played: every line that begins with `brand$` or `bank$` is a command that is then run, by this
//! very program, in that organisation's home. What follows the line is what it printed.

mod learning;

use std::{
    io::{self, Write},
    path::Path,
    process::Child,
    time::{Duration, Instant},
};

use serde_json::Value;

use super::stage::{self, Node, Stage, StageError, failed};
use crate::report::{Class, Refusal, Report};

const CUSTOMERS: &[u8] = include_bytes!("../../../examples/brand_bank/customers.parquet");
const ACCOUNTS: &[u8] = include_bytes!("../../../examples/brand_bank/accounts.csv");
const CONTRACT: &[u8] = include_bytes!("../../../examples/brand_bank/maternal.toml");
/// Worked out from the two files by an independent program; see the example's README.
const EXPECTED: &str = include_str!("../../../examples/brand_bank/expected.json");

const QUESTION: &str = "SELECT customer FROM brand.customers JOIN bank.accounts USING (customer) \
                        WHERE brand.customers.category = 'maternal' AND bank.accounts.credit_tier = 'A'";
const CURIOUS: &str = "SELECT customer FROM brand.customers JOIN bank.accounts USING (customer) \
                       WHERE bank.accounts.region = 'north'";
const UNLISTED: &str = "SELECT customer FROM brand.customers JOIN bank.accounts USING (customer) \
                        WHERE bank.accounts.credit_limit > 100000";

const FIGURES: &str = "SELECT bank.accounts.region, COUNT(*) AS customers, AVG(bank.accounts.balance) AS balance \
                       FROM bank.accounts GROUP BY bank.accounts.region ORDER BY customers DESC";
/// The question that the two came together for.
const OVERLAP: &str = "SELECT bank.accounts.region, COUNT(*) AS customers, SUM(bank.accounts.balance) AS balance \
                       FROM brand.customers JOIN bank.accounts USING (customer) \
                       WHERE brand.customers.category = 'maternal' AND bank.accounts.credit_tier = 'A' \
                       GROUP BY bank.accounts.region ORDER BY customers DESC";
/// Asked one after the other, each another question, until the budget is gone.
const MORE: [&str; 4] = [
    "SELECT COUNT(*) FROM bank.accounts WHERE bank.accounts.credit_tier = 'A'",
    "SELECT COUNT(*) FROM bank.accounts WHERE bank.accounts.credit_tier = 'B'",
    "SELECT COUNT(*) FROM bank.accounts WHERE bank.accounts.credit_tier = 'C'",
    "SELECT COUNT(*) FROM bank.accounts WHERE bank.accounts.region = 'north'",
];

/// How long a person at the bank is given to appear; here it is this program, so a moment.
const PATIENCE: Duration = Duration::from_secs(60);

/// A demo that did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// A command did otherwise than the story says.
    #[error("`tacit {command}` ended with {status} in the demo")]
    Unexpected {
        /// Its words.
        command: String,
        /// Its exit status.
        status: i32,
    },
    /// Nobody asked for an approval.
    #[error("no run came up for approval at the bank")]
    NothingToApprove,
    /// The budget has no end.
    #[error("the budget was not used up by more questions than it covers")]
    Unlimited,
    /// A node did not notice.
    #[error("a node did not say {code}")]
    Silent {
        /// What it should have said.
        code: String,
    },
    /// The answer is not the plain join's.
    #[error("the answer has {found} customers, the plain join of both files has {expected}")]
    Wrong {
        /// Customers in the answer.
        found: u64,
        /// Customers in the plain join.
        expected: u64,
    },
}

impl Refusal for DemoError {
    fn code(&self) -> &'static str {
        match self {
            Self::Unexpected { .. } | Self::NothingToApprove | Self::Unlimited | Self::Silent { .. } => {
                "E-DEMO-STOPPED"
            }
            Self::Wrong { .. } => "E-DEMO-WRONG-ANSWER",
        }
    }

    fn class(&self) -> Class {
        Class::Failed
    }

    fn retry_helps(&self) -> bool {
        !matches!(self, Self::Wrong { .. })
    }
}

/// Plays the story. With `keep` the nodes go on running and the homes stay.
///
/// # Errors
/// Whatever stops it; [`DemoError::Wrong`] if the answer is not the plain join's.
pub fn run(keep: bool) -> Result<(), Report> {
    let started = Instant::now();
    let mut show = Show { stage: Stage::temporary("tacit-demo")? };
    for (name, bytes) in
        [("customers.parquet", CUSTOMERS), ("accounts.csv", ACCOUNTS), ("maternal.toml", CONTRACT)]
    {
        std::fs::write(show.stage.path(name), bytes).map_err(failed("write the sample data"))?;
    }
    let customers = show.path("customers.parquet");
    let accounts = show.path("accounts.csv");
    let contract = show.path("maternal.toml");
    let [brand_port, bank_port] = stage::free_ports()?;

    show.heading("Two organisations. Each makes a home: keys, certificate, settings, ledger.");
    show.act("brand", &["init", "brand", "--listen", &format!("127.0.0.1:{brand_port}")])?;
    show.act("bank", &["init", "bank", "--listen", &format!("127.0.0.1:{bank_port}")])?;

    show.heading("They exchange cards and compare the words over the phone.");
    let brand_card = show.card("brand")?;
    let bank_card = show.card("bank")?;
    show.act("brand", &["partner", "add", &bank_card])?;
    show.act("bank", &["partner", "add", &brand_card])?;

    show.heading("Each registers its own data. The files stay where they are.");
    let ids =
        ["--id", "phone=mobile", "--id", "email=mail", "--row-id", "customer_id", "--default-region", "US"];
    show.act("brand", &[&["dataset", "add", "customers", &customers], &ids[..]].concat())?;
    let ids =
        ["--id", "phone=tel", "--id", "email=email", "--row-id", "account_id", "--default-region", "US"];
    show.act("bank", &[&["dataset", "add", "accounts", &accounts], &ids[..]].concat())?;
    show.act("bank", &["id", "lint", "accounts"])?;

    show.heading("Both nodes run, as two processes that know each other by certificate only.");
    let mut nodes = [show.serve("brand")?, show.serve("bank")?];

    show.heading("The brand proposes a contract; the bank reads what it would agree to, and signs.");
    show.act("brand", &["contract", "propose", &contract])?;
    show.act("bank", &["contract", "show", "maternal-offers"])?;
    show.act("bank", &["contract", "accept", "maternal-offers"])?;

    show.heading("What would the question cost and reveal? Asking that reveals nothing.");
    show.act("brand", &["explain", QUESTION])?;

    show.heading("The question. A person at the bank has to approve this run.");
    let answer = show.path("matches.csv");
    let asking = show.start("brand", &["query", QUESTION, "--out", &answer])?;
    let approval = show.pending_approval()?;
    show.act("bank", &["approvals", "list"])?;
    show.act("bank", &["approvals", "approve", &approval, "--by", "Lin, compliance"])?;
    show.finish(asking)?;
    let matches =
        std::fs::read_to_string(show.stage.path("matches.csv")).map_err(failed("read the answer"))?;
    show.say("    the first lines of matches.csv:");
    matches.lines().take(5).for_each(|line| show.say(&format!("      {line}")));

    show.heading("What the contract does not allow is refused, with what would allow it.");
    show.refused("brand", &["query", CURIOUS])?;
    show.refused("brand", &["query", UNLISTED])?;
    show.refused("bank", &["query", QUESTION])?;

    show.heading("A question about the bank's table alone. Its answer is noisy, and the noise has a price.");
    show.act("brand", &["explain", FIGURES, "--epsilon", "0.5"])?;
    show.act("brand", &["budget"])?;
    show.act("brand", &["query", FIGURES, "--epsilon", "0.5"])?;
    show.say("  brand$ # the same question of the same data: the same answer, and nothing to pay");
    show.act("brand", &["query", FIGURES, "--epsilon", "0.5"])?;
    show.act("brand", &["budget"])?;

    show.heading(
        "The question both came for: how many maternal customers hold top-tier credit, by region, with what\n   \
         balance? It is computed on halves of the overlap that nobody can read; only noisy figures come out.",
    );
    show.act("brand", &["explain", OVERLAP, "--epsilon", "1.0"])?;
    show.act("brand", &["query", OVERLAP, "--epsilon", "1.0"])?;
    show.sizes_seen()?;
    show.act("brand", &["budget"])?;
    show.act("bank", &["budget"])?;

    let (ledger, backup) = (show.stage.path("bank/ledger"), show.stage.path("bank/ledger.backup"));
    let bank = &mut nodes[1];
    show.heading("The bank makes a copy of its log, as one does.");
    show.stop(bank)?;
    show.shell("bank", "cp -r ledger ledger.backup");
    copy(&ledger, &backup).map_err(failed("copy a log"))?;
    *bank = show.serve("bank")?;

    show.heading(
        "The brand asks on until the budget is gone. Then the answer is no, at the bank and at home.",
    );
    show.spend_the_rest()?;
    show.act("brand", &["budget"])?;

    show.learn()?;

    show.heading(
        "Both sides have it on record, each in its own log. Anybody can check one, with no node at all.",
    );
    show.act("brand", &["audit", "log"])?;
    show.act("bank", &["audit", "log", "--limit", "12"])?;
    show.act("brand", &["audit", "verify"])?;
    show.act("bank", &["audit", "verify"])?;
    let [brand_log, bank_log] = ["brand", "bank"].map(|home| show.path(&format!("{home}-log")));
    show.act("brand", &["audit", "export", &brand_log])?;
    show.act("bank", &["audit", "export", &bank_log])?;
    show.act("brand", &["audit", "compare", &brand_log, &bank_log])?;

    show.heading("Somebody at the bank edits its log by hand. One name is enough.");
    let bank = &mut nodes[1];
    show.stop(bank)?;
    let log = ledger.join("log");
    let honest = std::fs::read_to_string(&log).map_err(failed("read a log"))?;
    show.shell("bank", "sed -i s/Lin/Kim/ ledger/log");
    std::fs::write(&log, honest.replacen("Lin", "Kim", 1)).map_err(failed("edit a log"))?;
    show.fails("bank", &["audit", "verify"])?;
    show.fails("bank", &["serve"])?;
    std::fs::write(&log, &honest).map_err(failed("mend a log"))?;

    show.heading(
        "Somebody puts the old copy back, to have the budget again. The brand has seen more of that log.",
    );
    show.shell("bank", "mv ledger ledger.newest; mv ledger.backup ledger");
    let newest = show.stage.path("bank/ledger.newest");
    for (from, to) in [(&ledger, &newest), (&backup, &ledger)] {
        std::fs::rename(from, to).map_err(failed("move a log"))?;
    }
    *bank = show.serve("bank")?;
    show.told("bank", "E-LEDGER-ROLLED-BACK")?;
    show.say("    it answers nothing now. With its newest log it goes on:");
    show.stop(bank)?;
    show.shell("bank", "mv ledger ledger.old; mv ledger.newest ledger");
    for (from, to) in [(&ledger, &show.stage.path("bank/ledger.old")), (&newest, &ledger)] {
        std::fs::rename(from, to).map_err(failed("move a log"))?;
    }
    *bank = show.serve("bank")?;

    let found = matches.lines().count().saturating_sub(1) as u64;
    show.summary(found)?;
    show.say(&format!("\nAll of it took {:.0} s.", started.elapsed().as_secs_f64()));
    if keep {
        nodes.iter_mut().for_each(Node::keep);
        show.stage.keep();
        show.how_to_go_on();
    } else {
        show.say("`tacit demo --keep` leaves both nodes running, so that you can go on asking.");
    }
    Ok(())
}

/// Copies a folder of files and folders.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    std::fs::create_dir(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// What the person in front of the terminal sees.
struct Show {
    stage: Stage,
}

impl Show {
    fn path(&self, name: &str) -> String {
        self.stage.path(name).to_string_lossy().into_owned()
    }

    fn say(&self, line: &str) {
        // A closed pipe ends the show for its watcher, not for the nodes.
        let _ = writeln!(io::stdout(), "{line}");
    }

    fn heading(&self, text: &str) {
        self.say(&format!("\n── {text}"));
    }

    fn command_line(&self, home: &str, words: &[&str]) {
        let shown: Vec<String> = words
            .iter()
            .map(|word| {
                let word =
                    word.replace(&format!("{}/", self.stage.path("").display()).replace("//", "/"), "");
                if word.contains(' ') { format!("\"{word}\"") } else { word }
            })
            .collect();
        self.say(&format!("  {home}$ tacit {}", shown.join(" ")));
    }

    /// Shows a command, runs it, shows what it printed; its exit status.
    fn run(&self, home: &str, words: &[&str]) -> Result<i32, Report> {
        self.command_line(home, words);
        let output = self.stage.finish(self.stage.start(home, words)?)?;
        for stream in [&output.stdout, &output.stderr] {
            String::from_utf8_lossy(stream).lines().for_each(|line| self.say(&format!("    {line}")));
        }
        Ok(output.status.code().unwrap_or(-1))
    }

    fn act(&self, home: &str, words: &[&str]) -> Result<(), Report> {
        self.expect(words, self.run(home, words)?, 0)
    }

    /// What somebody types who goes round the node.
    fn shell(&self, home: &str, text: &str) {
        self.say(&format!("  {home}$ {text}"));
    }

    /// Ends a node in good order.
    fn stop(&self, node: &mut Node) -> Result<(), Report> {
        self.act(node.home(), &["stop"])?;
        Ok(())
    }

    /// A command that fails, and should.
    fn fails(&self, home: &str, words: &[&str]) -> Result<(), Report> {
        self.expect(words, self.run(home, words)?, Class::Failed as i32)
    }

    /// Asks until the budget is gone.
    fn spend_the_rest(&self) -> Result<(), Report> {
        for question in MORE {
            let words = ["query", question, "--epsilon", "1.0", "-o", "csv", "-q"];
            let status = self.run("brand", &words)?;
            if status == Class::Budget as i32 {
                return Ok(());
            }
            self.expect(&words, status, 0)?;
        }
        Err(DemoError::Unlimited.into())
    }

    /// Waits until a node has said something in its log, and shows that line.
    fn told(&self, home: &str, code: &str) -> Result<(), Report> {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            let log = std::fs::read_to_string(self.stage.path(&format!("{home}.log"))).unwrap_or_default();
            if let Some(line) = log.lines().find(|line| line.contains(code)) {
                self.say(&format!("    {}", line.trim()));
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Err(DemoError::Silent { code: code.to_owned() }.into())
    }

    /// A command that the contract forbids.
    fn refused(&self, home: &str, words: &[&str]) -> Result<(), Report> {
        self.expect(words, self.run(home, words)?, Class::Policy as i32)
    }

    fn expect(&self, words: &[&str], status: i32, expected: i32) -> Result<(), Report> {
        if status == expected {
            return Ok(());
        }
        Err(DemoError::Unexpected { command: words.join(" "), status }.into())
    }

    /// Writes a card to a file, as `tacit card > brand.card` does.
    fn card(&self, home: &str) -> Result<String, Report> {
        self.say(&format!("  {home}$ tacit card > {home}.card"));
        let path = self.stage.path(&format!("{home}.card"));
        let card = self.stage.tacit(home, &["card"])?;
        std::fs::write(&path, card).map_err(failed("write a card"))?;
        Ok(path.to_string_lossy().into_owned())
    }

    fn serve(&self, home: &str) -> Result<Node, Report> {
        self.command_line(home, &["serve"]);
        self.stage.serve(home)
    }

    /// Starts a command that waits for somebody.
    fn start(&self, home: &str, words: &[&str]) -> Result<Child, Report> {
        self.command_line(home, words);
        Ok(self.stage.start(home, words)?)
    }

    fn finish(&self, child: Child) -> Result<(), Report> {
        let output = self.stage.finish(child)?;
        self.say("  brand$ # the query goes on:");
        for stream in [&output.stderr, &output.stdout] {
            String::from_utf8_lossy(stream)
                .lines()
                .take(20)
                .for_each(|line| self.say(&format!("    {line}")));
        }
        self.expect(&["query"], output.status.code().unwrap_or(-1), 0)
    }

    fn json(&self, home: &str, words: &[&str]) -> Result<Value, StageError> {
        let printed = self.stage.tacit(home, &[words, &["-o", "json"]].concat())?;
        serde_json::from_slice(&printed).map_err(|error| failed("read its own output")(error.into()))
    }

    /// The run that waits at the bank.
    fn pending_approval(&self) -> Result<String, Report> {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            let waiting = self.json("bank", &["approvals", "list"])?;
            let pending = waiting.as_array().into_iter().flatten().find(|row| row["state"] == "pending");
            if let Some(id) = pending.and_then(|row| row["approval"].as_str()) {
                return Ok(id.to_owned());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Err(DemoError::NothingToApprove.into())
    }

    /// What each side has on record of the other's size: of the revelation, and of the join.
    fn seen(&self, home: &str) -> Result<Vec<u64>, StageError> {
        let log = self.json(home, &["audit", "log"])?;
        let answers = log.as_array().into_iter().flatten().filter(|entry| entry["kind"] == "answer");
        let sizes = answers.filter_map(|entry| entry["body"]["outcome"]["partner_size"].as_u64());
        Ok(sizes.filter(|size| *size > 0).collect())
    }

    /// What either side saw of the other in the join.
    fn sizes_seen(&self) -> Result<(), StageError> {
        let last = |home: &str| Ok::<u64, StageError>(self.seen(home)?.last().copied().unwrap_or(0));
        let (at_brand, at_bank) = (last("brand")?, last("bank")?);
        self.say(&format!(
            "    seen: brand that the bank brought {at_brand} customers, the bank that brand brought {at_bank}, both\n    \
             with random padding. Neither learned who is in the overlap, nor how many, nor any exact figure."
        ));
        Ok(())
    }

    fn summary(&self, found: u64) -> Result<(), Report> {
        let expected: Value = serde_json::from_str(EXPECTED).unwrap_or_default();
        let expected = expected["reveals"][0]["customers"].as_u64().unwrap_or(0);
        if found != expected {
            return Err(DemoError::Wrong { found, expected }.into());
        }
        let first = |home: &str| Ok::<u64, StageError>(self.seen(home)?.first().copied().unwrap_or(0));
        let (at_brand, at_bank) = (first("brand")?, first("bank")?);
        self.heading("What happened");
        self.say(&format!(
            "  learned    brand knows which {found} of its own maternal customers hold credit tier A at the bank.\n\
             \x20            A plain join of both files, which nobody could make here, gives the same {expected}."
        ));
        self.say(&format!(
            "  seen       brand saw that the bank brought {at_brand} match keys, bank saw that brand brought {at_bank};\n\
             \x20            both figures carry random padding. bank also saw that brand asked, when, and under\n\
             \x20            which contract, and a person there approved it."
        ));
        self.say(
            "  not seen   no name, number, address or row of either side crossed the wire; bank does not know who\n\
             \x20            matched, nor how many; brand knows nothing about the bank's other customers, and no\n\
             \x20            column of those that matched except the tier it asked for.",
        );
        self.say(
            "  spent      the contract's whole budget for noisy answers, in both ledgers; the same question again was\n\
             \x20            free. A revelation has no ε to count; it stands in both ledgers by name.",
        );
        self.say(
            "  trained    one model over both tables. Both have its weights and know which of their own customers the\n\
             \x20            other has too; the bank alone has scores, of its own customers.",
        );
        Ok(())
    }

    fn how_to_go_on(&self) {
        let folder = self.stage.path("");
        let folder = folder.display();
        self.say(&format!(
            "\nBoth nodes are still running. Go on with:\n\n  export TACIT_HOME={folder}brand      # or {folder}bank\n  \
             tacit status\n  tacit query --contract maternal-offers \"{QUESTION}\"\n  tacit approvals list                 # at the bank\n  \
             tacit stop                           # in each home, when you are done"
        ));
    }
}
