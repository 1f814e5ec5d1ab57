//! What comes out of files that are right.

use kinfold_base::{Setting, SignedDuration, SqlType};

use super::{Input, base, schema_line};
use crate::project::{
    AggregateValue, Block, Condition, Format, IdentifierType, Keep, Link, Literal, OnLeave, Project, SyncRows,
    TableName, Test, TopCount, TraitBody, Window,
};

const SCHEMAS: &[&str] = &[
    "shop.orders: order_id integer, customer_email text, Amount decimal, status text, ordered_at timestamp",
    "shop.customers: customer_id integer, email text, first_name text, country text, born date",
];

const SOURCES: &str = "
sources:
  - name: shop
    location: ./data/
    tables:
      - {name: orders, path: ./orders/*.parquet, unique_key: ORDER_ID, time: ordered_at}
      - name: customers
        format: csv
        csv: {delimiter: \"\\t\", header: false}
        columns: [{name: born, type: timestamp}]
";

const CUSTOMER: &str = "
entities:
  - name: customer
    identity:
      identifiers:
        - {name: customer_id, limit: 1}
        - {name: email, type: email, block: [a@b.c, {matches: ^x}]}
        - {name: phone, type: {phone: {region: tr}}}
        - {name: mobile, type: phone}
      from:
        - {table: shop.customers, ids: {email: email, customer_id: customer_id, phone: country, mobile: country}}
        - {table: shop.orders, ids: {email: lower(customer_email)}}
    traits:
      - {name: is_vip, expression: spent >= 500}
      - {name: spent, default: 0, aggregate: {table: paid, value: sum(amount) - 1, within: 90d, where: status <> 'x'}}
      - {name: best, aggregate: {table: paid, value: \"top(status, 3)\"}}
      - {name: first, aggregate: {table: shop.orders, value: first(status), between: {from: 2026-01-01}}}
      - {name: country, pick: {from: [shop.customers.country, {table: shop.orders, value: status, at: ordered_at}], keep: source_order}}
";

fn project(more: &str) -> Project {
    let mut input = Input { schemas: SCHEMAS.iter().map(|line| schema_line(line)).collect(), ..base() };
    input.files.insert("models/sources.yml".to_owned(), SOURCES.to_owned());
    input.files.insert("models/customer.yml".to_owned(), CUSTOMER.to_owned());
    input.files.insert("models/a.sql".to_owned(), "select * from paid where status <> 'y'".to_owned());
    let paid = "select customer_email as buyer, amount, status, ordered_at as day from shop.orders";
    input.files.insert("models/paid.sql".to_owned(), paid.to_owned());
    input.files.insert("segments/more.yml".to_owned(), more.to_owned());
    input.project()
}

fn sql(expr: Option<&impl ToString>) -> String {
    expr.map_or_else(|| "none".to_owned(), ToString::to_string)
}

fn ids(ids: &[(usize, sqlparser::ast::Expr)]) -> Vec<String> {
    ids.iter().map(|(i, e)| format!("{i} {e}")).collect()
}

#[test]
fn sources_know_where_they_are_and_what_they_hold() {
    let project = project("");
    let [orders, customers] = project.sources.as_slice() else { panic!("two tables") };
    assert_eq!(orders.url, "/project/data/orders/*.parquet");
    assert_eq!(
        (orders.unique_key.as_slice(), orders.time.as_deref()),
        (&["order_id".to_owned()][..], Some("ordered_at"))
    );
    assert_eq!(
        orders.schema.column("Amount").map(|c| c.ty.clone()),
        Some(SqlType::Decimal { precision: 18, scale: 2 })
    );
    assert_eq!(customers.url, "/project/data/customers");
    assert_eq!(customers.format, Format::Csv { delimiter: b'\t', header: false, quote: b'"' });
    assert_eq!(customers.schema.column("born").map(|c| c.ty.clone()), Some(SqlType::Timestamp));
    assert_eq!(project.lake.location, "/project/lake");
    assert_eq!(project.lake.keep, SignedDuration::from_hours(7 * 24));
}

#[test]
fn models_come_after_what_they_read() {
    let project = project("");
    let names: Vec<&str> = project.models.iter().map(|m| m.name.as_str()).collect();
    assert_eq!(names, ["paid", "a"]);
    assert_eq!(project.models[0].reads, [TableName::qualified("shop", "orders")]);
    assert_eq!(project.models[1].schema.names().collect::<Vec<_>>(), ["buyer", "Amount", "status", "day"]);
}

#[test]
fn identity_is_in_the_order_of_priority() {
    let project = project("");
    let entity = &project.entities[0];
    let types: Vec<&IdentifierType> = entity.identifiers.iter().map(|i| &i.ty).collect();
    let tr = IdentifierType::Phone { region: Some("TR".to_owned()) };
    assert_eq!(types, [&IdentifierType::Exact, &IdentifierType::Email, &tr, &IdentifierType::Phone { region: None }]);
    assert_eq!(entity.identifiers[0].limit.map(|limit| limit.count), Some(1));
    assert_eq!(entity.identifiers[1].block, [Block::Value("a@b.c".to_owned()), Block::Matches("^x".to_owned())]);
    let [customers, orders] = entity.links.as_slice() else { panic!("two links") };
    let shown = |link: &Link| (ids(&link.ids), sql(link.at.as_ref()));
    let all = ["0 \"customer_id\"", "1 \"email\"", "2 \"country\"", "3 \"country\""];
    assert_eq!(shown(customers), (all.map(str::to_owned).to_vec(), "none".to_owned()));
    assert_eq!(shown(orders), (vec!["1 lower(\"customer_email\")".to_owned()], "\"ordered_at\"".to_owned()));
}

#[test]
fn traits_come_after_what_they_refer_to_and_inherit_ids_and_time() {
    let project = project("");
    let traits = &project.entities[0].traits;
    assert_eq!(
        traits.iter().map(|t| t.name.as_str()).collect::<Vec<_>>(),
        ["spent", "is_vip", "best", "first", "country"]
    );
    let spent = &traits[0];
    assert_eq!(spent.default, Some(Literal::Decimal("0".to_owned())));
    let TraitBody::Aggregate { rows, value: AggregateValue::Plain { expr: value, .. } } = &spent.body else {
        panic!("{spent:?}")
    };
    assert_eq!(value.to_string(), "sum(\"Amount\") - 1");
    assert_eq!(ids(&rows.ids), ["1 lower(\"buyer\")"]);
    assert_eq!(
        (sql(rows.time.as_ref()), sql(rows.filter.as_ref())),
        ("\"day\"".to_owned(), "\"status\" <> 'x'".to_owned())
    );
    assert_eq!(rows.window, Window::Within(SignedDuration::from_hours(90 * 24)));
    assert_eq!(traits[1].ty, SqlType::Boolean);
    let TraitBody::Aggregate { rows, value: AggregateValue::Top { count: 3, .. } } = &traits[2].body else {
        panic!("top")
    };
    assert_eq!((rows.window, sql(rows.time.as_ref())), (Window::Always, "none".to_owned()));
    let TraitBody::Aggregate { rows, .. } = &traits[3].body else { panic!("first") };
    assert_eq!(sql(rows.time.as_ref()), "\"ordered_at\"");
    assert!(matches!(rows.window, Window::Between { from: Some(_), to: None }));
    let TraitBody::Pick { from, keep: Keep::SourceOrder } = &traits[4].body else { panic!("pick") };
    assert_eq!((ids(&from[0].ids).len(), sql(from[0].at.as_ref())), (4, "none".to_owned()));
    assert_eq!(
        (from[1].value.to_string(), sql(from[1].at.as_ref())),
        ("\"status\"".to_owned(), "\"ordered_at\"".to_owned())
    );
}

#[test]
fn traits_are_of_the_type_that_the_engine_makes() {
    let project = project(
        "
entities:
  - name: buyer
    identity:
      identifiers: [{name: email}, {name: code}]
      from: [{table: shop.orders, ids: {email: customer_email}}]
    traits:
      - {name: mixed, default: 8.05, pick: {from: [shop.orders.order_id, shop.orders.Amount], keep: source_order}}
      - name: floats
        pick: {from: [shop.orders.Amount, {table: shop.orders, value: cast(order_id as double)}], keep: source_order}
      - {name: taxed, aggregate: {table: shop.orders, value: sum(amount * 1.18)}}
      - {name: share, aggregate: {table: shop.orders, value: \"cast(avg(order_id) as decimal(5, 2))\"}}
      - {name: middle, aggregate: {table: shop.orders, value: median(amount)}}
      - {name: other, aggregate: {table: shop.orders, value: count(*), ids: {email: customer_email, code: status}}}
      - {name: same, aggregate: {table: shop.orders, value: count(*), ids: {email: customer_email}}}
",
    );
    let traits = &project.entities[1].traits;
    let ty = |name: &str| traits.iter().find(|t| t.name == name).map(|t| t.ty.clone());
    let decimal = |precision, scale| Some(SqlType::Decimal { precision, scale });
    assert_eq!(ty("mixed"), decimal(22, 2));
    assert_eq!(ty("floats"), decimal(31, 15));
    assert_eq!(ty("taxed"), decimal(32, 4));
    assert_eq!(ty("share"), decimal(5, 2));
    assert_eq!(ty("middle"), decimal(22, 6));
    let rows = |name: &str| match &traits.iter().find(|t| t.name == name).expect(name).body {
        TraitBody::Aggregate { rows, value: AggregateValue::Plain { arguments, .. } } => {
            (rows.own_ids, arguments.clone())
        }
        other => panic!("{other:?}"),
    };
    let [(argument, SqlType::Integer)] = &rows("share").1[..] else { panic!("one argument") };
    assert_eq!(argument.to_string(), "\"order_id\"");
    assert_eq!(["other", "same", "taxed"].map(|name| rows(name).0), [true, false, false]);
}

#[test]
fn segments_keep_the_types_of_their_traits() {
    let project = project(
        "
segments:
  - name: b
    entity: customer
    where:
      all:
        - trait: {name: SPENT, gte: 10.50, lt: 1.5e3}
        - not: {segment: a}
        - did_not: {table: shop.orders, at_most: 3}
    top: {by: spent, percent: 12.5%, order: asc}
  - {name: a, entity: customer, where: {trait: {name: best, contains: open}}}
",
    );
    let [a, b] = project.segments.as_slice() else { panic!("two segments") };
    assert_eq!((a.name.as_str(), b.name.as_str()), ("a", "b"));
    let Condition::Trait { test, .. } = &a.condition else { panic!("{a:?}") };
    assert_eq!(*test, Test::Contains(Literal::Text("open".to_owned())));
    let Condition::All(parts) = &b.condition else { panic!("{b:?}") };
    let Condition::All(tests) = &parts[0] else { panic!("{parts:?}") };
    assert!(
        matches!(&tests[0], Condition::Trait { name, test: Test::Gte(Literal::Decimal(d)) } if name == "spent" && d == "10.50")
    );
    assert!(matches!(&tests[1], Condition::Trait { test: Test::Lt(Literal::Decimal(d)), .. } if d == "1500"));
    let Condition::Not(did) = &parts[2] else { panic!("{parts:?}") };
    assert!(matches!(did.as_ref(), Condition::Did { at_least: 0, at_most: Some(3), .. }));
    let top = b.top.as_ref().expect("top");
    assert_eq!((top.count.clone(), top.descending), (TopCount::Percent("12.5".to_owned()), false));
}

#[test]
fn syncs_and_destinations_are_filled_in() {
    let project = project(
        "
destinations:
  - {name: crm, connector: postgres, settings: {url: {env: URL}, batch_size: 10, schema: live}}
syncs:
  - {name: s, destination: crm, object: t, entity: customer, mode: mirror, key: {id: profile_id}, fields: {e: email, s: spent}, guard: {max_leave: 12.5%}}
",
    );
    let (destination, sync) = (&project.destinations[0], &project.syncs[0]);
    assert!(destination.settings.contains(&("batch_size".to_owned(), Setting::Integer(10))));
    assert_eq!(sync.rows, SyncRows::Entity("customer".to_owned()));
    assert_eq!((sync.on_leave, sync.guard.max_leave_basis_points), (OnLeave::Delete, Some(1250)));
    let fields: Vec<String> = sync.fields.iter().map(|f| format!("{} {}", f.name, f.expr)).collect();
    assert_eq!(fields, ["e \"email\"", "s \"spent\""]);
}
