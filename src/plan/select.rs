//! A part of a plan.

use crate::step::Plan;

/// The steps of these names, all that they need, and what carries their tables' past on, in the plan's order. Names of no step are
/// passed over.
#[must_use]
pub fn select(plan: &Plan, names: &[String]) -> Plan {
    let mut wanted: Vec<bool> = plan.steps.iter().map(|s| names.contains(&s.name)).collect();
    // Backwards, since what a step needs stands before it.
    for i in (0..plan.steps.len()).rev() {
        if wanted[i] {
            plan.steps[i].after.iter().for_each(|a| wanted[*a] = true);
        }
    }
    for (i, step) in plan.steps.iter().enumerate() {
        wanted[i] |= step.carries_on && !step.after.is_empty() && step.after.iter().all(|a| wanted[*a]);
    }
    let place = |old: usize| wanted[..old].iter().filter(|w| **w).count();
    let steps = plan.steps.iter().zip(&wanted).filter(|(_, wanted)| **wanted).map(|(step, _)| {
        let mut step = step.clone();
        step.after.iter_mut().for_each(|a| *a = place(*a));
        step
    });
    Plan { steps: steps.collect(), previous: plan.previous.clone() }
}
