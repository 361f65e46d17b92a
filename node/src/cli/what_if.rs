//! `tacit contract what-if`

use std::path::PathBuf;

use clap::Args;

use super::{
    console::Console,
    error::Failure,
    input::{SMALL, read_text},
};
use crate::{
    audit::{Log, what_if},
    control::Reply,
    policy::{Contract, Terms},
    report::Report,
};

/// Try a changed contract on the questions that were asked before
#[derive(Debug, Args)]
pub struct WhatIf {
    /// The changed contract's TOML text; - is standard input
    file: PathBuf,
    /// An export, or another node's home [default: this node's]
    folder: Option<PathBuf>,
    /// Only questions that would have gone another way
    #[arg(long)]
    changed: bool,
}

impl WhatIf {
    /// Reads the log; no node need run, and nobody is told.
    pub fn run(self, console: &Console) -> Result<(), Failure> {
        let terms = Terms::of_toml(&read_text(&self.file, SMALL)?).map_err(Report::from)?;
        let log = Log::open(&console.folder(self.folder)?).map_err(Report::from)?;
        let partners = log.source.partners(&log.contracts).map_err(Report::from)?;
        let own = log.keys.as_ref().and_then(|keys| Some(*keys.log.first()?.public()));
        let me = log.contracts.iter().flat_map(|document| document.contract().partners());
        let me =
            me.filter(|partner| Some(partner.key) == own).map(|partner| (partner.name.clone(), partner.key));
        let known: Vec<(String, [u8; 32])> = me.chain(partners).collect();
        let key_of = |name: &str| known.iter().find(|(known, _)| known == name).map(|(_, key)| *key);
        let contract = Contract::bind(terms, &key_of).map_err(Report::from)?;
        let all = what_if::try_on(&log, &contract);
        let count = |is: &dyn Fn(&what_if::Verdict) -> bool| all.iter().filter(|verdict| is(verdict)).count();
        let refused = count(&|verdict| verdict.is_changed() && verdict.was == "permitted");
        let allowed = count(&|verdict| verdict.is_changed() && verdict.was != "permitted");
        let untold = count(&|verdict| verdict.would == "untold");
        let mut notes = vec![format!(
            "of {} questions, {refused} that were permitted would be refused, and {allowed} that were refused would \
             be permitted",
            all.len()
        )];
        if untold > 0 {
            notes.push(format!("{untold} cannot be told: their records do not hold what it takes"));
        }
        if let Err(error) = log.sound() {
            notes.push(format!("warning: {error}; see tacit audit verify"));
        }
        let shown: Vec<what_if::Verdict> =
            all.into_iter().filter(|verdict| !self.changed || verdict.is_changed()).collect();
        let table = what_if::table(&shown);
        let reply = Reply { table: Some(table), notes, ..Reply::default() };
        Ok(console.printer.reply(&reply)?)
    }
}
