//! The part of the story in which the two learn together: one model over two tables that nobody has side by side.

use serde_json::Value;

use super::Show;
use crate::{cli::stage::failed, report::Report};

const CONTRACT: &[u8] = include_bytes!("../../../../examples/brand_bank/default-risk.toml");
const JOB: &[u8] = include_bytes!("../../../../examples/brand_bank/default.toml");

impl Show {
    /// A second contract, a model, its card and its scores.
    pub(super) fn learn(&self) -> Result<(), Report> {
        for (name, bytes) in [("default-risk.toml", CONTRACT), ("default.toml", JOB)] {
            std::fs::write(self.stage.path(name), bytes).map_err(failed("write the sample data"))?;
        }
        let (contract, job) = (self.path("default-risk.toml"), self.path("default.toml"));
        self.heading(
            "Who will not make the next payment? The bank knows who did not before, the brand knows who pays its\n   \
             invoices late. Under a second contract they train one model over the customers that both have.",
        );
        self.act("brand", &["contract", "propose", &contract])?;
        self.act("bank", &["contract", "accept", "default-risk"])?;
        self.act("bank", &["train", "explain", &job])?;

        self.heading("They train: weights and residuals are halves that neither can read, until the end.");
        self.train(&job)?;
        self.page()?;
        self.act("brand", &["model", "list"])?;
        self.gain()?;

        self.heading("The bank's own customers, by their score: the ones to be careful with come first.");
        let out = self.path("careful.csv");
        self.act("bank", &["predict", "default", "accounts", "--top", "5%", "--out", &out])?;
        let scores =
            std::fs::read_to_string(self.stage.path("careful.csv")).map_err(failed("read the scores"))?;
        self.say("    the first lines of careful.csv:");
        scores.lines().take(5).for_each(|line| self.say(&format!("      {line}")));
        Ok(())
    }

    /// The rounds, and then the card. How fast they went is for whoever waits.
    fn train(&self, job: &str) -> Result<(), Report> {
        let words = ["train", job];
        self.command_line("bank", &words);
        let output = self.stage.finish(self.stage.start("bank", &words)?)?;
        let told = String::from_utf8_lossy(&output.stderr);
        told.lines()
            .filter(|line| !line.contains(" steps/s"))
            .for_each(|line| self.say(&format!("    {line}")));
        String::from_utf8_lossy(&output.stdout).lines().for_each(|line| self.say(&format!("    {line}")));
        self.expect(&words, output.status.code().unwrap_or(-1), 0)
    }

    /// The card as a page, for those who will ask.
    fn page(&self) -> Result<(), Report> {
        self.say("  bank$ tacit model show default -o html > card.html");
        let page = self.stage.tacit("bank", &["model", "show", "default", "-o", "html"])?;
        std::fs::write(self.stage.path("card.html"), &page).map_err(failed("write a card"))?;
        Ok(())
    }

    /// What the partner's data was worth.
    fn gain(&self) -> Result<(), Report> {
        let card = self.json("bank", &["model", "show", "default"])?;
        let of = |on: &str| {
            let lines = card["metrics"].as_array().into_iter().flatten();
            let mut auc = lines.filter(|line| line["metric"] == "auc" && line["on"] == on);
            auc.next().and_then(|line| line["value"].as_f64())
        };
        if let (Some(alone), Some(joint)) = (of("bank alone"), of("joint")) {
            let held_out = card["rows"]["held_out"].as_u64().unwrap_or(0);
            self.say(&format!(
                "    On {held_out} customers that no weight was fitted to: with its own columns alone the bank would have\n    \
                 an AUC of {alone:.3}, together they have {joint:.3}. In this sample what the brand adds is invented; see\n    \
                 examples/brand_bank/PROVENANCE.md."
            ));
        }
        let spent = card["price"].as_array().is_some_and(|price| !price.is_empty());
        let none = card["noise"] == Value::Null;
        if none && !spent {
            self.say("    Trained without noise, as this contract allows: no ε was spent, and the card says so first.");
        }
        Ok(())
    }
}
