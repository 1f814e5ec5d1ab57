//! Progress of long work: bars on a terminal, plain lines elsewhere.

use std::collections::HashMap;
use std::io::{IsTerminal, Write};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{HumanCount, MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use kinfold_base::{Progress, ProgressEvent};

/// How often a plain line may report a task that goes on.
const PLAIN_INTERVAL: Duration = Duration::from_secs(10);

/// The fitting kind: bars where standard error is a terminal, lines elsewhere.
pub(super) fn for_terminal() -> Box<dyn Progress> {
    if std::io::stderr().is_terminal() { Box::new(Bars::default()) } else { Box::new(Lines::default()) }
}

/// One bar for each task under way: rows, rate, and the time left where the total is known.
#[derive(Debug)]
struct Bars {
    all: MultiProgress,
    tasks: Mutex<HashMap<String, ProgressBar>>,
}

impl Default for Bars {
    fn default() -> Self {
        Self {
            all: MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(10)),
            tasks: Mutex::new(HashMap::new()),
        }
    }
}

impl Progress for Bars {
    fn on(&self, event: ProgressEvent<'_>) {
        let mut tasks = self.tasks.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match event {
            ProgressEvent::Started { task, total_rows } => {
                let bar = match total_rows {
                    Some(total) => ProgressBar::new(total).with_style(style(
                        "  {spinner} {msg:32} {bar:24} {human_pos:>12} of {human_len} rows  {per_sec:>14}  {eta} left",
                    )),
                    None => ProgressBar::no_length()
                        .with_style(style("  {spinner} {msg:32} {human_pos:>12} rows  {per_sec:>14}  {elapsed}")),
                };
                let bar = self.all.add(bar.with_message(task.to_owned()));
                bar.enable_steady_tick(Duration::from_millis(120));
                tasks.insert(task.to_owned(), bar);
            }
            ProgressEvent::Advanced { task, rows } => {
                if let Some(bar) = tasks.get(task) {
                    bar.set_position(rows);
                }
            }
            ProgressEvent::Finished { task, rows } => {
                if let Some(bar) = tasks.remove(task) {
                    let took = bar.elapsed().as_secs_f64();
                    bar.finish_and_clear();
                    let _ = self.all.println(format!(
                        "  \u{2713} {task:32} {:>12} rows  {took:>8.1} s",
                        HumanCount(rows).to_string()
                    ));
                }
            }
            ProgressEvent::Failed { task } => {
                if let Some(bar) = tasks.remove(task) {
                    bar.finish_and_clear();
                    let _ = self.all.println(format!("  \u{2717} {task}"));
                }
            }
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// A line when a task ends, and one now and then while it goes on: what a log file wants.
#[derive(Debug, Default)]
struct Lines {
    tasks: Mutex<HashMap<String, LineTask>>,
}

#[derive(Debug)]
struct LineTask {
    started: Instant,
    told: Instant,
    total_rows: Option<u64>,
}

impl Progress for Lines {
    fn on(&self, event: ProgressEvent<'_>) {
        let mut tasks = self.tasks.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let line = match event {
            ProgressEvent::Started { task, total_rows } => {
                let now = Instant::now();
                tasks.insert(task.to_owned(), LineTask { started: now, told: now, total_rows });
                None
            }
            ProgressEvent::Advanced { task, rows } => tasks.get_mut(task).and_then(|t| {
                (t.told.elapsed() >= PLAIN_INTERVAL).then(|| {
                    t.told = Instant::now();
                    let of = t.total_rows.map(|n| format!(" of {n}")).unwrap_or_default();
                    format!("{task}: {rows}{of} rows so far, {:.1} s", t.started.elapsed().as_secs_f64())
                })
            }),
            ProgressEvent::Finished { task, rows } => {
                tasks.remove(task).map(|t| format!("{task}: {rows} rows, {:.1} s", t.started.elapsed().as_secs_f64()))
            }
            ProgressEvent::Failed { task } => tasks.remove(task).map(|_| format!("{task}: failed")),
        };
        if let Some(line) = line {
            let _ = writeln!(std::io::stderr(), "{line}");
        }
    }
}
