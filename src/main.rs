//! The binary: exit codes and nothing else.

fn main() -> std::process::ExitCode {
    blockade::cli::main()
}
