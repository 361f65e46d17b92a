//! `tacit dataset`

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{console::Console, error::Failure, parse};
use crate::control::{DatasetAdd, Request};

/// Register the data that contracts can name
#[derive(Debug, Subcommand)]
pub enum Dataset {
    /// Register a file, or a directory of files of one format; the files stay where they are
    Add(Box<Add>),
    /// List the datasets
    List,
    /// Show one: columns, match keys, snapshot, quality
    Show {
        /// Its name
        dataset: String,
    },
    /// Forget a dataset; its files stay
    Remove {
        /// Its name
        dataset: String,
    },
}

/// Register a file, or a directory of files of one format; the files stay where they are
#[derive(Debug, Args)]
pub struct Add {
    /// What contracts and SQL call it, such as customers
    name: String,
    /// The file or directory
    path: PathBuf,
    /// A match key and its column, strongest first, such as --id phone=mobile --id email=mail
    #[arg(long = "id", value_name = "KIND=COLUMN", required = true, value_parser = parse::pair)]
    ids: Vec<(String, String)>,
    /// Of the files [default: what their ending says]
    #[arg(long, value_name = "FORMAT", value_parser = ["csv", "parquet", "ndjson"])]
    format: Option<String>,
    /// The column that names a customer in your own systems [default: the row's number]
    #[arg(long, value_name = "COLUMN")]
    row_id: Option<String>,
    /// The country of phone numbers without a country code, such as US, where the contract names none
    #[arg(long, value_name = "REGION")]
    default_region: Option<String>,
    /// A region that the rows must not leave, such as CN or EU
    #[arg(long, value_name = "REGION")]
    region: Option<String>,
    /// Which of your populations its customers are, where they are not all one; each has a budget of its own
    #[arg(long, value_name = "NAME")]
    population: Option<String>,
    /// A column's class: general, important or core, such as --class balance=core
    #[arg(long = "class", value_name = "COLUMN=CLASS", value_parser = parse::class)]
    classes: Vec<(String, String)>,
    /// Warn when more of a column is missing, such as 10%
    #[arg(long, value_name = "SHARE", value_parser = parse::share, help_heading = "Quality")]
    max_missing: Option<f64>,
    /// Warn when more of a column of numbers are outliers, such as 5%
    #[arg(long, value_name = "SHARE", value_parser = parse::share, help_heading = "Quality")]
    max_outliers: Option<f64>,
    /// Warn when the newest file is older, such as 48h
    #[arg(long, value_name = "AGE", value_parser = parse::hours, help_heading = "Quality")]
    max_age: Option<u64>,
}

impl Dataset {
    /// Asks the node.
    pub fn run(self, console: &Console) -> Result<(), Failure> {
        console.answer(match self {
            Self::Add(add) => Request::DatasetAdd(add.request()),
            Self::List => Request::DatasetList,
            Self::Show { dataset } => Request::DatasetShow { dataset },
            Self::Remove { dataset } => Request::DatasetRemove { dataset },
        })
    }
}

impl Add {
    fn request(self) -> DatasetAdd {
        DatasetAdd {
            name: self.name,
            // The running node may stand in another directory. Whether the file is there is for it to say.
            path: std::path::absolute(&self.path).unwrap_or(self.path),
            format: self.format,
            ids: self.ids,
            row_id: self.row_id,
            default_region: self.default_region,
            region: self.region,
            population: self.population,
            classes: self.classes,
            max_missing: self.max_missing,
            max_outliers: self.max_outliers,
            max_age_hours: self.max_age,
        }
    }
}
