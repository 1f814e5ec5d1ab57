//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use jiff::Timestamp;

/// Kinfold turns customer data that is already in your lake into profiles, segments and audiences, from YAML in git.
#[derive(Debug, Parser)]
#[command(name = "kinfold", version, propagate_version = true, max_term_width = 100)]
pub(super) struct Cli {
    #[command(flatten)]
    pub(super) global: Global,
    #[command(subcommand)]
    pub(super) command: Command,
}

/// Options that hold for every command.
#[derive(Debug, Clone, Args)]
pub(super) struct Global {
    /// The project's folder, where kinfold.yml lies
    #[arg(long, global = true, value_name = "DIR", env = "KINFOLD_PROJECT", default_value = ".")]
    pub(super) project: PathBuf,

    /// Which of the project's targets to use
    #[arg(long, global = true, value_name = "NAME", env = "KINFOLD_TARGET")]
    pub(super) target: Option<String>,

    /// What to print on standard output: text for people, or one JSON object
    #[arg(long, global = true, value_enum, value_name = "FORMAT", default_value_t = OutputFormat::Text)]
    pub(super) output: OutputFormat,

    /// How many threads work at once [default: one for each processor]
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(super) threads: Option<u16>,

    /// How much memory queries may take before they spill to disk, such as 512MB or 4GiB [default: 60 % of the machine's]
    #[arg(long, global = true, value_name = "SIZE", value_parser = parse_size, env = "KINFOLD_MEMORY_LIMIT")]
    pub(super) memory_limit: Option<u64>,

    /// Say more on standard error: -v what is done, -vv how
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(super) verbose: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum OutputFormat {
    Text,
    Json,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make a new project that runs at once
    Init(InitArgs),
    /// Check the project and print everything that is wrong with it
    Check,
    /// Write each step's SQL under target/compiled/
    Compile(CompileArgs),
    /// Build profiles and segments, then deliver all syncs
    Run(RunArgs),
    /// Deliver syncs from the tables that the last run built
    Sync(SyncArgs),
    /// Look at one profile or one segment
    #[command(subcommand)]
    Show(ShowCommand),
    /// Tell why two values are one profile, or what holds a profile together
    #[command(after_help = EXPLAIN_EXAMPLES)]
    Explain(ExplainArgs),
    /// How an entity's identity fares, and what a change of its rules would do
    #[command(subcommand)]
    Identity(IdentityCommand),
    /// Match records that share no identifier
    #[command(subcommand)]
    Match(MatchCommand),
    /// Run a SQL query over sources, models and Kinfold's tables
    Query(QueryArgs),
    /// Print the JSON schema of the YAML files, for editors
    Schema,
}

#[derive(Debug, Args)]
pub(super) struct InitArgs {
    /// The folder to make; it must be empty or not exist
    #[arg(value_name = "DIR")]
    pub(super) dir: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct CompileArgs {
    /// The instant that every `within` counts from [default: now]
    #[arg(long, value_name = "TIME", value_parser = instant)]
    pub(super) as_of: Option<Timestamp>,

    /// How to spell the SQL
    #[arg(long, value_enum, value_name = "NAME", default_value_t = DialectName::Datafusion)]
    pub(super) dialect: DialectName,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum DialectName {
    Datafusion,
    Postgresql,
}

#[derive(Debug, Args)]
pub(super) struct RunArgs {
    /// Build only these steps, tables, traits' entities or segments, and what they need; deliver only the syncs named
    #[arg(long, value_name = "NAME", num_args = 1..)]
    pub(super) select: Vec<String>,

    /// Build tables, deliver nothing
    #[arg(long)]
    pub(super) no_sync: bool,

    /// Check and plan, then list what would be built, and change nothing; what would be sent, `sync --dry-run` says
    #[arg(long)]
    pub(super) dry_run: bool,

    /// The instant that every `within` counts from, such as 2026-01-31T00:00:00Z [default: now]
    #[arg(long, value_name = "TIME", value_parser = instant)]
    pub(super) as_of: Option<Timestamp>,

    /// Read all sources anew for identities, instead of only what changed since the last run; the result is the same
    #[arg(long)]
    pub(super) full: bool,
}

#[derive(Debug, Args)]
pub(super) struct SyncArgs {
    /// The syncs to deliver [default: all]
    #[arg(value_name = "NAME")]
    pub(super) names: Vec<String>,

    /// Only syncs whose `schedule` has come since they were last done
    #[arg(long)]
    pub(super) due: bool,

    /// Count what would be sent and show the first rows; send nothing
    #[arg(long)]
    pub(super) dry_run: bool,

    /// Send every row again, whatever was acknowledged before
    #[arg(long)]
    pub(super) full: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum MatchCommand {
    /// Learn without labels what each comparison says, and write it to models/ENTITY.match.yml
    Train(MatchTrainArgs),
    /// Hold what was learned against pairs that somebody has labelled: precision, recall, F1
    Evaluate(MatchEntityArgs),
    /// Write one HTML page with charts of what was learned and what came of it
    Report(MatchReportArgs),
    /// Look at pairs of which the model is in doubt, and write what you decide as pins to models/ENTITY.pins.yml
    #[command(after_help = REVIEW_EXAMPLES)]
    Review(MatchReviewArgs),
}

#[derive(Debug, Args)]
pub(super) struct MatchTrainArgs {
    /// The entity [default: the only one with a `match`]
    #[arg(value_name = "ENTITY")]
    pub(super) entity: Option<String>,

    /// Show what was learned; write nothing
    #[arg(long)]
    pub(super) dry_run: bool,

    /// Write the model even where something of it is in doubt
    #[arg(long)]
    pub(super) carry_on: bool,
}

#[derive(Debug, Args)]
pub(super) struct MatchEntityArgs {
    /// The entity [default: the only one with a `match`]
    #[arg(value_name = "ENTITY")]
    pub(super) entity: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct MatchReportArgs {
    /// The entity [default: the only one with a `match`]
    #[arg(value_name = "ENTITY")]
    pub(super) entity: Option<String>,

    /// Where to write the page [default: target/ENTITY.match.html]
    #[arg(long, value_name = "FILE")]
    pub(super) html: Option<PathBuf>,
}

const REVIEW_EXAMPLES: &str = "Examples:
  kinfold match review                                 the likeliest pairs first, one key for each answer
  kinfold match review --order doubtful --limit 20     20 pairs of which the model knows least
  kinfold match review --output json                   pairs and what their records hold; nobody is asked";

#[derive(Debug, Args)]
pub(super) struct MatchReviewArgs {
    /// The entity [default: the only one with a `match`]
    #[arg(value_name = "ENTITY")]
    pub(super) entity: Option<String>,

    /// Which pairs come first: the likeliest, or those nearest to as likely as not
    #[arg(long, value_enum, value_name = "ORDER", default_value_t = ReviewOrderName::Likely)]
    pub(super) order: ReviewOrderName,

    /// Look at so many pairs and no more [default: all; 20 as JSON]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(super) limit: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum ReviewOrderName {
    Likely,
    Doubtful,
}

#[derive(Debug, Subcommand)]
pub(super) enum ShowCommand {
    /// A profile: its identifiers, traits and segments
    Profile(ShowProfileArgs),
    /// A segment: its size, some members, and who entered and left in the last run
    Segment(ShowSegmentArgs),
}

#[derive(Debug, Args)]
pub(super) struct ShowProfileArgs {
    /// An identifier and its value, such as email=ada@example.com, or a profile_id
    #[arg(value_name = "IDENTIFIER=VALUE")]
    pub(super) identifier: String,

    /// The entity to look in [default: the only one, or the first that has such an identifier]
    #[arg(long, value_name = "NAME")]
    pub(super) entity: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct ShowSegmentArgs {
    #[arg(value_name = "NAME")]
    pub(super) name: String,

    /// How many members to show
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(0..=10_000))]
    pub(super) limit: u32,
}

const EXPLAIN_EXAMPLES: &str = "Examples:
  kinfold explain email=ada@example.com phone=+905321234567
      The shortest chain of edges between two values
  kinfold explain email=ada@example.com
      What holds her profile together, the weakest link first
  kinfold explain 5bwq6xc5twyb --svg profile.svg
      The same by profile_id, and drawn into a file";

#[derive(Debug, Args)]
pub(super) struct ExplainArgs {
    /// Two identifiers with their values, such as email=ada@example.com, or one such or a profile_id
    #[arg(value_name = "IDENTIFIER=VALUE|PROFILE_ID", required = true, num_args = 1..=2)]
    pub(super) wanted: Vec<String>,

    /// The entity to look in [default: the only one, or the first that has such identifiers]
    #[arg(long, value_name = "NAME")]
    pub(super) entity: Option<String>,

    /// Draw the graph into this file, too, as SVG
    #[arg(long, value_name = "FILE")]
    pub(super) svg: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(super) enum IdentityCommand {
    /// Profiles by size, the largest ones, edges, refused and shared values, and how each changed since the run before
    Report(IdentityReportArgs),
    /// Build the project as it is now and as it was in a commit over the same data, and list profiles merged, split, created and
    /// gone, and the effect on each segment; no table is changed
    #[command(after_help = DIFF_EXAMPLES)]
    Diff(IdentityDiffArgs),
}

#[derive(Debug, Args)]
pub(super) struct IdentityReportArgs {
    /// The entity to report on [default: the first]
    #[arg(long, value_name = "NAME")]
    pub(super) entity: Option<String>,
}

const DIFF_EXAMPLES: &str = "Examples:
  kinfold identity diff --base main                    what the changes on this branch would do
  kinfold identity diff --base HEAD --markdown         the uncommitted changes, as a comment for a pull request";

#[derive(Debug, Args)]
pub(super) struct IdentityDiffArgs {
    /// The branch, tag or commit to compare with
    #[arg(long, value_name = "GIT_REF")]
    pub(super) base: String,

    /// How many profiles to show of each kind of change
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(0..=1000))]
    pub(super) examples: u32,

    /// Print Markdown, for a pull request
    #[arg(long, conflicts_with = "output")]
    pub(super) markdown: bool,

    /// The instant that every `within` counts from [default: now]
    #[arg(long, value_name = "TIME", value_parser = instant)]
    pub(super) as_of: Option<Timestamp>,
}

#[derive(Debug, Args)]
pub(super) struct QueryArgs {
    /// One SELECT statement
    #[arg(value_name = "SQL")]
    pub(super) sql: String,

    /// Show at most so many rows; a sync or a model delivers more
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(super) limit: u32,
}

/// Bytes from `512MB`, `4GiB`, `1.5G` or a bare number of bytes.
fn parse_size(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: f64 = number.parse().map_err(|_| format!("`{text}` is not a size; write for example 512MB or 4GiB"))?;
    let factor: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1_000,
        "k" | "kib" => 1 << 10,
        "mb" => 1_000_000,
        "m" | "mib" => 1 << 20,
        "gb" => 1_000_000_000,
        "g" | "gib" => 1 << 30,
        "tb" => 1_000_000_000_000,
        "t" | "tib" => 1 << 40,
        other => return Err(format!("`{other}` is not a unit of size; use B, KB, MB, GB, KiB, MiB or GiB")),
    };
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a size needs no more than 52 bits"
    )]
    let bytes = (number * factor as f64) as u64;
    if bytes < 16 << 20 { Err("the memory limit must be at least 16MiB".into()) } else { Ok(bytes) }
}

fn instant(text: &str) -> Result<Timestamp, String> {
    kinfold_base::parse_instant(text).ok_or_else(|| "write `2026-01-31` or `2026-01-31T12:00:00Z`".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn sizes_have_units() {
        assert_eq!(parse_size("512MB"), Ok(512_000_000));
        assert_eq!(parse_size("1.5GiB"), Ok(1_610_612_736));
        assert!(parse_size("5 parsecs").is_err_and(|e| e.contains("not a unit")));
        assert!(parse_size("many").is_err());
        assert!(parse_size("1KB").is_err_and(|e| e.contains("at least")));
    }
}
