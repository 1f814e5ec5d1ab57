use super::{render, source};
use crate::{parse_data_type, parse_expr, parse_query};

/// Parses an expression: its normal form, or diagnostics.
fn check_expr(sql: &str, expected: &str) {
    let mut diags = vec![];
    let parsed = parse_expr(&source(sql), &mut diags);
    assert_eq!(parsed.is_none(), !diags.is_empty(), "{sql}");
    let found = parsed.map_or_else(|| render(sql, &diags), |e| e.to_string());
    assert_eq!(found, expected, "{sql}");
}

fn check_query(sql: &str, expected: &str) {
    let mut diags = vec![];
    let parsed = parse_query(&source(sql), &mut diags);
    assert_eq!(parsed.is_none(), !diags.is_empty(), "{sql}");
    let found = parsed.map_or_else(|| render(sql, &diags), |e| e.to_string());
    assert_eq!(found, expected, "{sql}");
}

#[test]
fn expressions_are_parsed_to_their_end() {
    check_expr("a + 1", "a + 1");
    check_expr("a /* why */ + -- so\n 1", "a + 1");
    check_expr("a + ", "sql-syntax [+] expected an expression but here it ends");
    check_expr("a b", "sql-syntax [b] unexpected `b` after the end of the SQL");
    check_expr("a + )", "sql-syntax [)] expected an expression, found )");
    check_expr("'é' + )", "sql-syntax [)] expected an expression, found )");
    check_expr("", "sql-empty [] there is no SQL here");
    check_expr("-- nothing", "sql-empty [-- nothing] there is no SQL here");
    check_expr("'open", "sql-syntax ['] unterminated string literal");
    check_expr(
        "{{ amount }}",
        "sql-template [{{] SQL is not a template here; write the table's plain name, `source.table` or `model`",
    );
    check_expr("a;", "a");
}

#[test]
fn is_distinct_from_ends_where_it_should() {
    check_expr("a is distinct from b or c", "a IS DISTINCT FROM b OR c");
    check_expr("a AND b is not distinct from c + 1 or d", "a AND b IS NOT DISTINCT FROM c + 1 OR d");
    check_expr("a @@ b", "sql-unsupported [@@] the engine has no operator `@@`");
}

#[test]
fn only_one_query_may_stand() {
    check_query("select 1;", "SELECT 1");
    check_query("with t as (select 1) select * from t", "WITH t AS (SELECT 1) SELECT * FROM t");
    check_query(
        "drop table orders",
        "sql-not-a-query [drop] only a query may stand here, not `drop`; begin with `select` or `with`; Kinfold itself makes the table",
    );
    check_query(
        "copy t to 'x'",
        "sql-not-a-query [copy] only a query may stand here, not `copy`; begin with `select` or `with`; Kinfold itself makes the table",
    );
    check_query(
        "selct 1",
        "sql-syntax [selct] a query begins with `select` or `with`, not `selct`; did you mean `select`?",
    );
    check_query(
        "select 1; select 2",
        "sql-several-statements [select] only one statement may stand here; make one model of each query",
    );
    check_query(
        "select * into t from u",
        "sql-not-a-query [select * into t from u] a query may only read, and this writes",
    );
    check_query(
        "with t as (select 1) insert into u select * from t",
        "sql-not-a-query [with t as (select 1) insert into u select * from t] a query may only read, and this writes",
    );
    check_query("select a,\n  from t whre x", "sql-syntax [x] unexpected `x` after the end of the SQL");
    check_query("select a from t where", "sql-syntax [where] expected an expression but here it ends");
}

#[test]
fn depth_is_bounded() {
    let brackets = format!("{}1{}", "(".repeat(60), ")".repeat(60));
    check_expr(
        &brackets,
        &format!(
            "sql-too-deep [{brackets}] this SQL is nested too deeply; use `in (…)` for long chains of `or`, or split the query into models"
        ),
    );
    let chain = format!("a{}", " or a".repeat(5000));
    check_expr(
        &chain,
        &format!(
            "sql-too-deep [{chain}] this SQL is nested too deeply; use `in (…)` for long chains of `or`, or split the query into models"
        ),
    );
    let list = format!("a in ({}1)", "1, ".repeat(5000));
    assert!(parse_expr(&source(&list), &mut vec![]).is_some());
}

#[test]
fn types_have_names() {
    use kinfold_base::SqlType;
    assert_eq!(parse_data_type("decimal(12, 2)"), Some(SqlType::Decimal { precision: 12, scale: 2 }));
    assert_eq!(parse_data_type("text[]"), Some(SqlType::List(Box::new(SqlType::Text))));
    assert_eq!(parse_data_type("bigint"), Some(SqlType::Integer));
    assert_eq!(parse_data_type("money"), None);
    assert_eq!(parse_data_type("int) drop table x"), None);
}

#[test]
fn neither_stack_nor_time_runs_out() {
    let deep = |open: &str, middle: &str, close: &str, times: usize| {
        format!("{}{middle}{}", open.repeat(times), close.repeat(times))
    };
    for times in [45, 10_000] {
        for sql in [
            deep("", "a", " or a", times),
            deep("", "a", "[1]", times),
            deep("", "a", "::int", times),
            deep("", "a", " is null", times),
            deep("- ", "a", "", times),
            deep("not ", "a", "", times),
            deep("(", "a", ")", times),
            deep("f(", "a", ")", times),
            deep("case when a then ", "a", " end", times),
            deep("case when a then case ", "a", "", times),
            format!("cast(a as {})", deep("array<", "int", ">", times)),
            format!("cast(a as int{})", "[]".repeat(times)),
        ] {
            let mut diags = vec![];
            let parsed = parse_expr(&source(&sql), &mut diags);
            assert_eq!(parsed.is_none(), !diags.is_empty(), "{times} {sql:.40}");
        }
        for sql in [
            deep("", "select 1", " union select 1", times),
            deep("(", "select 1", ")", times),
            format!("select * from {}", deep("(", "t", ")", times)),
            format!("select * from {}", deep("(select * from ", "t", ")", times)),
            format!("select 1 where {}", deep("exists (select 1 where ", "true", ")", times)),
        ] {
            let mut diags = vec![];
            let parsed = parse_query(&source(&sql), &mut diags);
            assert_eq!(parsed.is_none(), !diags.is_empty(), "{times} {sql:.40}");
        }
    }
}
