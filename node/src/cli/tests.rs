use clap::{CommandFactory, error::ErrorKind};

use super::*;

fn read(line: &str) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(std::iter::once("tacit").chain(line.split_whitespace()))
}

#[test]
fn the_command_line_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn every_line_of_the_interface_is_understood() {
    for line in [
        "init brand --listen 0.0.0.0:4433",
        "init brand --listen [::]:4433 --address a.example:4433 --address 192.0.2.7:4433 --key-file /run/key",
        "init brand --key-env TACIT_KEY",
        "card",
        "partner add bank.card",
        "partner add -",
        "partner list -o json",
        "partner remove bank",
        "dataset add customers crm.parquet --id phone=mobile --id email=mail",
        "dataset add accounts accounts.csv --id phone=tel --format csv --row-id id --default-region US --region EU \
         --class balance=core --max-missing 10% --max-outliers 5% --max-age 48h",
        "dataset list",
        "dataset show customers",
        "dataset remove customers",
        "id lint customers",
        "id lint customers --profile google-dm/2",
        "consent withdraw --file gone.txt --kind phone --dataset customers",
        "consent list",
        "contract propose maternal.toml",
        "contract propose maternal.toml --out offer.json --force",
        "contract import offer.json",
        "contract list",
        "contract show 7f3a -o json",
        "contract accept 7f3a",
        "contract accept ./offer.json",
        "contract refuse 7f3a --reason no",
        "contract end 7f3a --reason over",
        "contract export 7f3a --out signed.json",
        "contract what-if changed.toml export --changed",
        "approvals list",
        "approvals approve 12ab --by Lin",
        "approvals deny 12ab --reason late",
        "serve",
        "status",
        "stop",
        "explain SELECT",
        "query SELECT",
        "query -",
        "query -f question.sql --out matches.csv --force --contract c --purpose p --wait 10m",
        "audit log --limit 5",
        "audit log export --kind refusal",
        "audit verify",
        "audit verify export --keys keys.json",
        "audit receipt 7f3a export --out receipt.tlog-proof",
        "audit compare a b",
        "audit report --from 2026-01-01 --to 2026-12-31 --format csv --lang zh --out folder",
        "audit export folder",
        "audit export folder --tiles-only",
        "audit witness",
        "budget",
        "budget export --partner brand --svg burn.svg --force",
        "train job.toml --wait 10m",
        "train explain job.toml",
        "predict default-risk customers",
        "predict 7f3a customers --top 10% --out top.csv --force",
        "model list",
        "model show default-risk -o html",
        "model export 7f3a --out model.json --force --by Lin",
        "model delete 7f3a --by Lin",
        "doctor",
        "doctor bank",
        "certificate rotate",
        "keys show",
        "keys rotate --signing",
        "keys rotate --tls",
        "bench psi --rows 2^20 --partner-rows 1000 --overlap 0.5 -o json",
        "bench join --rows 7",
        "demo",
        "demo --keep",
        "--home /tmp/x --progress json -q status",
        "status --home /tmp/x --output csv --progress none --quiet",
    ] {
        if let Err(error) = read(line) {
            panic!("{line}: {error}");
        }
    }
}

#[test]
fn a_wrong_line_is_wrong_usage() {
    for line in [
        "",
        "frobnicate",
        "init",
        "init brand --key-file a --key-env B",
        "partner",
        "partner add",
        "dataset add customers crm.parquet",
        "dataset add customers crm.parquet --id phone",
        "dataset add customers crm.parquet --id phone=mobile --max-missing 110%",
        "dataset add customers crm.parquet --id phone=mobile --max-age 90m",
        "dataset add customers crm.parquet --id phone=mobile --class balance=secret",
        "dataset add customers crm.parquet --id phone=mobile --format xlsx",
        "consent withdraw 13800001234",
        "query",
        "query SELECT -f question.sql",
        "query SELECT --force",
        "query SELECT --wait soon",
        "bench psi --rows 0",
        "bench psi --overlap 2",
        "status -o yaml",
        "certificate",
        "keys rotate",
        "keys rotate --signing --tls",
    ] {
        let error = read(line).err().unwrap_or_else(|| panic!("{line} was understood"));
        // Help in place of missing words is no success either.
        assert!(error.use_stderr(), "{line}");
    }
}

#[test]
fn help_and_version_are_data() {
    for (line, kind) in [("--help", ErrorKind::DisplayHelp), ("--version", ErrorKind::DisplayVersion)] {
        let error = read(line).unwrap_err();
        assert_eq!(error.kind(), kind);
        assert!(!error.use_stderr());
    }
    assert_eq!(Cli::command().render_version(), format!("tacit {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn every_command_says_in_a_sentence_what_it_does() {
    fn walk(command: &clap::Command, path: &str) {
        for sub in command.get_subcommands() {
            let name = format!("{path} {}", sub.get_name());
            let about = sub.get_about().map(ToString::to_string).unwrap_or_default();
            assert!(!about.is_empty(), "{name} has no help");
            assert!(!about.contains('\n') && !about.ends_with('.'), "{name}: {about}");
            for argument in sub.get_arguments().filter(|argument| !argument.is_hide_set()) {
                assert!(argument.get_help().is_some(), "{name} {} has no help", argument.get_id());
            }
            walk(sub, &name);
        }
    }
    walk(&Cli::command(), "tacit");
}

#[test]
fn the_help_shows_the_way_from_nothing_to_an_answer() {
    let help = Cli::command().render_help().to_string();
    let steps = ["tacit init", "tacit card", "tacit partner add", "tacit dataset add", "tacit serve"];
    let more = ["tacit contract propose", "tacit explain", "tacit query", "tacit demo"];
    let mut from = 0;
    for step in steps.into_iter().chain(more) {
        let at = help[from..].find(step).unwrap_or_else(|| panic!("{step} is missing, or out of order"));
        from += at;
    }
}

#[test]
fn json_is_heard_even_in_a_line_that_cannot_be_read() {
    let words = |line: &str| line.split_whitespace().map(OsString::from).collect::<Vec<_>>();
    for line in ["tacit x -o json", "tacit x -ojson", "tacit --output=json x", "tacit --output json"] {
        assert!(wants_json(&words(line)), "{line}");
    }
    for line in ["tacit x -o table", "tacit x -o", "tacit json"] {
        assert!(!wants_json(&words(line)), "{line}");
    }
}

#[test]
fn what_is_not_there_yet_says_so() {
    let console = Console::new(read("status -o table").unwrap().global).unwrap();
    for line in ["bench link"] {
        let Err(Failure::Refused(report)) = perform(read(line).unwrap().command, &console) else {
            panic!("{line} pretends to work");
        };
        assert_eq!(report.code, "E-NOT-IN-THIS-VERSION", "{line}");
        assert_eq!(ExitStatus::from(report.class), ExitStatus::Usage);
        assert!(!report.details.is_empty(), "{line} says nothing that works instead");
    }
}
