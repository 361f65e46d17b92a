//! (under construction)

/// Runs the command line.
pub fn main() -> std::process::ExitCode {
    let _ = datafusion::prelude::SessionContext::new();
    std::process::ExitCode::SUCCESS
}
