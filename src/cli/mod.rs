//! The command line: arguments, printing, exit codes. One file a command; what a command does is in `kinfold-app`.

mod args;
mod check;
mod compile;
mod diagnostics;
mod evaluate;
mod explain;
mod fault;
mod identity;
mod init;
mod match_review;
mod matching;
mod matching_report;
mod output;
mod progress;
mod query;
mod run;
mod schema;
mod show;
mod sync;

use std::io::IsTerminal;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;
use kinfold_app::{AppError, AppErrorKind, Loaded, Options, Ready};
use kinfold_base::{Progress, Silent, SystemClock};
use tokio_util::sync::CancellationToken;

use crate::cli::args::{Cli, Command, Global, IdentityCommand, MatchCommand, OutputFormat, ShowCommand};
use crate::cli::output::Printer;

/// How a command ended, apart from an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    Done,
    /// What is wrong has been printed already. Exit code 1.
    InputWrong,
    /// What failed has been printed already. Exit code 2.
    OutsideFailed,
    /// Done, but some rows were refused. Exit code 3.
    Refusals,
}

impl Ended {
    fn exit_code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::InputWrong => 1,
            Self::OutsideFailed => 2,
            Self::Refusals => 3,
        }
    }
}

pub(crate) fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(e) => {
            // Help and version are printed by clap too, and are no mistake.
            let code = u8::from(e.use_stderr());
            let _ = e.print();
            return ExitCode::from(code);
        }
    };
    start_logging(cli.global.verbose);
    let printer = Printer::new(cli.global.output);
    let threads = threads(&cli.global);
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        // Plans nest deeply, and optimised code is built with few frames to spare.
        .thread_stack_size(8 << 20)
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(e) => {
            printer.error(&AppError::outside(format!("cannot start {threads} threads: {e}")));
            return ExitCode::from(2);
        }
    };
    let ended = runtime.block_on(async {
        // A future as large as a whole command belongs on the heap.
        let command = Box::pin(dispatch(&cli, &printer, threads));
        command.await
    });
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    match ended {
        Ok(ended) => ExitCode::from(ended.exit_code()),
        Err(e) => {
            printer.error(&e);
            ExitCode::from(exit_code(e.kind))
        }
    }
}

pub(crate) fn exit_code(kind: AppErrorKind) -> u8 {
    match kind {
        AppErrorKind::Input => 1,
        AppErrorKind::Outside | AppErrorKind::Bug => 2,
    }
}

async fn dispatch(cli: &Cli, printer: &Printer, threads: usize) -> Result<Ended, AppError> {
    let global = &cli.global;
    match &cli.command {
        Command::Init(args) => init::init(args, *printer),
        Command::Schema => Ok(schema::schema()),
        Command::Check => check::check(&options(global, threads), printer).await,
        Command::Compile(args) => compile::compile(args, &options(global, threads), printer).await,
        Command::Run(args) => run::run(args, &options(global, threads), printer).await,
        Command::Sync(args) => sync::sync(args, &options(global, threads), printer).await,
        Command::Show(ShowCommand::Profile(args)) => show::profile(args, &options(global, threads), printer).await,
        Command::Show(ShowCommand::Segment(args)) => show::segment(args, &options(global, threads), printer).await,
        Command::Explain(args) => explain::explain(args, &options(global, threads), printer).await,
        Command::Identity(IdentityCommand::Report(args)) => {
            identity::report(args, &options(global, threads), printer).await
        }
        Command::Identity(IdentityCommand::Diff(args)) => {
            identity::diff(args, &options(global, threads), printer).await
        }
        Command::Match(MatchCommand::Train(args)) => matching::train(args, &options(global, threads), printer).await,
        Command::Match(MatchCommand::Evaluate(args)) => {
            evaluate::evaluate(args, &options(global, threads), printer).await
        }
        Command::Match(MatchCommand::Report(args)) => {
            matching_report::report(args, &options(global, threads), printer).await
        }
        Command::Match(MatchCommand::Review(args)) => {
            match_review::review(args, &options(global, threads), printer).await
        }
        Command::Query(args) => query::query(args, &options(global, threads), printer).await,
    }
}

fn threads(global: &Global) -> usize {
    global.threads.map_or_else(|| std::thread::available_parallelism().map_or(1, std::num::NonZero::get), usize::from)
}

fn options(global: &Global, threads: usize) -> Options {
    let progress: Arc<dyn Progress> =
        if global.output == OutputFormat::Json { Arc::new(Silent) } else { Arc::from(progress::for_terminal()) };
    Options {
        project_dir: global.project.clone(),
        target: global.target.clone(),
        threads,
        memory_limit_bytes: global.memory_limit,
        environment: Arc::new(|name| std::env::var(name).ok()),
        clock: Arc::new(SystemClock),
        progress,
        faults: Arc::new(fault::EnvironmentFaults::read()),
        cancel: cancel_on_interrupt(),
    }
}

/// Cancelled by the first Ctrl-C, so that what was sent is written down; a second one ends the process at once.
fn cancel_on_interrupt() -> CancellationToken {
    let token = CancellationToken::new();
    let cancelled = token.clone();
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            cancelled.cancel();
            Printer::new(OutputFormat::Text).note("stopping; press Ctrl-C again to stop at once");
            if tokio::signal::ctrl_c().await.is_ok() {
                fault::kill_this_process();
            }
        }
    });
    token
}

/// Loads the project for a command that needs it whole. Prints what is wrong with it; if that is an error, tells how the command ends.
async fn load(options: &Options, printer: &Printer) -> Result<Result<Ready, Ended>, AppError> {
    let Loaded { sources, diagnostics, ready, unreachable } = kinfold_app::load(options).await?;
    printer.diagnostics(&diagnostics, &sources);
    Ok(ready.ok_or_else(|| {
        let ended = if unreachable { Ended::OutsideFailed } else { Ended::InputWrong };
        printer.failed_check(&diagnostics, &sources, ended);
        ended
    }))
}

fn start_logging(verbose: u8) {
    let level = match verbose {
        // What the table format's library logs, it also returns, and we say it in our own words.
        0 => "warn,deltalake_core=off,delta_kernel=off,buoyant_kernel=off,buoyant_kernel_engine=off",
        1 => "kinfold=info,kinfold_app=info,kinfold_sync=info,kinfold_engine=info,kinfold_state=info,warn",
        2 => {
            "kinfold=debug,kinfold_app=debug,kinfold_sync=debug,kinfold_engine=debug,kinfold_state=debug,\
             kinfold_connectors=debug,info,delta_kernel=warn,buoyant_kernel=warn,buoyant_kernel_engine=warn"
        }
        _ => "trace",
    };
    let filter = tracing_subscriber::EnvFilter::try_from_env("KINFOLD_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(level));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(verbose > 1)
        .init();
}
