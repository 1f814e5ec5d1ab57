use kinfold_lang::project::{Format, IdentifierType, Limit, MaxCluster, PinKind};
use kinfold_plan::{Resolve, ResolveIdentifier, ResolvePin, ResolveRows, resolve_tables};

use super::{CSV, Lake, batch, check, rows, run, texts};
use crate::{Engine, EngineError, ErrorKind, LakeEngine, Resolved, RunContext, resolve};

pub(super) fn query(sql: &str) -> sqlparser::ast::Query {
    let dialect = sqlparser::dialect::GenericDialect {};
    let mut statements = sqlparser::parser::Parser::parse_sql(&dialect, sql).unwrap();
    match statements.remove(0) {
        sqlparser::ast::Statement::Query(query) => *query,
        other => panic!("{other}"),
    }
}

pub(super) fn work() -> Resolve {
    let identifier = |name: &str, limit: Option<u32>| ResolveIdentifier {
        name: name.to_owned(),
        ty: IdentifierType::Exact,
        limit: limit.map(|count| Limit { count, within: None }),
        shared_above: None,
    };
    Resolve {
        entity: "customer".to_owned(),
        identifiers: vec![identifier("email", None), identifier("phone", Some(1))],
        rows: vec![ResolveRows {
            source: "shop.orders".to_owned(),
            identifiers: vec![0, 1],
            query: query(
                "SELECT kinfold_email(email), phone, min(at) AS first_seen_at, max(at) AS last_seen_at, \
                 count(*) AS row_count, false AS unusable_0, false AS unusable_1 FROM shop.orders GROUP BY 1, 2",
            ),
            keep: false,
        }],
        pins: vec![],
        pinned_values: None,
        matches: None,
        previous: query("SELECT identifier, value, profile_id FROM previous.customer_identifiers"),
        max_cluster: MaxCluster::default(),
        tables: resolve_tables("customer"),
    }
}

/// Resolves as a run does, which has opened what the last one left.
pub(super) async fn resolve_again(
    engine: &LakeEngine,
    run: &RunContext,
    work: &Resolve,
) -> Result<Resolved, EngineError> {
    let tables = &work.tables;
    let previous = [&tables.identifiers].map(|table| (table.output.name.clone(), table.columns.clone()));
    engine.open_previous(&previous).await?;
    resolve(engine, run, "customer", 2, work).await
}

#[tokio::test(flavor = "multi_thread")]
async fn profiles_are_made_and_keep_their_ids() {
    let lake = Lake::new();
    lake.file(
        "a.csv",
        "email,phone,at\na@x.org,p1,2026-01-01\nA@x.org,,2026-01-02\nb@x.org,p1,2026-01-03\nc@x.org,p3,2026-01-04\n",
    );
    lake.open("a.csv", CSV).await.unwrap();
    let first = run("r1");
    let resolved = resolve_again(&lake.engine, &first, &work()).await.unwrap();
    let told: Vec<_> = resolved.written.iter().map(|w| (w.table.as_str(), w.rows)).collect();
    let expected = [
        ("customer_identifiers", 5),
        ("customer_history", 2),
        ("customer_conflicts", 0),
        ("customer_shared", 0),
        ("customer_health", 8),
        ("_customer_profiles", 2),
    ];
    assert_eq!(told, expected);
    let sql = "select identifier, value, first_seen_at, last_seen_at, sources from customer_identifiers where value like 'a%'";
    check(&lake.engine, sql, &["email|a@x.org|2026-01-01T00:00:00Z|2026-01-02T00:00:00Z|[shop.orders]"]).await;
    let sql = "select count(distinct profile_id) from customer_identifiers where value in ('a@x.org', 'b@x.org', 'p1')";
    check(&lake.engine, sql, &["1"]).await;
    check(&lake.engine, "select distinct change, run_id from customer_history", &["created|r1"]).await;
    lake.engine.commit(&first).await.unwrap();

    // One more row links the two profiles: but a profile has one phone, so it may not.
    lake.file(
        "a.csv",
        "email,phone,at\na@x.org,p1,2026-01-01\nb@x.org,p1,2026-01-03\nc@x.org,p3,2026-01-04\nc@x.org,p1,2026-01-05\n",
    );
    let engine = lake.another_engine();
    engine.open_sources(&[super::source(&lake.path("a.csv"), CSV, &[])]).await.unwrap();
    let second = run("r2");
    resolve_again(&engine, &second, &work()).await.unwrap();
    check(
        &engine,
        "select rule, value_a, value_b, source from customer_conflicts",
        &["limit of phone is 1|c@x.org|p1|shop.orders"],
    )
    .await;
    let sql = "select count(*) from customer_identifiers n join previous.customer_identifiers o using (identifier, value, profile_id)";
    check(&engine, sql, &["5"]).await;
    check(&engine, "select count(*) from customer_history", &["2"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entity_without_identifiers_is_an_error() {
    let lake = Lake::new();
    lake.file("a.csv", "email,phone,at\n-,,2026-01-01\n");
    lake.open("a.csv", CSV).await.unwrap();
    let error = resolve_again(&lake.engine, &run("r"), &work()).await.expect_err("nothing to resolve");
    assert_eq!(error.message, "shop.orders: no row holds a usable identifier of the entity `customer`");
}

#[tokio::test(flavor = "multi_thread")]
async fn pins_win_and_shared_values_link_nothing() {
    let lake = Lake::new();
    // One phone that three people call from, two addresses that no row connects, and two that one phone does.
    lake.file(
        "a.csv",
        "email,phone,at\na@x.org,kiosk,2026-01-01\nb@x.org,kiosk,2026-01-02\nc@x.org,kiosk,2026-01-03\n\
         d@x.org,p1,2026-01-04\ne@x.org,p1,2026-01-05\n",
    );
    lake.open("a.csv", CSV).await.unwrap();
    let mut work = work();
    work.identifiers[1].shared_above = Some(2);
    let pin = |kind, reason: &str| ResolvePin { kind, identifiers: [0, 0], reason: reason.to_owned() };
    work.pins = vec![pin(PinKind::Always, "ticket 1"), pin(PinKind::Never, "brothers")];
    // In no order.
    let values = "SELECT pin, side, kinfold_email(value) FROM (VALUES (1, 1, 'e@x.org'), (0, 1, 'b@x.org'), (0, 0, ' A@x.org'), \
                  (1, 0, 'd@x.org')) AS p (pin, side, value)";
    work.pinned_values = Some(query(values));
    let first = run("r1");
    resolve_again(&lake.engine, &first, &work).await.unwrap();
    let profiles =
        "select string_agg(value, ' ' order by value) from customer_identifiers group by profile_id order by 1";
    check(&lake.engine, profiles, &["a@x.org b@x.org", "c@x.org", "d@x.org p1", "e@x.org"]).await;
    check(&lake.engine, "select * from customer_shared", &["phone|kiosk|email|3"]).await;
    let conflicts = "select value_a, value_b, rule from customer_conflicts";
    check(&lake.engine, conflicts, &["e@x.org|p1|pinned apart: brothers"]).await;

    work.pinned_values = Some(query(&values.replace(" A@x.org", "nobody")));
    let error = resolve_again(&lake.engine, &run("r2"), &work).await.unwrap_err();
    assert!(error.message.contains("no usable email (ticket 1)"), "{}", error.message);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_person_should_look_at_is_told() {
    let lake = Lake::new();
    lake.file(
        "a.csv",
        "email,phone,at\na@x.org,p1,2026-01-01\nb@x.org,p1,2026-01-02\nc@x.org,p1,2026-01-03\nd@x.org,,2026-01-04\n",
    );
    lake.open("a.csv", CSV).await.unwrap();
    let mut work = work();
    work.max_cluster = MaxCluster { warn_above: Some(3), error_above: None };
    work.pins = vec![ResolvePin { kind: PinKind::Always, identifiers: [0, 1], reason: "ticket 7".to_owned() }];
    work.pinned_values = Some(query("VALUES (0, 0, 'a@x.org'), (0, 1, 'p9')"));
    let resolved = resolve_again(&lake.engine, &run("r1"), &work).await.unwrap();
    let ids = rows(lake.engine.query("select profile_id from customer_identifiers where value = 'p1'", &[]).await);
    let id = ids.await.unwrap().remove(0);
    let expected = [
        format!("customer: 1 profile has more than 3 identifiers; the largest, {id}, has 4"),
        "customer: a pin of email and phone has no effect, as no row has one of its values (ticket 7)".to_owned(),
    ];
    assert_eq!(resolved.warnings, expected);
    let sql = "select metric, source, replace(name, '–', '-'), value from customer_health \
               where metric <> 'largest' order by 1, 2, 3";
    let counts = [
        "edges|shop.orders|email-phone|3",
        "identifiers||email|4",
        "identifiers||phone|1",
        "profiles|||2",
        "profiles_by_size||1|1",
        "profiles_by_size||4|1",
    ];
    check(&lake.engine, sql, &counts).await;
    let largest = format!("{id}|4");
    let sql = "select name, value from customer_health where metric = 'largest' order by value desc limit 1";
    check(&lake.engine, sql, &[&largest]).await;

    let many = vec![work.pins[0].clone(); 12];
    let values: Vec<String> = (0..many.len()).map(|i| format!("({i}, 0, 'a@x.org'), ({i}, 1, 'p{}')", i + 9)).collect();
    let values = Some(query(&format!("VALUES {}", values.join(", "))));
    let told = Resolve { pins: many, pinned_values: values, ..work.clone() };
    let told = resolve_again(&lake.engine, &run("r2"), &told).await.unwrap().warnings;
    assert_eq!(told.len(), 12);
    assert_eq!(told[11], "customer: 2 more pins have no effect, as no row has one of their values");

    work.max_cluster.error_above = Some(3);
    let error = resolve_again(&lake.engine, &run("r2"), &work).await.unwrap_err();
    assert_eq!(error.message, expected[0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_of_the_kernel_counts() {
    let lake = Lake::with(|options| options.memory_limit_bytes = Some(16 << 20));
    let names: Vec<String> = (0..400_000).map(|i| format!("{i:020}@x.org")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    lake.parquet("a.parquet", &batch([("email", texts(&names))]));
    lake.open("a.parquet", Format::Parquet).await.unwrap();
    let mut work = work();
    work.rows[0].query = query(
        "SELECT email, CAST(NULL AS VARCHAR) AS b, CAST(NULL AS TIMESTAMP) AS c, CAST(NULL AS TIMESTAMP) AS d, \
         1 AS row_count, false AS unusable_0, false AS unusable_1 FROM shop.orders",
    );
    let error = resolve_again(&lake.engine, &run("r1"), &work).await.unwrap_err();
    let message = "the identities of `customer` take more memory than the memory limit allows";
    assert_eq!((error.message.as_str(), error.kind), (message, ErrorKind::Outside));
    assert!(error.hint.unwrap().contains("raise --memory-limit from 16 MiB"));

    let roomy = lake.another_engine_with(|options| options.memory_limit_bytes = Some(256 << 20));
    roomy.open_sources(&[super::source(&lake.path("a.parquet"), Format::Parquet, &[])]).await.unwrap();
    resolve_again(&roomy, &run("r2"), &work).await.unwrap();
    check(&roomy, "select count(*) from customer_identifiers", &["400000"]).await;
    assert_eq!(roomy.state.runtime_env().memory_pool.reserved(), 0);
}
