//! `tacit contract`

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::{
    console::Console,
    error::{CliError, Failure},
    input::{SMALL, read_text},
    printer::OutFile,
    what_if::WhatIf,
};
use crate::{
    control::{Reply, Request},
    data::Value,
};

/// Agree with partners on what may be asked
#[derive(Debug, Subcommand)]
pub enum Contract {
    /// Sign a contract of your own and offer it to the partners in it
    Propose {
        /// The contract's TOML text; - is standard input
        file: PathBuf,
        #[command(flatten)]
        out: Out,
    },
    /// Take in a signed contract that came as a file
    Import {
        /// The document; - is standard input
        file: PathBuf,
    },
    /// List the contracts and their states
    List,
    /// Show a contract: its terms, its signatures, what you are asked to agree to
    Show {
        /// Its name, or the start of its id
        contract: String,
    },
    /// Sign a contract that a partner proposed
    Accept {
        /// Its name, the start of its id, or the file it came as
        contract: String,
    },
    /// Say no to a contract
    Refuse(Reasoned),
    /// End a contract that is in force
    End(Reasoned),
    /// Print the signed document, to be carried by file
    Export {
        /// Its name, or the start of its id
        contract: String,
        #[command(flatten)]
        out: Out,
    },
    /// Try a changed contract on the questions that were asked before
    WhatIf(WhatIf),
}

/// Where a document goes.
#[derive(Debug, Args)]
pub struct Out {
    /// Write the signed document to this file, to be carried to the partner
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Replace the file if it is there
    #[arg(long, requires = "out")]
    force: bool,
}

/// A contract, and why.
#[derive(Debug, Args)]
pub struct Reasoned {
    /// Its name, or the start of its id
    contract: String,
    /// Why; the partner is told, and it is recorded
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

impl Contract {
    /// Asks the node.
    pub fn run(self, console: &Console) -> Result<(), Failure> {
        match self {
            Self::Propose { file, out } => propose(console, &file, out.plan()?),
            Self::Import { file } => {
                console.answer(Request::ContractImport { document: read_text(&file, SMALL)? })
            }
            Self::List => console.answer(Request::ContractList),
            Self::Show { contract } => console.answer(Request::ContractShow { contract }),
            Self::Accept { contract } => accept(console, contract),
            Self::Refuse(Reasoned { contract, reason }) => {
                console.answer(Request::ContractRefuse { contract, reason })
            }
            Self::End(Reasoned { contract, reason }) => {
                console.answer(Request::ContractEnd { contract, reason })
            }
            Self::Export { contract, out } => match out.plan()? {
                Some(out) => export(console, contract, &out),
                None => console.answer(Request::ContractExport { contract }),
            },
            Self::WhatIf(what_if) => what_if.run(console),
        }
    }
}

impl Out {
    fn plan(self) -> Result<Option<OutFile>, CliError> {
        self.out.map(|path| OutFile::plan(&path, self.force)).transpose()
    }
}

fn propose(console: &Console, file: &Path, out: Option<OutFile>) -> Result<(), Failure> {
    let reply = console.perform(Request::ContractPropose { toml: read_text(file, SMALL)? })?;
    console.printer.reply(&reply)?;
    match out {
        Some(out) => export(console, contract_of(&reply)?, &out),
        None => Ok(()),
    }
}

fn export(console: &Console, contract: String, out: &OutFile) -> Result<(), Failure> {
    let reply = console.perform(Request::ContractExport { contract })?;
    let text = match (&reply.text, &reply.document) {
        (Some(text), _) => text.clone(),
        (None, Some(document)) => format!("{document:#}\n"),
        (None, None) => return Err(CliError::NothingToWrite { path: out.path().to_owned() }.into()),
    };
    out.write_text(&text)?;
    console.printer.notes(&reply);
    console.printer.note(&format!("the signed document is in {}", out.path().display()));
    Ok(())
}

fn accept(console: &Console, contract: String) -> Result<(), Failure> {
    let contract = if is_file(&contract) {
        let document = read_text(Path::new(&contract), SMALL)?;
        let imported = console.perform(Request::ContractImport { document })?;
        console.printer.notes(&imported);
        contract_of(&imported)?
    } else {
        contract
    };
    console.answer(Request::ContractAccept { contract })
}

/// Names and ids hold neither `/` nor `.`; a file of another name is reached as `./name`.
fn is_file(contract: &str) -> bool {
    contract.contains(['/', '.'])
}

/// The id of the contract that a reply is about: its document's `id`, or its table's.
fn contract_of(reply: &Reply) -> Result<String, CliError> {
    let in_document = reply.document.as_ref().and_then(|document| document["id"].as_str().map(str::to_owned));
    let in_table = || {
        let table = reply.table.as_ref()?;
        let column = table.columns.iter().position(|name| name == "id")?;
        match table.rows.first()?.get(column)? {
            Value::Text(id) => Some(id.clone()),
            _ => None,
        }
    };
    in_document.or_else(in_table).ok_or(CliError::NoContractNamed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Table;

    #[test]
    fn a_file_is_told_from_a_name() {
        for file in ["contract.json", "./contract", "/tmp/contract", "../bench.json"] {
            assert!(is_file(file), "{file}");
        }
        for name in ["maternal-offers", "7f3a9b", "bench"] {
            assert!(!is_file(name), "{name}");
        }
    }

    #[test]
    fn the_contract_is_found_in_either_form_of_reply() {
        let document = Reply { document: Some(serde_json::json!({ "id": "7f3a" })), ..Reply::default() };
        assert_eq!(contract_of(&document).unwrap(), "7f3a");
        let mut table = Table::new(&["name", "id"]);
        table.push(["maternal".into(), "7f3a".into()]);
        assert_eq!(contract_of(&Reply { table: Some(table), ..Reply::default() }).unwrap(), "7f3a");
        assert!(contract_of(&Reply::default()).is_err());
    }
}
