//! A part of a plan.

use crate::step::{KeepTable, Plan, Work};

/// The steps of these names, all that they need, and the logs of what changes in their tables, in the plan's order. Names of no step are passed over.
#[must_use]
pub fn select(plan: &Plan, names: &[String]) -> Plan {
    let mut wanted: Vec<bool> = plan.steps.iter().map(|s| names.contains(&s.name)).collect();
    // Backwards, since what a step needs stands before it.
    for i in (0..plan.steps.len()).rev() {
        if wanted[i] {
            plan.steps[i].after.iter().for_each(|a| wanted[*a] = true);
        }
    }
    // A log of what changed in a table is written whenever the table is.
    for i in 0..plan.steps.len() {
        let is_log = matches!(&plan.steps[i].work, Work::Table { output, .. } if output.keep == KeepTable::Append);
        wanted[i] |= is_log && !plan.steps[i].after.is_empty() && plan.steps[i].after.iter().all(|a| wanted[*a]);
    }
    let place = |old: usize| wanted[..old].iter().filter(|w| **w).count();
    let steps = plan.steps.iter().zip(&wanted).filter(|(_, wanted)| **wanted).map(|(step, _)| {
        let mut step = step.clone();
        step.after.iter_mut().for_each(|a| *a = place(*a));
        step
    });
    Plan { steps: steps.collect(), previous: plan.previous.clone() }
}
