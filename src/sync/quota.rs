//! How fast a credential may be used. Every attempt spends quota, retries too, and all syncs to one destination share it.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use governor::DefaultDirectRateLimiter;
use tokio::time::Instant;

/// The quota of one credential.
#[derive(Debug)]
pub struct Quota {
    limiter: Option<DefaultDirectRateLimiter>,
    /// Nothing is sent before this instant: a tool said `Retry-After`.
    paused_until: Mutex<Option<Instant>>,
}

impl Quota {
    /// At most so many attempts in a second, evenly spread; `None` is no limit.
    #[must_use]
    pub fn new(requests_per_second: Option<u32>) -> Self {
        let limiter = requests_per_second.and_then(NonZeroU32::new).map(|n| {
            // No burst: many tools count in windows shorter than the one that they document.
            let quota = governor::Quota::per_second(n).allow_burst(NonZeroU32::MIN);
            DefaultDirectRateLimiter::direct(quota)
        });
        Self { limiter, paused_until: Mutex::new(None) }
    }

    /// Waits until one more attempt is allowed, and spends it.
    pub(crate) async fn spend(&self) {
        loop {
            while let Some(until) = self.paused() {
                tokio::time::sleep_until(until).await;
            }
            if let Some(limiter) = &self.limiter {
                limiter.until_ready().await;
            }
            // A pause may have begun while this attempt waited for its turn.
            if self.paused().is_none() {
                break;
            }
        }
    }

    /// Until when nothing may be sent, if that is still to come.
    fn paused(&self) -> Option<Instant> {
        let until = *self.paused_until.lock().unwrap_or_else(PoisonError::into_inner);
        until.filter(|until| *until > Instant::now())
    }

    /// Keeps everyone who shares the quota from sending for so long.
    pub(crate) fn pause(&self, wait: Duration) {
        let until = Instant::now() + wait;
        let mut paused = self.paused_until.lock().unwrap_or_else(PoisonError::into_inner);
        *paused = Some(paused.map_or(until, |p| p.max(until)));
    }
}

/// The quotas of a process, by destination.
#[derive(Debug, Default)]
pub struct Quotas(Mutex<HashMap<String, Arc<Quota>>>);

impl Quotas {
    /// The quota of a destination's credential; the first caller's limit holds.
    #[must_use]
    pub fn of(&self, destination: &str, requests_per_second: Option<u32>) -> Arc<Quota> {
        let mut quotas = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(quotas.entry(destination.to_owned()).or_insert_with(|| Arc::new(Quota::new(requests_per_second))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_pause_holds_for_everyone_who_shares_the_quota() {
        let quotas = Quotas::default();
        quotas.of("crm", None).pause(Duration::from_millis(60));
        let start = Instant::now();
        quotas.of("other", None).spend().await;
        assert!(start.elapsed() < Duration::from_millis(60));
        quotas.of("crm", None).spend().await;
        assert!(start.elapsed() >= Duration::from_millis(60));
    }

    #[tokio::test]
    async fn a_pause_holds_for_those_who_wait_for_their_turn_already() {
        let quota = Quota::new(Some(20));
        quota.spend().await;
        let start = Instant::now();
        let second = quota.spend();
        let pause = async { quota.pause(Duration::from_millis(150)) };
        futures::join!(second, pause);
        assert!(start.elapsed() >= Duration::from_millis(150), "{:?}", start.elapsed());
    }

    #[tokio::test]
    async fn attempts_are_spread_over_the_second() {
        let quota = Quota::new(Some(50));
        let start = std::time::Instant::now();
        for _ in 0..6 {
            quota.spend().await;
        }
        assert!(start.elapsed() >= Duration::from_millis(95), "{:?}", start.elapsed());
    }
}
