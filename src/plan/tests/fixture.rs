//! A small shop, as the language would have checked it.

use std::collections::BTreeSet;

use kinfold_base::{FileId, RunId, SignedDuration, Span, SqlType, SyncMode, TableSchema, Timestamp};
use kinfold_lang::project::{
    AggregateValue, Block, ColumnRule, ColumnTest, Condition, Entity, Field, Format, Freshness, Guard, Identifier,
    IdentifierType, Keep, Lake, Limit, Link, Literal, MaxCluster, Model, Nulls, OnLeave, PickSource, Pin, PinKind,
    Project, RowSet, Segment, SourceTable, Sync, SyncRows, TableName, Test, Top, TopCount, Trait, TraitBody, Window,
};
use sqlparser::ast::{Expr, Query, Statement};
use sqlparser::dialect::GenericDialect;
use sqlparser::parser::Parser;

use crate::PlanInput;

pub(super) const SPAN: Span = Span { file: FileId(0), start: 0, end: 0 };
const DAY: i64 = 24;

pub(super) fn input() -> PlanInput {
    let as_of: Timestamp = "2026-03-01T00:00:00Z".parse().expect("an instant");
    let run_id = RunId::from("20260301T000000Z-00000000".to_owned());
    PlanInput { as_of, run_id, matched_before: BTreeSet::new() }
}

pub(super) fn expr(sql: &str) -> Expr {
    Parser::new(&GenericDialect {}).try_with_sql(sql).expect(sql).parse_expr().expect(sql)
}

fn query(sql: &str) -> Query {
    match Parser::parse_sql(&GenericDialect {}, sql).expect(sql).remove(0) {
        Statement::Query(query) => *query,
        other => panic!("{other}"),
    }
}

fn orders() -> TableName {
    TableName::bare("paid_orders")
}

fn contacts() -> TableName {
    TableName::qualified("crm", "contacts")
}

fn events() -> TableName {
    TableName::qualified("web", "events")
}

/// `user_id` 0, `crm_id` 1, `email` 2, `phone` 3, `cookie` 4.
fn ids(of: &TableName) -> Vec<(usize, Expr)> {
    match of.name.as_str() {
        "paid_orders" => vec![(0, expr("\"user_id\"")), (2, expr("\"email\""))],
        "contacts" => vec![(1, expr("\"id\"")), (2, expr("\"email\"")), (3, expr("\"phone\""))],
        _ => vec![(0, expr("\"user_id\"")), (4, expr("\"anonymous_id\""))],
    }
}

fn time(of: &TableName) -> Expr {
    match of.name.as_str() {
        "paid_orders" => expr("\"ordered_at\""),
        "contacts" => expr("\"updated_at\""),
        _ => expr("\"occurred_at\""),
    }
}

fn rows(table: &TableName, filter: Option<&str>, window: Window) -> RowSet {
    RowSet {
        table: table.clone(),
        ids: ids(table),
        own_ids: false,
        time: Some(time(table)),
        filter: filter.map(expr),
        window,
    }
}

fn all(table: &TableName) -> RowSet {
    rows(table, None, Window::Always)
}

fn within(days: i64) -> Window {
    Window::Within(SignedDuration::from_hours(days * DAY))
}

fn column(name: &str, tests: Vec<ColumnTest>) -> ColumnRule {
    ColumnRule { name: name.to_owned(), pii: None, ty: None, tests, span: SPAN }
}

fn source(name: TableName, columns: &[(&str, SqlType)]) -> SourceTable {
    SourceTable {
        url: format!("/data/{}", name.name),
        name,
        format: Format::Parquet,
        unique_key: vec![],
        time: None,
        freshness: None,
        columns: vec![],
        schema: TableSchema::new(columns.iter().map(|(n, t)| (*n, t.clone()))),
        span: SPAN,
    }
}

pub(super) fn money() -> SqlType {
    SqlType::Decimal { precision: 10, scale: 2 }
}

fn sources() -> Vec<SourceTable> {
    let mut orders = source(
        TableName::qualified("shop", "orders"),
        &[
            ("order_id", SqlType::Integer),
            ("user_id", SqlType::Integer),
            ("email", SqlType::Text),
            ("status", SqlType::Text),
            ("category", SqlType::Text),
            ("amount", money()),
            ("refunded", money()),
            ("ordered_at", SqlType::Timestamp),
        ],
    );
    orders.unique_key = vec!["order_id".to_owned()];
    orders.time = Some("ordered_at".to_owned());
    orders.freshness = Some(Freshness {
        warn_after: Some(SignedDuration::from_hours(12)),
        error_after: Some(SignedDuration::from_hours(48)),
    });
    orders.columns = vec![
        column("order_id", vec![ColumnTest::NotNull, ColumnTest::Unique]),
        column("amount", vec![ColumnTest::AtLeast("0".to_owned()), ColumnTest::AtMost("99999.5".to_owned())]),
        column(
            "status",
            vec![ColumnTest::OneOf(vec![Literal::Text("paid".into()), Literal::Text("won't pay".into())])],
        ),
    ];
    let contacts = source(
        contacts(),
        &[
            ("id", SqlType::Integer),
            ("email", SqlType::Text),
            ("phone", SqlType::Text),
            ("first_name", SqlType::Text),
            ("nickname", SqlType::Text),
            ("country", SqlType::Text),
            ("updated_at", SqlType::Timestamp),
        ],
    );
    let events = source(
        events(),
        &[
            ("user_id", SqlType::Integer),
            ("anonymous_id", SqlType::Text),
            ("type", SqlType::Text),
            ("page", SqlType::Text),
            ("country", SqlType::Text),
            ("seconds", SqlType::Integer),
            ("score", SqlType::Float),
            ("occurred_at", SqlType::Timestamp),
        ],
    );
    let mut events = events;
    events.columns = vec![column("score", vec![ColumnTest::AtMost("8.05".to_owned())])];
    vec![orders, contacts, events]
}

fn identifier(name: &str, ty: IdentifierType, limit: Option<u32>, block: Vec<Block>) -> Identifier {
    let limit = limit.map(|count| Limit { count, within: None });
    Identifier { name: name.to_owned(), ty, limit, shared_above: None, block, span: SPAN }
}

fn link(table: &TableName) -> Link {
    Link { table: table.clone(), ids: ids(table), at: Some(time(table)), span: SPAN }
}

/// `arguments`: those that are numbers or truths.
fn typed(rows: RowSet, value: &str, arguments: &[(&str, SqlType)]) -> TraitBody {
    let arguments = arguments.iter().map(|(argument, ty)| (expr(argument), ty.clone())).collect();
    TraitBody::Aggregate { rows, value: AggregateValue::Plain { expr: expr(value), arguments } }
}

fn plain(rows: RowSet, value: &str) -> TraitBody {
    typed(rows, value, &[])
}

fn pick(from: &[(&TableName, &str)], keep: Keep) -> TraitBody {
    let source = |(table, value): &(&TableName, &str)| PickSource {
        table: (*table).clone(),
        ids: ids(table),
        own_ids: false,
        value: expr(value),
        at: Some(time(table)),
    };
    TraitBody::Pick { from: from.iter().map(source).collect(), keep }
}

fn traits() -> Vec<Trait> {
    let (orders, contacts, events) = (orders(), contacts(), events());
    let of = |name: &str, ty: SqlType, default: Option<Literal>, body: TraitBody| Trait {
        name: name.to_owned(),
        ty,
        default,
        body,
        span: SPAN,
    };
    let text = || SqlType::Text;
    let decimal = |precision, scale| SqlType::Decimal { precision, scale };
    let amount = [("\"amount\"", money())];
    let seconds = [("\"seconds\"", SqlType::Integer)];
    let zero = || Some(Literal::Integer(0));
    let most = |value: &str| AggregateValue::MostFrequent(expr(value));
    let year = Window::Between {
        from: Some("2025-01-01T00:00:00Z".parse().expect("an instant")),
        to: Some("2026-01-01T00:00:00Z".parse().expect("an instant")),
    };
    let top = AggregateValue::Top { value: expr("\"page\""), count: 3 };
    let long = Some("\"seconds\" > 5 OR \"type\" = 'read'");
    vec![
        of("is_vip", SqlType::Boolean, None, TraitBody::Expression(expr("\"lifetime_value\" >= 500"))),
        of(
            "lifetime_value",
            decimal(21, 2),
            Some(Literal::Decimal("8.05".to_owned())),
            typed(all(&orders), "sum(\"amount\" - \"refunded\")", &[("\"amount\" - \"refunded\"", decimal(11, 2))]),
        ),
        of("orders", SqlType::Integer, None, plain(all(&orders), "count(*)")),
        of("orders_90d", SqlType::Integer, None, plain(rows(&orders, None, within(90)), "count(*)")),
        of("spent_2025", decimal(20, 2), None, typed(rows(&orders, None, year), "sum(\"amount\")", &amount)),
        of("basket", decimal(14, 6), None, typed(all(&orders), "round(avg(\"amount\"), 2)", &amount)),
        of("visit_seconds", SqlType::Float, None, typed(all(&events), "avg(\"seconds\")", &seconds)),
        of("visit_score", decimal(5, 2), None, typed(all(&events), "CAST(avg(\"seconds\") AS DECIMAL(5,2))", &seconds)),
        of("all_seconds", SqlType::Integer, zero(), typed(all(&events), "sum(\"seconds\")", &seconds)),
        of("median_basket", decimal(14, 6), None, typed(all(&orders), "median(\"amount\")", &amount)),
        of("p90_basket", decimal(14, 6), None, typed(all(&orders), "percentile(\"amount\", 0.9)", &amount)),
        of("median_visit", SqlType::Float, None, typed(all(&events), "median(\"seconds\")", &seconds)),
        of(
            "ever_free",
            SqlType::Boolean,
            None,
            typed(all(&orders), "max(\"amount\" = 0)", &[("\"amount\" = 0", SqlType::Boolean)]),
        ),
        of("visits_by_any", SqlType::Integer, None, plain(RowSet { own_ids: true, ..all(&events) }, "count(*)")),
        of("categories", SqlType::Integer, None, plain(all(&orders), "count(distinct \"category\")")),
        of("first_order_at", SqlType::Timestamp, None, plain(all(&orders), "min(\"ordered_at\")")),
        of("last_category", text(), None, plain(all(&orders), "last(\"category\")")),
        of("first_category", text(), None, plain(all(&orders), "first(\"category\")")),
        of(
            "favourite_category",
            text(),
            None,
            TraitBody::Aggregate { rows: rows(&orders, None, within(365)), value: most("\"category\"") },
        ),
        of(
            "top_pages",
            SqlType::List(Box::new(text())),
            None,
            TraitBody::Aggregate { rows: rows(&events, long, Window::Always), value: top },
        ),
        of("first_name", text(), None, pick(&[(&contacts, "\"first_name\"")], Keep::MostRecent)),
        of("country", text(), None, pick(&[(&contacts, "\"country\""), (&events, "\"country\"")], Keep::MostRecent)),
        of("first_country", text(), None, pick(&[(&contacts, "\"country\""), (&events, "\"country\"")], Keep::Oldest)),
        of(
            "home_country",
            text(),
            None,
            pick(&[(&contacts, "\"country\""), (&events, "\"country\"")], Keep::MostFrequent),
        ),
        of(
            "called",
            text(),
            None,
            pick(&[(&contacts, "\"nickname\""), (&contacts, "\"first_name\"")], Keep::SourceOrder),
        ),
        of("tier", text(), None, TraitBody::Expression(expr("CASE WHEN \"is_vip\" THEN 'gold' ELSE 'basic' END"))),
    ]
}

fn segments() -> Vec<Segment> {
    let (orders, events) = (orders(), events());
    let test = |name: &str, test: Test| Condition::Trait { name: name.to_owned(), test };
    let word = |t: &str| Literal::Text(t.to_owned());
    let did = |rows: RowSet, at_least, at_most| Condition::Did { rows, at_least, at_most };
    let of = |name: &str, condition: Condition| Segment {
        name: name.to_owned(),
        entity: "customer".to_owned(),
        description: None,
        condition,
        except: vec![],
        top: None,
        span: SPAN,
    };
    let best = |by: &str, ty: SqlType, count| Some(Top { by: expr(by), ty, descending: true, count });
    vec![
        of("employees", test("called", Test::Like("%@acme%".to_owned()))),
        of(
            "readers",
            Condition::Any(vec![
                did(rows(&events, Some("\"type\" = 'read'"), within(30)), 3, None),
                test("top_pages", Test::Contains(word("/blog"))),
                test("called", Test::Contains(word("O'"))),
            ]),
        ),
        Segment {
            except: vec!["employees".to_owned()],
            ..of(
                "vip_at_risk",
                Condition::All(vec![
                    test("lifetime_value", Test::Gte(Literal::Decimal("499.50".to_owned()))),
                    did(rows(&orders, None, within(365)), 2, Some(10)),
                    Condition::Not(Box::new(did(rows(&events, Some("\"type\" = 'page'"), within(30)), 1, None))),
                    Condition::Any(vec![
                        test("country", Test::In(vec![word("TR"), word("DE")])),
                        Condition::Segment("readers".to_owned()),
                    ]),
                ]),
            )
        },
        Segment {
            top: best("\"lifetime_value\"", money(), TopCount::Rows(100)),
            ..of("best_100", test("orders", Test::Gt(Literal::Integer(0))))
        },
        Segment {
            top: best("ln(\"orders\")", SqlType::Float, TopCount::Percent("12.5".to_owned())),
            except: vec!["best_100".to_owned()],
            ..of("next_best", Condition::Not(Box::new(test("country", Test::IsNull(true)))))
        },
        of(
            "odd",
            Condition::All(vec![
                Condition::Sql(expr("\"orders\" > 3 AND \"is_vip\"")),
                test("country", Test::NotIn(vec![word("US")])),
                test("country", Test::Ne(word("FR"))),
                test(
                    "first_order_at",
                    Test::Lt(Literal::Timestamp("2026-01-01T00:00:00Z".parse().expect("an instant"))),
                ),
                test("basket", Test::Between(Literal::Integer(10), Literal::Decimal("20.5".to_owned()))),
                test("is_vip", Test::Eq(Literal::Boolean(true))),
                test("visit_seconds", Test::Gte(Literal::Decimal("8.05".to_owned()))),
                test("tier", Test::IsNull(false)),
                test("spent_2025", Test::Lte(Literal::Integer(-1))),
            ]),
        ),
    ]
}

fn field(name: &str, sql: &str, ty: SqlType) -> Field {
    Field { name: name.to_owned(), expr: expr(sql), ty, span: SPAN }
}

fn sync(name: &str, rows: SyncRows, mode: SyncMode, on_leave: OnLeave) -> Sync {
    Sync {
        name: name.to_owned(),
        destination: "crm".to_owned(),
        object: "contacts".to_owned(),
        rows,
        mode,
        key: vec![field("email", "\"email\"", SqlType::Text)],
        fields: vec![],
        on_leave,
        nulls: Nulls::Send,
        guard: Guard::default(),
        purpose: None,
        schedule: None,
        span: SPAN,
    }
}

fn syncs() -> Vec<Sync> {
    let vips = SyncRows::Segment { segment: "vip_at_risk".to_owned(), entity: "customer".to_owned() };
    let mut vips = sync("vips", vips, SyncMode::Upsert, OnLeave::Clear);
    vips.fields = vec![
        field("firstname", "\"first_name\"", SqlType::Text),
        field("ltv", "round(\"lifetime_value\", 2)", money()),
        field("mobile", "\"phone\"", SqlType::Text),
    ];
    let mut customers = sync("customers", SyncRows::Entity("customer".to_owned()), SyncMode::Mirror, OnLeave::Nothing);
    customers.key = vec![field("id", "\"profile_id\"", SqlType::Text)];
    customers.fields = vec![field("tier", "\"tier\"", SqlType::Text)];
    let mut ledger = sync("order_log", SyncRows::Model("paid_orders".to_owned()), SyncMode::Insert, OnLeave::Nothing);
    ledger.key = vec![field("id", "\"order_id\"", SqlType::Integer), field("status", "\"status\"", SqlType::Text)];
    ledger.fields = vec![field("amount", "\"amount\"", money())];
    vec![vips, customers, ledger]
}

pub(super) fn project() -> Project {
    let sources = sources();
    let paid = Model {
        name: "paid_orders".to_owned(),
        query: query("SELECT * FROM \"shop\".\"orders\" WHERE \"status\" = 'paid'"),
        schema: sources[0].schema.clone(),
        inputs: vec![],
        reads: vec![sources[0].name.clone()],
        unique_key: vec![],
        time: Some("ordered_at".to_owned()),
        span: SPAN,
    };
    let block = vec![Block::Value("Test@test.com".to_owned()), Block::Matches("^(null|n/?a)$".to_owned())];
    let customer = Entity {
        name: "customer".to_owned(),
        identifiers: vec![
            identifier("user_id", IdentifierType::Exact, Some(1), vec![]),
            identifier("crm_id", IdentifierType::Digits, Some(3), vec![]),
            identifier("email", IdentifierType::Email, Some(5), block),
            identifier("phone", IdentifierType::Phone { region: Some("TR".to_owned()) }, Some(3), vec![]),
            identifier("cookie", IdentifierType::Exact, None, vec![]),
        ],
        pins: vec![Pin {
            kind: PinKind::Never,
            values: [(2, "Ada@X.org".to_owned()), (3, "0532 123 45 67".to_owned())],
            reason: "another Ada".to_owned(),
            span: SPAN,
        }],
        max_cluster: MaxCluster { warn_above: Some(200), error_above: None },
        matching: None,
        links: vec![
            link(&contacts()),
            link(&events()),
            Link { at: None, ..link(&TableName::qualified("shop", "orders")) },
        ],
        traits: traits(),
        span: SPAN,
    };
    let mut customer = customer;
    customer.links[2].ids = ids(&orders());
    Project {
        name: "acme".to_owned(),
        lake: Lake { location: "/lake".to_owned(), keep: SignedDuration::from_hours(7 * DAY) },
        storage: vec![],
        sources,
        models: vec![paid],
        entities: vec![customer],
        segments: segments(),
        destinations: vec![],
        syncs: syncs(),
    }
}
