use super::{name_of, orders, render, source};
use crate::{AggregateValue, Scope, parse_expr, type_aggregate};

fn check(sql: &str, expected: &str) {
    let text = source(sql);
    let mut diags = vec![];
    let parsed = parse_expr(&text, &mut diags);
    let scope = Scope::table(Some("shop"), "orders", Some(orders()));
    let typed = parsed.and_then(|e| type_aggregate(&text, &e, &scope, &mut diags));
    assert_eq!(typed.is_none(), diags.iter().any(kinfold_base::Diagnostic::is_error), "{sql}");
    let found = typed.map_or_else(
        || render(sql, &diags),
        |t| {
            let value = match t.value {
                AggregateValue::Plain(e) => e.to_string(),
                AggregateValue::MostFrequent(e) => format!("most frequent {e}"),
                AggregateValue::Top { value, count } => format!("top {count} {value}"),
            };
            format!("{value} :: {}{}", name_of(&t.ty), if t.needs_time { " by time" } else { "" })
        },
    );
    assert_eq!(found, expected, "{sql}");
}

#[test]
fn values_of_traits() {
    check("sum(amount - refunded)", r#"sum("amount" - "refunded") :: decimal(23,2)"#);
    check("COUNT(*)", "count(*) :: integer");
    check("count(distinct day)", r#"count(DISTINCT "day") :: integer"#);
    check("sum(amount) / count(*)", r#"sum("amount") / nullif(count(*), 0) :: decimal(26,6)"#);
    check("sum(amount * 1.18)", r#"sum("amount" * 1.18) :: decimal(26,4)"#);
    check("round(avg(amount), 2)", r#"round(avg("amount"), 2) :: decimal(16,6)"#);
    check("median(quantity)", r#"median("quantity") :: float"#);
    check("median(amount)", r#"median("amount") :: decimal(16,6)"#);
    check("avg(quantity)", r#"avg("quantity") :: float"#);
    check("avg(extra)", r#"avg("extra") :: float"#);
    check("percentile(amount, 0.9)", r#"percentile("amount", CAST(0.9 AS DOUBLE PRECISION)) :: decimal(16,6)"#);
    check("percentile(quantity, 1)", r#"percentile("quantity", 1) :: float"#);
    check("last(Email)", r#"last("Email") :: text by time"#);
    check("max(ordered_at)", r#"max("ordered_at") :: timestamp"#);
    check(
        "case when count(*) > 3 then 'many' else 'few' end",
        "CASE WHEN count(*) > 3 THEN 'many' ELSE 'few' END :: text",
    );
    check("most_frequent(Email)", r#"most frequent "Email" :: text"#);
    check("top(Email, 3)", r#"top 3 "Email" :: list(text)"#);
}

#[test]
fn arguments_come_with_their_types() {
    let text = source("cast(avg(quantity) as decimal(5, 2)) + sum(amount) + count(*)");
    let scope = Scope::table(Some("shop"), "orders", Some(orders()));
    let expr = parse_expr(&text, &mut vec![]).unwrap();
    let typed = type_aggregate(&text, &expr, &scope, &mut vec![]).unwrap();
    let arguments: Vec<String> = typed.arguments.iter().map(|(e, ty)| format!("{e} {}", name_of(ty))).collect();
    assert_eq!(arguments, [r#""quantity" integer"#, r#""amount" decimal(12,2)"#]);
}

#[test]
fn values_that_are_refused() {
    check(
        "amount",
        "column-outside-aggregate [amount] `amount` stands outside of every aggregate; say which of many values is meant, as in `sum(amount)` or `last(amount)`",
    );
    check(
        "1 + 1",
        "no-aggregate [1 + 1] a value over many rows needs an aggregate; write `sum(…)`, `count(*)`, `last(…)`, …",
    );
    check(
        "sum(amount) + quantity",
        "column-outside-aggregate [quantity] `quantity` stands outside of every aggregate; say which of many values is meant, as in `sum(quantity)` or `last(quantity)`",
    );
    check(
        "sum(max(amount))",
        "nested-aggregate [max] the aggregate `max` may not stand in an aggregate; compute the inner one in a model",
    );
    check(
        "sum(Email)",
        "wrong-argument-type [Email] `sum` takes a number here, and this is text; cast it: `cast(Email as double)`",
    );
    check(
        "sum(paid)",
        "wrong-argument-type [paid] `sum` takes a number here, and this is true or false; count it: `case when paid then 1 else 0 end`",
    );
    for call in ["sum", "avg", "median"] {
        check(
            &format!("{call}(shipped_at - ordered_at)"),
            &format!(
                "wrong-argument-type [shipped_at - ordered_at] `{call}` takes a number here, and this is a duration; take its seconds: `date_part('epoch', shipped_at - ordered_at)`"
            ),
        );
    }
    check("sum(amuont)", "unknown-column [amuont] there is no column `amuont` here; did you mean `amount`?");
    check("sum()", "wrong-argument-count [sum] `sum` takes 1 argument, and got 0");
    check(
        "percentile(amount, 90)",
        "bad-percentile [90] the second argument of `percentile` is a number from 0 to 1; as in `percentile(amount, 0.9)`",
    );
    check("percentile(amount)", "wrong-argument-count [percentile] `percentile` takes 2 arguments, and got 1");
    check(
        "percentile(amount, quantity)",
        "bad-percentile [quantity] the second argument of `percentile` is a number from 0 to 1; as in `percentile(amount, 0.9)`",
    );
    check("top(Email)", "wrong-argument-count [top] `top` takes 2 arguments, and got 1");
    check("top(Email, 0)", "bad-count [0] `top` takes a whole number from 1 to 1000 here; as in `top(category, 3)`");
    check(
        "top(Email, 2) is null",
        "unknown-function [top] there is no function `top`; `top` may stand only in a trait's `value`",
    );
    check(
        "stddev(amount)",
        "unknown-aggregate [stddev] `stddev` may not stand in a trait's value; there are: sum, count, min, max, avg, median, percentile, first, last, most_frequent, top",
    );
    check("sum(distinct amount)", "sql-unsupported [sum] `distinct` may stand in `count` only, not in `sum`");
    check("sum(*)", "sql-unsupported [sum] `*` may stand in `count(*)` only");
    check(
        "sum(amount) filter (where paid)",
        "sql-unsupported [sum] `filter` may not stand after `sum` here; use the aggregate's own `where`, or `sum(case when … then … end)`",
    );
    check("sum(amount) over ()", "misplaced-window [sum] a window function may not stand in a trait's value");
    check("summ(amount)", "unknown-function [summ] there is no function `summ`; did you mean `sum`?");
}
