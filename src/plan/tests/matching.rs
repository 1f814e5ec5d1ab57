//! Matching: what is compiled, as text beside files that somebody has read, and what must hold of it.

use std::fmt::Write;

use kinfold_base::{Column, SignedDuration, SqlType};
use kinfold_lang::project::{
    BlockOn, Blocking, Comparison, Entity, EntityTable, Level, LevelTest, Linkage, Match, MatchModel, MatchPairs,
    MatchTable, MatchTraining, TableName,
};

use super::fixture::{SPAN, expr, input, project};
use super::golden::check;
use crate::matching::{all_pairs, draw, fingerprint, pass_sizes, passes, random_pairs, samples, training};
use crate::{Dialect, PlanInput, StepKind, Work, plan, render};

fn level(test: LevelTest) -> Level {
    Level { label: format!("{test:?}"), test }
}

fn comparison(name: &str, column: Option<usize>, levels: Vec<LevelTest>, term_frequency: bool) -> Comparison {
    let levels = levels.into_iter().map(level).collect();
    Comparison { name: name.to_owned(), column, levels, term_frequency, span: SPAN }
}

fn keys(keys: &[&str], columns: &[usize]) -> Blocking {
    let on = BlockOn::Keys(keys.iter().map(|key| expr(key)).collect());
    Blocking { label: keys.join(", "), on, columns: columns.to_vec() }
}

fn swapped() -> Blocking {
    let condition =
        r#""l"."first" = "r"."last" AND ("l"."last" = "r"."first" AND "l"."born" = "r"."born") AND "l"."lat" < 5"#;
    Blocking { label: "swapped".to_owned(), on: BlockOn::Where(expr(condition)), columns: vec![0, 1, 2, 3] }
}

/// `first` 0, `last` 1, `born` 2, `lat` 3, `lon` 4, `tags` 5.
pub(super) fn matching() -> Match {
    let column = |name: &str, ty| Column { name: name.to_owned(), ty };
    let table = |name: TableName, id: (usize, &str), columns: [Option<&str>; 6], is_unique| MatchTable {
        table: name,
        id: (id.0, expr(id.1)),
        columns: columns.iter().map(|column| column.map(expr)).collect(),
        is_unique,
        span: SPAN,
    };
    let contacts =
        [Some("lower(\"name\")"), Some("\"family\""), Some("\"born\""), Some("\"lat\""), Some("\"lon\""), None];
    let buyers = [Some("\"first\""), Some("\"last\""), Some("\"born\""), None, None, Some("\"tags\"")];
    Match {
        tables: vec![
            table(TableName::qualified("crm", "contacts"), (1, "\"id\""), contacts, true),
            table(TableName::bare("paid_orders"), (0, "\"user_id\""), buyers, false),
        ],
        columns: vec![
            column("first", SqlType::Text),
            column("last", SqlType::Text),
            column("born", SqlType::Date),
            column("lat", SqlType::Float),
            column("lon", SqlType::Float),
            column("tags", SqlType::List(Box::new(SqlType::Text))),
        ],
        comparisons: vec![
            comparison(
                "first",
                Some(0),
                vec![
                    LevelTest::Exact,
                    LevelTest::JaroWinkler("0.92".to_owned()),
                    LevelTest::JaroWinkler("0.8".to_owned()),
                ],
                true,
            ),
            comparison(
                "last",
                Some(1),
                vec![
                    LevelTest::Exact,
                    LevelTest::Swapped(0),
                    LevelTest::Prefix(3),
                    LevelTest::Until("-".to_owned()),
                    LevelTest::Levenshtein(2),
                    LevelTest::Sql(expr(r#""l"."first" LIKE "r"."last""#)),
                ],
                false,
            ),
            comparison(
                "born",
                Some(2),
                vec![
                    LevelTest::Exact,
                    LevelTest::DayMonthSwapped,
                    LevelTest::DamerauLevenshtein(1),
                    LevelTest::Within(SignedDuration::from_hours(24)),
                ],
                false,
            ),
            comparison(
                "place",
                None,
                vec![LevelTest::Distance { latitude: 3, longitude: 4, km: "5".to_owned() }],
                false,
            ),
            comparison("lat", Some(3), vec![LevelTest::Difference("0.5".to_owned())], false),
            comparison("tags", Some(5), vec![LevelTest::Intersect(2), LevelTest::Intersect(1)], false),
        ],
        block_on: vec![keys(&["\"last\"", "\"born\""], &[1, 2]), swapped(), keys(&["left(\"first\", 3)"], &[0])],
        pairs: MatchPairs::All,
        accept: 0.99,
        review: 0.5,
        max_pairs: 1_000_000,
        max_block: 500,
        linkage: Linkage::Average,
        one_to_one: true,
        labels: None,
        training: MatchTraining {
            block_on: vec![keys(&["\"born\""], &[2])],
            certain: vec![keys(&["\"first\"", "\"last\"", "\"born\""], &[0, 1, 2]), keys(&["\"tags\""], &[5])],
            recall: 0.8,
            random_pairs: 1000,
            pass_pairs: 500,
        },
        model: Some(MatchModel {
            prior: 0.001,
            levels: [4, 7, 5, 2, 2, 3].map(|levels| vec![(0.5, 0.25); levels]).to_vec(),
        }),
        span: SPAN,
    }
}

pub(super) fn person() -> Entity {
    Entity { matching: Some(matching()), ..project().entities.remove(0) }
}

fn compiled(dialect: Dialect) -> String {
    let mut project = project();
    project.entities = vec![person()];
    let mut out = String::new();
    let mut add = |title: &str, sql: &str| write!(out, "-- {title}\n{sql};\n\n").expect("strings take everything");
    for step in plan(&project, &input()).steps {
        match &step.work {
            Work::Table { query, .. } if step.kind == StepKind::Matching => add(&step.name, &render(query, dialect)),
            Work::Bound { query, most, common } => {
                add(&format!("at most {most} pairs"), &render(query, dialect));
                add("left out", &render(common.as_ref().expect("there are rules"), dialect));
            }
            Work::Resolve(resolve) => {
                let matches = resolve.matches.as_ref().expect("it was learned");
                add("matches", &render(&matches.query, dialect));
                add("matches that changed", &render(&matches.changes, dialect));
            }
            _ => {}
        }
    }
    let onward = PlanInput { matched_before: ["customer".to_owned()].into(), ..input() };
    for step in plan(&project, &onward).steps {
        // What differs from a run that matches anew.
        let of_matching = ["_customer_keys", "_customer_pairs_0", "_customer_pairs"].contains(&step.name.as_str());
        if let (Work::Table { query, .. }, true) = (&step.work, of_matching) {
            add(&format!("onward: {}", step.name), &render(query, dialect));
        }
    }
    let training = training(&person(), &matching());
    for (output, query) in &training.tables {
        add(&format!("training: {}", output.name), &render(query, dialect));
    }
    add("training: sizes", &render(&training.sizes, dialect));
    let of = |bound: u64| passes(&person(), &matching(), &[bound]).expect("there is a pass");
    assert!(pass_sizes(&person(), &matching(), &[500]).is_none(), "it finds no more than are learned from");
    let sizes = pass_sizes(&person(), &matching(), &[2_000_001]).expect("it may find more");
    add("training: how many pairs a pass finds", &render(&sizes, dialect));
    let passes = of(500);
    add("training: pairs of passes", &render(&passes.found.1, dialect));
    add("training: the same, of many", &render(&of(1001).found.1, dialect));
    add("training: their levels", &render(&passes.patterns, dialect));
    add("training: certain pairs", &render(training.certain.as_ref().expect("some are given"), dialect));
    add("training: records drawn", &render(&draw(&person(), &[20, 30]).1, dialect));
    add("training: random pairs", &render(&random_pairs(&person(), &matching()), dialect));
    out
}

#[test]
fn matching_on_datafusion() {
    check("matching.datafusion.sql", &compiled(Dialect::DataFusion));
}

#[test]
fn matching_on_postgres() {
    check("matching.postgres.sql", &compiled(Dialect::PostgreSql));
}

#[test]
fn nothing_is_matched_before_it_is_learned() {
    let mut project = project();
    project.entities = vec![person()];
    let with = plan(&project, &input()).steps.len();
    project.entities[0].matching.as_mut().expect("it has one").model = None;
    let plan = plan(&project, &input());
    assert!(plan.steps.len() < with);
    assert!(plan.steps.iter().all(|step| step.kind != StepKind::Matching));
    let names: Vec<String> = crate::entity_tables(&project.entities[0]).into_iter().map(|(name, _)| name).collect();
    assert!(!names.contains(&EntityTable::Matches.of("customer")), "{names:?}");
}

#[test]
fn a_pass_learns_what_it_leaves_open() {
    let learns = |matching: &Match| passes(&person(), matching, &[]).expect("there is a pass").all[0].learns.clone();
    // By date of birth: of it alone nothing is learned.
    assert_eq!(learns(&matching()), [true, true, false, true, true, true]);
    let mut other = matching();
    other.training.block_on = vec![keys(&["\"first\""], &[0])];
    // The last name may be exchanged with the first.
    assert_eq!(learns(&other), [false, false, true, true, true, true]);
}

#[test]
fn a_pass_of_many_pairs_learns_from_a_part_of_them() {
    let one_in = |sizes: &[u64]| passes(&person(), &matching(), sizes).expect("there is a pass").all[0].one_in;
    // At most 500, says the project.
    for (sizes, expected) in [(vec![], 1), (vec![0], 1), (vec![500], 1), (vec![501], 2), (vec![50_000], 100)] {
        assert_eq!(one_in(&sizes), expected, "{sizes:?}");
    }
}

#[test]
fn a_run_does_not_go_on_where_other_pairs_would_be_made() {
    let entity = person();
    let model = entity.matching.as_ref().and_then(|matching| matching.model.clone()).expect("it is learned");
    let said = |change: &dyn Fn(&mut Match)| {
        let mut matching = matching();
        change(&mut matching);
        fingerprint(&entity, &matching, &model)
    };
    let plain = said(&|_| ());
    assert_eq!(said(&|matching| matching.accept = 0.999), plain);
    let of_rule = |rule: usize, from: &str, to: &str| {
        said(&|matching| match &mut matching.block_on[rule].on {
            BlockOn::Keys(keys) => keys[0] = expr(&keys[0].to_string().replace(from, to)),
            BlockOn::Where(condition) => *condition = expr(&condition.to_string().replace(from, to)),
        })
    };
    assert_eq!(of_rule(1, "nothing", "anything"), plain);
    for changed in [
        said(&|matching| matching.review /= 2.0),
        said(&|matching| matching.max_block += 1),
        said(&|matching| matching.pairs = MatchPairs::Within),
        of_rule(2, "3", "2"),
        // What both have alike, what one has as the other has something else, and what is asked besides.
        of_rule(1, r#""l"."born" = "r"."born""#, r#""l"."lat" = "r"."lat""#),
        of_rule(1, r#""l"."first" = "r"."last""#, r#""l"."first" = "r"."tags""#),
        of_rule(1, r#""l"."lat" < 5"#, r#""l"."lat" < 6"#),
    ] {
        assert_ne!(changed, plain);
    }
}

#[test]
fn pairs_are_counted_and_drawn_by_which_tables_are_compared() {
    let sizes = [10, 20];
    let with = |pairs| Match { pairs, ..matching() };
    assert_eq!(all_pairs(&with(MatchPairs::All), &sizes), 30 * 29 / 2);
    assert_eq!(all_pairs(&with(MatchPairs::Across), &sizes), 200);
    assert_eq!(all_pairs(&with(MatchPairs::Within), &sizes), 45 + 190);
    assert_eq!(samples(&with(MatchPairs::All), &sizes), [10, 20], "all are fewer than are wanted");
    let drawn = samples(&with(MatchPairs::All), &[100_000, 300_000]);
    assert_eq!(drawn, [12, 34]);
    assert!((1000..1100).contains(&all_pairs(&with(MatchPairs::All), &drawn)));
}
