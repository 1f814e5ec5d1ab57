use kinfold_plan::{Resolve, ResolveIdentifier, ResolveRows};

use super::{CSV, Lake, check, run};
use crate::{Engine, resolve};

fn query(sql: &str) -> sqlparser::ast::Query {
    let dialect = sqlparser::dialect::GenericDialect {};
    let mut statements = sqlparser::parser::Parser::parse_sql(&dialect, sql).unwrap();
    match statements.remove(0) {
        sqlparser::ast::Statement::Query(query) => *query,
        other => panic!("{other}"),
    }
}

fn work() -> Resolve {
    let identifier = |name: &str, limit| ResolveIdentifier { name: name.to_owned(), limit };
    Resolve {
        entity: "customer".to_owned(),
        identifiers: vec![identifier("email", None), identifier("phone", Some(1))],
        rows: vec![ResolveRows {
            source: "shop.orders".to_owned(),
            identifiers: vec![0, 1],
            query: query(
                "SELECT kinfold_email(email), phone, min(at) AS first_seen_at, max(at) AS last_seen_at \
                 FROM shop.orders GROUP BY 1, 2",
            ),
        }],
    }
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
    let written = resolve(&lake.engine, &first, "customer", 2, &work()).await.unwrap();
    let told: Vec<_> = written.iter().map(|w| (w.table.as_str(), w.rows)).collect();
    let expected =
        [("customer_identifiers", 5), ("customer_history", 2), ("customer_conflicts", 0), ("_customer_profiles", 2)];
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
    resolve(&engine, &second, "customer", 2, &work()).await.unwrap();
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
    let error = resolve(&lake.engine, &run("r"), "customer", 2, &work()).await.expect_err("nothing to resolve");
    assert_eq!(error.message, "the entity `customer` has no identifiers: no row of its sources holds a usable one");
}
