//! Crash points from the environment, for tests that kill the process: `KINFOLD_FAULT=<point>[:<n>]` ends it, as `kill -9`
//! does, when it passes that point for the n-th time.

use std::sync::atomic::{AtomicU32, Ordering};

use kinfold_base::{Faults, SendBeforeLedger};

/// What the environment asks for; without it, no faults.
#[derive(Debug, Default)]
pub(super) struct EnvironmentFaults {
    kill_at: Option<(String, u32)>,
    passed: AtomicU32,
    bug: bool,
}

impl EnvironmentFaults {
    pub(super) fn read() -> Self {
        let kill_at = std::env::var("KINFOLD_FAULT").ok().map(|value| match value.split_once(':') {
            Some((point, count)) => (point.to_owned(), count.parse().unwrap_or(1)),
            None => (value, 1),
        });
        let bug = std::env::var("KINFOLD_FAULT_BUG").is_ok_and(|v| v == "ledger-before-outcomes");
        Self { kill_at, passed: AtomicU32::new(0), bug }
    }
}

impl Faults for EnvironmentFaults {
    fn at(&self, point: &'static str) {
        let Some((wanted, count)) = &self.kill_at else { return };
        if wanted == point && self.passed.fetch_add(1, Ordering::SeqCst) + 1 == *count {
            kill_this_process();
        }
    }

    fn seeded_bug(&self) -> Option<SendBeforeLedger> {
        self.bug.then_some(SendBeforeLedger)
    }
}

/// Ends the process so that nothing is flushed and no destructor runs, as when the machine loses power. The signal comes from
/// outside, because sending it needs either unsafe code or another dependency; this thread waits for it.
pub(super) fn kill_this_process() -> ! {
    let _ = std::process::Command::new("kill").args(["-KILL", &std::process::id().to_string()]).status();
    // Where there is no `kill`, the nearest thing.
    std::process::abort()
}
