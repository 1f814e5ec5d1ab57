//! The plan as a graph.

use super::fixture::{input, project};
use crate::{Work, plan, select};

#[test]
fn the_same_project_gives_the_same_plan() {
    let text = || format!("{:?}", plan(&project(), &input()));
    assert_eq!(text(), text());
}

#[test]
fn steps_come_after_what_they_need() {
    let plan = plan(&project(), &input());
    for (i, step) in plan.steps.iter().enumerate() {
        assert!(step.after.iter().all(|a| *a < i), "{}", step.name);
    }
    let names: Vec<&str> = plan.steps.iter().map(|s| s.name.as_str()).collect();
    let unique: std::collections::BTreeSet<&str> = names.iter().copied().collect();
    assert_eq!(names.len(), unique.len());
}

#[test]
fn a_selection_holds_what_it_needs_and_nothing_else() {
    let plan = plan(&project(), &input());
    let customer = select(&plan, &["customer".to_owned()]);
    let names: Vec<&str> = customer.steps.iter().map(|s| s.name.as_str()).collect();
    assert!(names.contains(&"customer_identity") && names.contains(&"paid_orders"), "{names:?}");
    assert!(!names.contains(&"customer_segments"), "{names:?}");
    for (i, step) in customer.steps.iter().enumerate() {
        let whole = plan.steps.iter().find(|s| s.name == step.name).expect("it is in the plan");
        let needs = |plan: &crate::Plan, step: &crate::Step| {
            step.after.iter().map(|a| plan.steps[*a].name.clone()).collect::<Vec<_>>()
        };
        assert_eq!(needs(&plan, whole), needs(&customer, step));
        assert!(step.after.iter().all(|a| *a < i));
    }
    assert!(select(&plan, &["nothing".to_owned()]).steps.is_empty());
}

#[test]
fn each_table_is_scanned_once_for_all_that_folds() {
    let plan = plan(&project(), &input());
    let scans = |table: &str| {
        let reads =
            |s: &&crate::Step| matches!(&s.work, Work::Table { query, .. } if query.to_string().contains(table));
        plan.steps.iter().filter(reads).map(|s| s.name.clone()).collect::<Vec<_>>()
    };
    // One for identity and everything that folds; the others rank values.
    assert_eq!(scans("\"web\".\"events\""), ["_customer_2_events_rows", "_customer_6_events", "_customer_8_contacts"]);
}
