//! From a folder to a project that can run: files are read, schemas asked for, everything checked.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use futures::{StreamExt, stream};
use kinfold_base::{Clock, Diagnostic, Faults, Progress, RunId, SourceMap, Timestamp};
use kinfold_engine::{Engine, ErrorKind, Gap, LakeEngine, LakeOptions, Stores};
use kinfold_lang::project::Project;
use kinfold_lang::{CheckInput, check_pinned};
use kinfold_plan::{Plan, PlanInput, Work, entity_tables, log_tables, plan, render};

use tokio_util::sync::CancellationToken;

use crate::{AppError, files, memory, pins, secrets};

/// Looks up an environment variable.
pub type Environment = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// How many sources are looked at at once.
const SCHEMAS_AT_ONCE: usize = 8;

/// What holds for every use case.
#[derive(Clone)]
pub struct Options {
    pub project_dir: PathBuf,
    pub target: Option<String>,
    pub threads: usize,
    /// What queries may hold in memory before they spill; 60 % of the machine's where absent.
    pub memory_limit_bytes: Option<u64>,
    pub environment: Environment,
    pub clock: Arc<dyn Clock>,
    pub progress: Arc<dyn Progress>,
    pub faults: Arc<dyn Faults>,
    /// Once cancelled, syncs stop sending and end cleanly.
    pub cancel: CancellationToken,
}

/// What came of reading and checking a folder.
pub struct Loaded {
    pub sources: SourceMap,
    pub diagnostics: Vec<Diagnostic>,
    /// Absent if any diagnostic is an error.
    pub ready: Option<Ready>,
    /// A source could not be reached, through no fault of the project's files.
    pub unreachable: bool,
}

/// A checked project and an engine that knows its sources.
pub struct Ready {
    pub(crate) options: Options,
    pub(crate) project: Arc<Project>,
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) stores: Arc<Stores>,
}

/// Reads and checks the project.
///
/// # Errors
/// When there is no project, or the engine cannot start. What is wrong inside the project is a diagnostic.
pub async fn load(options: &Options) -> Result<Loaded, AppError> {
    let options = absolute(options)?;
    let (sources, diagnostics) = files::read(&options.project_dir)?;
    check(options, sources, diagnostics).await
}

/// The project as it was in a commit of its git repository; paths of data are still those of the project's folder.
///
/// # Errors
/// As [`load`], or when there is no such commit.
pub(crate) async fn load_commit(options: &Options, commit: &str) -> Result<Loaded, AppError> {
    let options = absolute(options)?;
    let (sources, diagnostics) = files::read_commit(&options.project_dir, commit)?;
    check(options, sources, diagnostics).await
}

fn absolute(options: &Options) -> Result<Options, AppError> {
    let project_dir = std::path::absolute(&options.project_dir)
        .map_err(|e| AppError::input(format!("cannot use the folder {}: {e}", options.project_dir.display())))?;
    Ok(Options { project_dir, ..options.clone() })
}

async fn check(options: Options, sources: SourceMap, mut diagnostics: Vec<Diagnostic>) -> Result<Loaded, AppError> {
    let parsed = kinfold_lang::parse(&sources);
    let environment = Arc::clone(&options.environment);
    let lookup = move |name: &str| environment(name);
    let setup = parsed.setup(&options.project_dir, options.target.as_deref(), &lookup);

    let secret_options = options.clone();
    let lake = LakeEngine::open(LakeOptions {
        location: setup.lake.location.clone(),
        storage: setup.storage.clone(),
        secrets: Arc::new(move |r| secrets::read(r, &secret_options.environment, &secret_options.project_dir)),
        threads: options.threads,
        memory_limit_bytes: Some(options.memory_limit_bytes.unwrap_or_else(memory::default_limit_bytes)),
        scratch_dir: std::env::temp_dir(),
        clock: Arc::clone(&options.clock),
    })?;
    let stores = lake.stores();
    let engine: Arc<dyn Engine> = Arc::new(lake);

    let found: Vec<_> = stream::iter(&setup.sources)
        .map(|source| {
            let engine = Arc::clone(&engine);
            async move { (source.name.clone(), engine.source_schema(source).await) }
        })
        .buffer_unordered(SCHEMAS_AT_ONCE)
        .collect()
        .await;
    let unreachable = found.iter().any(|(_, schema)| schema.as_ref().is_err_and(|e| e.kind == ErrorKind::Outside));
    let schemas: BTreeMap<_, _> =
        found.into_iter().map(|(name, schema)| (name, schema.map_err(|e| describe(&e)))).collect();
    let checked = kinfold_lang::check(
        &parsed,
        &CheckInput {
            schemas,
            connectors: kinfold_connectors::specs(),
            target: options.target.as_deref(),
            project_dir: &options.project_dir,
            env: &lookup,
        },
    );
    diagnostics.extend(checked.diagnostics);
    for entity in checked.project.iter().flat_map(|project| &project.entities) {
        diagnostics.extend(check_pinned(entity, &pins::forms(engine.as_ref(), entity).await?));
    }
    let broken = diagnostics.iter().any(Diagnostic::is_error);
    let ready = match checked.project {
        Some(project) if !broken => {
            engine.open_sources(&project.sources).await?;
            Some(Ready { options, project: Arc::new(project), engine, stores })
        }
        _ => None,
    };
    Ok(Loaded { sources, diagnostics, ready, unreachable })
}

fn describe(error: &kinfold_engine::EngineError) -> String {
    match &error.hint {
        Some(hint) => format!("{}; {hint}", error.message),
        None => error.message.clone(),
    }
}

impl Ready {
    /// Everything that one run builds.
    pub(crate) fn plan(&self, as_of: Timestamp, run_id: &RunId) -> Plan {
        self.plan_onward(as_of, run_id, BTreeSet::new())
    }

    /// As [`Ready::plan`], for entities of which the last run's records are known.
    pub(crate) fn plan_onward(&self, as_of: Timestamp, run_id: &RunId, matched_before: BTreeSet<String>) -> Plan {
        plan(&self.project, &PlanInput { as_of, run_id: run_id.clone(), matched_before })
    }

    /// Makes what the last run committed known to the engine, and tells what the project has and that run had not.
    pub(crate) async fn open_previous(&self) -> Result<Vec<Gap>, AppError> {
        let mut tables = log_tables();
        for entity in &self.project.entities {
            tables.extend(entity_tables(entity));
        }
        Ok(self.engine.open_previous(&tables).await?)
    }

    /// Makes models, and what the last run committed, known to the engine: all that can be read without a run.
    pub(crate) async fn open_tables(&self) -> Result<Vec<Gap>, AppError> {
        let gaps = self.open_previous().await?;
        // Views hold no instant, so any will do.
        for step in self.plan(Timestamp::UNIX_EPOCH, &RunId::from(String::new())).steps {
            if let Work::View { name, query } = step.work {
                self.engine.create_view(&name, &render(&query, self.engine.dialect())).await?;
            }
        }
        Ok(gaps)
    }
}
