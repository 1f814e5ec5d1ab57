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
            // The signal cannot be caught: nothing is flushed and no destructor runs, as when the machine loses power.
            let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
            std::thread::park();
        }
    }

    fn seeded_bug(&self) -> Option<SendBeforeLedger> {
        self.bug.then_some(SendBeforeLedger)
    }
}
