//! The `kinfold` binary: it hands the command line to [`cli`] and turns what comes back into an exit code.

mod cli;

use std::process::ExitCode;

/// Of what identity resolution holds, lists that grow for as long as rows come in are the most. Systems' own allocators copy each as it
/// grows, and keep the places that it leaves: at 5 million customers that is a sixth of the peak.
#[cfg(not(target_env = "msvc"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    cli::main()
}
