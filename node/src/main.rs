//! `tacit`: the node and everything people do with it.

fn main() -> std::process::ExitCode {
    tacit_node::cli::main()
}
