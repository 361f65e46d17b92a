//! Records a command: `record NAME -- COMMAND …` writes what it printed to NAME.txt, and as a terminal that
//! plays to NAME.svg.

use std::{env, fs, path::PathBuf};

use anyhow::{Context, Result, bail};
use tacit_examples::{
    picture::{Window, draw},
    tape::Tape,
};

/// The largest picture that a page should have to load.
const LARGEST: usize = 300_000;

fn main() -> Result<()> {
    let words: Vec<String> = env::args().skip(1).collect();
    let [name, dashes, command @ ..] = words.as_slice() else { bail!("record NAME -- COMMAND …") };
    if dashes != "--" || command.is_empty() {
        bail!("record NAME -- COMMAND …");
    }
    let tape = Tape::record(command)?;
    let program = command[0].rsplit('/').next().unwrap_or_default();
    let title = [&[program.to_owned()], &command[1..]].concat().join(" ");
    let svg = draw(&tape, &title, Window { columns: 110, rows: 40 });
    if svg.len() > LARGEST {
        bail!("the picture would have {} bytes, more than {LARGEST}", svg.len());
    }
    for (ending, content) in [("txt", tape.text()), ("svg", svg)] {
        let path = PathBuf::from(format!("{name}.{ending}"));
        fs::write(&path, content).with_context(|| format!("{} cannot be written", path.display()))?;
    }
    Ok(())
}
