//! Progress of long work: bars on a terminal, plain lines elsewhere.

use std::collections::HashMap;
use std::io::{IsTerminal, Write};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{HumanCount, HumanDuration, MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use kinfold_base::{PlannedTask, Progress, ProgressEvent};

/// How often a plain line may report a task that goes on.
const PLAIN_INTERVAL: Duration = Duration::from_secs(10);

/// The fitting kind: bars where standard error is a terminal, lines elsewhere.
pub(super) fn for_terminal() -> Box<dyn Progress> {
    if std::io::stderr().is_terminal() { Box::new(Bars::default()) } else { Box::new(Lines::default()) }
}

/// One bar for each task under way, with rows, rate, and the time left where the total is known; below them one for all tasks of
/// a plan.
#[derive(Debug)]
struct Bars {
    all: MultiProgress,
    state: Mutex<BarState>,
}

#[derive(Debug, Default)]
struct BarState {
    tasks: HashMap<String, ProgressBar>,
    whole: Option<Whole>,
}

impl Default for Bars {
    fn default() -> Self {
        Self {
            all: MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(10)),
            state: Mutex::new(BarState::default()),
        }
    }
}

impl Progress for Bars {
    fn is_forecast_shown(&self) -> bool {
        true
    }

    fn on(&self, event: ProgressEvent<'_>) {
        let mut state = self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let BarState { tasks, whole } = &mut *state;
        match event {
            ProgressEvent::Planned { tasks } => *whole = Some(Whole::new(&self.all, tasks)),
            ProgressEvent::Started { task, total_rows } => {
                let bar = match total_rows {
                    Some(total) => ProgressBar::new(total).with_style(style(
                        "  {spinner} {msg:32} {bar:24} {human_pos:>12} of {human_len} rows  {per_sec:>14}  {eta} left",
                    )),
                    None => ProgressBar::no_length()
                        .with_style(style("  {spinner} {msg:32} {human_pos:>12} rows  {per_sec:>14}  {elapsed}")),
                };
                let bar = match whole {
                    Some(whole) => self.all.insert_before(&whole.bar, bar),
                    None => self.all.add(bar),
                };
                let bar = bar.with_message(task.to_owned());
                bar.enable_steady_tick(Duration::from_millis(120));
                tasks.insert(task.to_owned(), bar);
            }
            ProgressEvent::Advanced { task, rows } => {
                if let Some(bar) = tasks.get(task) {
                    bar.set_position(rows);
                }
            }
            ProgressEvent::Finished { task, rows, note } => {
                if let Some(bar) = tasks.remove(task) {
                    let took = bar.elapsed().as_secs_f64();
                    bar.finish_and_clear();
                    let note = note.map(|note| format!("  ({note})")).unwrap_or_default();
                    let rows = HumanCount(rows).to_string();
                    let _ = self.all.println(format!("  \u{2713} {task:32} {rows:>12} rows  {took:>8.1} s{note}"));
                }
            }
            ProgressEvent::Failed { task } => {
                if let Some(bar) = tasks.remove(task) {
                    bar.finish_and_clear();
                    let _ = self.all.println(format!("  \u{2717} {task}"));
                }
            }
        }
        if let Some(known) = whole {
            let under_way = tasks.iter().map(|(name, bar)| (name.as_str(), bar.elapsed()));
            match event {
                ProgressEvent::Finished { task, .. } => known.finished(task),
                ProgressEvent::Failed { .. } => known.waiting.clear(),
                _ => {}
            }
            known.show(under_way);
            if known.waiting.is_empty() {
                known.bar.finish_and_clear();
                *whole = None;
            }
        }
    }
}

/// How far a plan has come.
#[derive(Debug)]
struct Whole {
    bar: ProgressBar,
    tasks: usize,
    /// What has not ended, and how long each took the last time.
    waiting: HashMap<String, Option<Duration>>,
    /// How long those that have ended took the last time.
    done: Duration,
}

impl Whole {
    fn new(all: &MultiProgress, tasks: &[PlannedTask]) -> Self {
        let bar =
            ProgressBar::new(tasks.len() as u64).with_style(style("  {bar:34} {pos} of {len} steps  {elapsed}{msg}"));
        let waiting = tasks.iter().map(|t| (t.name.clone(), t.took)).collect();
        let bar = all.add(bar);
        bar.enable_steady_tick(Duration::from_secs(1));
        Self { bar, tasks: tasks.len(), waiting, done: Duration::ZERO }
    }

    fn finished(&mut self, task: &str) {
        self.done += self.waiting.remove(task).flatten().unwrap_or_default();
    }

    fn show<'a>(&self, under_way: impl Iterator<Item = (&'a str, Duration)>) {
        self.bar.set_position((self.tasks - self.waiting.len()) as u64);
        if let Some(left) = self.left(under_way) {
            self.bar.set_message(format!(", about {} left", HumanDuration(left)));
        }
    }

    /// The time left, if all goes as fast as it has so far when held against the last time; none while nothing can be said.
    fn left<'a>(&self, under_way: impl Iterator<Item = (&'a str, Duration)>) -> Option<Duration> {
        let all: Option<Duration> = self.waiting.values().copied().sum();
        let begun = |(name, for_now): (&str, Duration)| {
            self.waiting.get(name).copied().flatten().map_or(Duration::ZERO, |took| took.min(for_now))
        };
        let begun: Duration = under_way.map(begun).sum();
        let (done, left) = (self.done + begun, all?.saturating_sub(begun));
        (done > Duration::ZERO).then(|| left.mul_f64(self.bar.elapsed().div_duration_f64(done)))
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
            ProgressEvent::Planned { .. } => None,
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
            ProgressEvent::Finished { task, rows, note } => tasks.remove(task).map(|t| {
                let note = note.map(|note| format!(" ({note})")).unwrap_or_default();
                format!("{task}: {rows} rows, {:.1} s{note}", t.started.elapsed().as_secs_f64())
            }),
            ProgressEvent::Failed { task } => tasks.remove(task).map(|_| format!("{task}: failed")),
        };
        if let Some(line) = line {
            let _ = writeln!(std::io::stderr(), "{line}");
        }
    }
}
