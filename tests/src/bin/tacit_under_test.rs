//! The very program, built beside the tests so that they can start it as a process.

fn main() -> std::process::ExitCode {
    tacit_node::cli::main()
}
