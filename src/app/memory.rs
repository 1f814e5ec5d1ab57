//! How much memory there is.

use sysinfo::{MemoryRefreshKind, RefreshKind, System};

/// 60 % of the memory that this process may use: the machine's, or its control group's if that is less.
pub(crate) fn default_limit_bytes() -> u64 {
    let system =
        System::new_with_specifics(RefreshKind::nothing().with_memory(MemoryRefreshKind::nothing().with_ram()));
    let total = system.cgroup_limits().map_or(system.total_memory(), |c| c.total_memory.min(system.total_memory()));
    (total / 10 * 6).max(256 << 20)
}
