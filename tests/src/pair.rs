//! Two partners who have agreed, with data that a person can join by heart.
//!
//! The contract is the one of the examples, so that tests speak of the columns that its README explains.

use std::{
    fs,
    process::{Command, Stdio},
};

use serde_json::Value;

use crate::{Node, Ran, World, finish, sample};

/// The demo's question. Over the little data its answer is `C1`, `C2` and `C3`.
pub const QUESTION: &str = "SELECT customer FROM brand.customers JOIN bank.accounts USING (customer) \
                            WHERE brand.customers.category = 'maternal' AND bank.accounts.credit_tier = 'A'";

/// All of the brand's customers that are at the bank, whatever they buy: `C1` to `C5`.
pub const EVERYBODY: &str = "SELECT customer FROM brand.customers JOIN bank.accounts USING (customer)";

/// The brand's customers. `C6` has not consented, `C7` has not at the bank, nobody at the bank is like `C8`.
pub const CUSTOMERS: &str = "\
customer_id,mobile,mail,education,marriage,category,spend,joined,consent
C1,+1 212 555 0101,ada@example.org,graduate,single,maternal,10,2020-01-01,true
C2,(212) 555-0102,bea@example.org,university,married,maternal,20,2020-01-02,true
C3,,Cleo@Example.org,graduate,single,maternal,30,2020-01-03,true
C4,212.555.0104,,other,single,home,40,2020-01-04,true
C5,+12125550105,eva@example.org,other,married,maternal,50,2020-01-05,true
C6,+12125550106,,graduate,single,maternal,60,2020-01-06,false
C7,+12125550107,,graduate,single,maternal,70,2020-01-07,true
C8,+12125550108,hal@example.org,graduate,single,maternal,80,2020-01-08,true
";

/// The bank's accounts.
pub const ACCOUNTS: &str = "\
account_id,tel,email,region,credit_tier,credit_limit,balance,defaulted,marketing_ok
A1,212-555-0101,,north,A,1000,10,0,true
A2,+1 (212) 555-0102,bea@example.org,south,A,2000,20,0,true
A3,,CLEO@EXAMPLE.ORG,north,A,3000,30,0,true
A4,2125550104,,east,A,4000,40,1,true
A5,2125550105,,west,B,5000,50,0,true
A6,2125550106,,west,A,6000,60,0,true
A7,2125550107,,west,A,7000,70,0,false
A9,2125550199,ida@example.org,west,A,8000,80,0,true
";

/// The example's contract, in force whatever the date. With `approval`, a person at the bank approves each
/// run.
pub fn maternal(approval: bool) -> String {
    let text = fs::read_to_string(sample("maternal.toml")).expect("the example's contract");
    let text = replaced(&text, "starts   = 2026-11-01", "starts   = 2000-01-01");
    let text = replaced(&text, "ends     = 2031-12-31", "ends     = 2999-12-31");
    if approval { text } else { replaced(&text, r#"approval = ["bank"] }"#, "approval = [] }") }
}

/// A contract under which two tables of plain ids, `brand.people` and `bank.people`, are compared.
pub fn members() -> String {
    let dataset = |owner: &str| {
        format!(
            "[[dataset]]\nowner = \"{owner}\"\nname = \"people\"\nconsent = \"withdrawal-list\"\n\
             [dataset.columns]\nmember = {{ use = [\"match\"] }}\n"
        )
    };
    format!(
        "name = \"members\"\npartners = [\"brand\", \"bank\"]\npurpose = \"testing\"\nstarts = 2000-01-01\n\
         ends = 2999-12-31\n[identity]\nprofile = \"raw/1\"\nkeys = [\"member\"]\n[privacy]\nunit = \"customer\"\n\
         epsilon = 1.0\ndelta = 1e-6\nper_query_epsilon = 1.0\nmin_group = 1\nreceiver = \"asker\"\n{}{}[allow]\n\
         reveal = {{ to = \"brand\", columns = [], approval = [] }}\n",
        dataset("brand"),
        dataset("bank"),
    )
}

/// The question of [`members`].
pub const MEMBERS: &str = "SELECT customer FROM brand.people JOIN bank.people USING (customer)";

/// A contract for figures over the overlap of `brand.customers` and `bank.accounts`, matched by these kinds of key: the
/// privacy section's figures, and the columns of each side that are no keys, as TOML.
pub fn overlap(keys: &[&str], privacy: &str, brand: &str, bank: &str) -> String {
    let matching: String = keys.iter().map(|key| format!("{key} = {{ use = [\"match\"] }}\n")).collect();
    let dataset = |owner: &str, name: &str, columns: &str| {
        format!(
            "[[dataset]]\nowner = \"{owner}\"\nname = \"{name}\"\nconsent = \"withdrawal-list\"\n[dataset.columns]\n\
             {matching}{columns}\n"
        )
    };
    format!(
        "name = \"overlap\"\npartners = [\"brand\", \"bank\"]\npurpose = \"testing\"\nstarts = 2000-01-01\n\
         ends = 2999-12-31\n[identity]\nprofile = \"raw/1\"\nkeys = {keys:?}\n[privacy]\nunit = \"customer\"\n\
         delta = 1e-6\nreceiver = \"asker\"\n{privacy}\n{}{}[allow]\njoin = true\n",
        dataset("brand", "customers", brand),
        dataset("bank", "accounts", bank),
    )
}

/// A changed text; insists that there was something to change.
#[track_caller]
pub fn replaced(text: &str, old: &str, new: &str) -> String {
    assert!(text.contains(old), "{old:?} is not in:\n{text}");
    text.replace(old, new)
}

/// Two nodes that run, trust each other, have data and a contract in force.
pub struct Pair {
    /// Asks.
    pub brand: Node,
    /// Is asked.
    pub bank: Node,
    /// Their homes. Last, because it must outlive the nodes.
    pub world: World,
}

impl Pair {
    /// Two nodes under the example's contract without approvals, with the little data.
    pub fn new(program: &str) -> Self {
        Self::under(program, &maternal(false))
    }

    /// Two nodes with the little data, under this contract.
    pub fn under(program: &str, contract: &str) -> Self {
        let world = World::new(program);
        world.befriended();
        world.register_little_data();
        Self::agreed(world, contract)
    }

    /// Two nodes under [`members`], with these ids.
    pub fn of_members(program: &str, brand: &[String], bank: &[String]) -> Self {
        let world = World::new(program);
        world.befriended();
        world.register_members(brand, bank);
        Self::agreed(world, &members())
    }

    /// Starts both nodes of a world and has them sign a contract over the link.
    #[track_caller]
    pub fn agreed(world: World, contract: &str) -> Self {
        let (brand, bank) = (world.serve("brand"), world.serve("bank"));
        world.agree("brand", "bank", contract);
        Self { brand, bank, world }
    }

    /// Runs a command of the brand.
    pub fn brand(&self, words: &[&str]) -> Ran {
        self.world.tacit("brand", words)
    }

    /// Runs a command of the bank.
    pub fn bank(&self, words: &[&str]) -> Ran {
        self.world.tacit("bank", words)
    }

    /// Asks as the brand; the names of the customers in the answer, in the order of the data.
    #[track_caller]
    pub fn ask(&self, question: &str) -> Vec<String> {
        customers(&self.brand(&["query", question, "-o", "json"]).ok())
    }
}

/// The names of the customers in an answer that was printed as JSON.
#[track_caller]
pub fn customers(answer: &Ran) -> Vec<String> {
    let rows = answer.json();
    let rows = rows.as_array().expect("a list of rows");
    rows.iter().map(|row| row["customer"].as_str().expect("a customer").to_owned()).collect()
}

/// `count` ids from number `start` on, which tell nothing of their number.
pub fn ids(start: u64, count: u64) -> Vec<String> {
    // A bijection of 64 bits (SplitMix64's finaliser), so that no two numbers have one id.
    let id = |number: u64| {
        let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        format!("{:016x}", z ^ (z >> 31))
    };
    (start..start + count).map(id).collect()
}

/// Ids as a file of one column.
pub fn members_csv(ids: &[String]) -> String {
    let mut text = "member\n".to_owned();
    for id in ids {
        text.push_str(id);
        text.push('\n');
    }
    text
}

impl World {
    /// Two homes that trust each other: `brand` and `bank`.
    pub fn befriended(&self) {
        self.init("brand");
        self.init("bank");
        self.befriend("brand", "bank");
    }

    /// Gives both their data.
    pub fn register_little_data(&self) {
        let customers = self.write("customers.csv", CUSTOMERS);
        let accounts = self.write("accounts.csv", ACCOUNTS);
        self.register("brand", "customers", &customers, &["phone=mobile", "email=mail"], "customer_id");
        self.register("bank", "accounts", &accounts, &["phone=tel", "email=email"], "account_id");
    }

    /// Gives both their ids.
    pub fn register_members(&self, brand: &[String], bank: &[String]) {
        for (home, ids) in [("brand", brand), ("bank", bank)] {
            let file = self.write(&format!("{home}.csv"), members_csv(ids));
            self.register(home, "people", &file, &["member=member"], "member");
        }
    }

    /// Registers a file as a dataset.
    #[track_caller]
    pub fn register(&self, home: &str, name: &str, file: &str, keys: &[&str], row_id: &str) {
        let mut words = vec!["dataset", "add", name, file, "--row-id", row_id];
        keys.iter().for_each(|key| words.extend(["--id", key]));
        self.tacit(home, &words).ok();
    }

    /// Proposes a contract at `from` and accepts it at `to`, both nodes running: it goes over the link.
    /// Its id.
    #[track_caller]
    pub fn agree(&self, from: &str, to: &str, toml: &str) -> String {
        let id = self.propose(from, toml);
        // The note says so, too; but the contract may have come by another way.
        self.until("the contract's arrival", || self.tacit(to, &["contract", "show", &id]).status == 0);
        self.tacit(to, &["contract", "accept", &id]).ok();
        self.until("the signature's arrival", || self.contract_state(from, &id) == "in force");
        id
    }

    /// Proposes a contract; its id.
    #[track_caller]
    pub fn propose(&self, from: &str, toml: &str) -> String {
        let file = self.write("contract.toml", toml);
        let proposed = self.tacit(from, &["contract", "propose", &file, "-o", "json"]).ok().json();
        proposed["id"].as_str().expect("a contract id").to_owned()
    }

    /// The state of a contract as a node sees it.
    #[track_caller]
    pub fn contract_state(&self, home: &str, id: &str) -> String {
        let shown = self.tacit(home, &["contract", "show", id, "-o", "json"]).ok().json();
        shown["state"].as_str().expect("a state").to_owned()
    }

    /// All records of a node.
    #[track_caller]
    pub fn records(&self, home: &str) -> Vec<Value> {
        match self.tacit(home, &["audit", "log", "-o", "json"]).ok().json() {
            Value::Array(records) => records,
            other => panic!("no list: {other}"),
        }
    }

    /// Kind and outcome of a node's records, oldest first, such as `refusal E-POLICY-PURPOSE`.
    #[track_caller]
    pub fn record_lines(&self, home: &str) -> Vec<String> {
        let word = |record: &Value, name: &str| record[name].as_str().unwrap_or_default().to_owned();
        let line = |record: &Value| format!("{} {}", word(record, "kind"), word(record, "what"));
        self.records(home).iter().map(line).collect()
    }

    /// Waits until a run waits for a person at this node; the approval's id.
    #[track_caller]
    pub fn pending(&self, home: &str) -> String {
        let mut pending = None;
        self.until("a run that waits for approval", || {
            let list = self.tacit(home, &["approvals", "list", "-o", "json"]).ok().json();
            let rows = list.as_array().into_iter().flatten();
            let mut waiting = rows.filter(|row| row["state"] == "pending");
            pending = waiting.next().and_then(|row| row["approval"].as_str()).map(str::to_owned);
            pending.is_some()
        });
        pending.expect("one was found")
    }

    /// Runs a command whose run somebody at `owner` approves.
    #[track_caller]
    pub fn approved(&self, home: &str, words: &[&str], owner: &str) -> Ran {
        let asking = self.start(home, words);
        let approval = self.pending(owner);
        self.tacit(owner, &["approvals", "approve", &approval, "--by", "Lin"]).ok();
        finish(asking)
    }

    /// Starts a node with environment variables of its own; see [`serve`](Self::serve).
    #[track_caller]
    pub fn serve_with_env(&self, home: &str, env: &[(&str, &str)]) -> Node {
        let log = fs::File::create(self.path(&format!("{home}.log"))).expect("a log");
        let mut command = self.command(home, &["serve"]);
        command.envs(env.iter().copied()).stdout(Stdio::null()).stderr(log);
        let node = Node { child: command.spawn().expect("a node can be started") };
        self.until("the node's start", || self.tacit(home, &["status"]).status == 0);
        node
    }

    /// A command of one home with environment variables of its own.
    pub fn with_env(&self, home: &str, words: &[&str], env: &[(&str, &str)]) -> Ran {
        let mut command: Command = self.command(home, words);
        command.envs(env.iter().copied());
        Ran::from(command.output().expect("tacit can be started"))
    }
}
