//! The binary `pushforward`; everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    pushforward_host::cli::main()
}
