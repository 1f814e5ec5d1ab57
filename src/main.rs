//! The `kinfold` binary: it hands the command line to [`cli`] and turns what comes back into an exit code.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
