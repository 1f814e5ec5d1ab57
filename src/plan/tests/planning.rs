//! The plan as a graph.

use kinfold_lang::project::Entity;

use super::fixture::{input, project};
use crate::inspect::segment_members;
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
    // Were the log left out, nobody could ever tell who entered and left in that run.
    let segments = select(&plan, &["customer_segments".to_owned()]);
    assert!(segments.steps.iter().any(|s| s.name == "customer_segment_changes"));
}

#[test]
fn members_have_no_two_columns_of_one_name() {
    let mut entity = project().entities.remove(0);
    let members = |entity: &Entity| segment_members(entity, "readers", 5).to_string();
    assert!(members(&entity).contains(r#""s"."entered_at" AS "entered_at""#));
    entity.traits[0].name = "entered_at".to_owned();
    let sql = members(&entity);
    assert!(sql.contains(r#""s"."entered_at" AS "_entered_at""#), "{sql}");
    assert_eq!(sql.matches(r#" AS "entered_at""#).count(), 1, "{sql}");
}

#[test]
fn each_table_is_scanned_once_for_all_that_folds() {
    let plan = plan(&project(), &input());
    let scans = |table: &str| {
        let reads =
            |s: &&crate::Step| matches!(&s.work, Work::Table { query, .. } if query.to_string().contains(table));
        plan.steps.iter().filter(reads).map(|s| s.name.clone()).collect::<Vec<_>>()
    };
    // One for identity and everything that folds; one for what does not, one for rows with ids of their own; the others rank values.
    assert_eq!(
        scans("\"web\".\"events\""),
        [
            "_customer_2_events_rows",
            "_customer_4_events",
            "_customer_5_events",
            "_customer_8_events",
            "_customer_10_contacts"
        ]
    );
}
