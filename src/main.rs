//! The binary.

fn main() -> std::process::ExitCode {
    blockade::cli::main()
}
