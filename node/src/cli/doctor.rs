//! `tacit doctor`

use clap::Args;

use super::{console::Console, error::Failure};
use crate::{
    control::{Reply, Request},
    data::Value,
};

/// Check everything that can be wrong here, or between here and a partner
#[derive(Debug, Args)]
pub struct Doctor {
    /// Check the way to this partner as well
    partner: Option<String>,
}

impl Doctor {
    /// Asks the node.
    pub fn run(self, console: &Console) -> Result<(), Failure> {
        let reply = console.perform(Request::Doctor { partner: self.partner })?;
        console.printer.reply(&reply)?;
        if is_well(&reply) { Ok(()) } else { Err(Failure::Shown) }
    }
}

/// Whether no line of the table says that something is wrong.
fn is_well(reply: &Reply) -> bool {
    let Some(table) = &reply.table else { return true };
    let Some(ok) = table.columns.iter().position(|name| name == "ok") else { return true };
    table.rows.iter().all(|row| row.get(ok) != Some(&Value::Bool(false)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Table;

    #[test]
    fn one_bad_line_makes_the_command_fail() {
        let mut table = Table::new(&["check", "ok"]);
        table.push(["clock".into(), true.into()]);
        assert!(is_well(&Reply { table: Some(table.clone()), ..Reply::default() }));
        table.push(["udp".into(), false.into()]);
        assert!(!is_well(&Reply { table: Some(table), ..Reply::default() }));
        assert!(is_well(&Reply::default()));
    }
}
