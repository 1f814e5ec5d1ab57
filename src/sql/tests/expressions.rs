use super::{name_of, orders, render, source};
use crate::{Context, Scope, parse_expr, type_expr};

fn run(sql: &str, context: Context) -> String {
    let text = source(sql);
    let mut diags = vec![];
    let parsed = parse_expr(&text, &mut diags);
    let scope = Scope::table(Some("shop"), "orders", Some(orders()));
    let typed = parsed.and_then(|e| type_expr(&text, &e, &scope, context, &mut diags));
    let errors = diags.iter().any(kinfold_base::Diagnostic::is_error);
    assert_eq!(typed.is_none(), errors, "{sql}");
    let typed = typed.map(|t| format!("{} :: {}", t.expr, name_of(&t.ty)));
    let found = [typed.unwrap_or_default(), render(sql, &diags)];
    found.into_iter().filter(|f| !f.is_empty()).collect::<Vec<_>>().join("\n")
}

fn check(sql: &str, expected: &str) {
    assert_eq!(run(sql, Context::Scalar), expected, "{sql}");
}

#[test]
fn columns_are_quoted_exactly() {
    check("amount", r#""amount" :: decimal(12,2)"#);
    check("AMOUNT", r#""amount" :: decimal(12,2)"#);
    check("email", r#""Email" :: text"#);
    check("orders.amount", r#""amount" :: decimal(12,2)"#);
    check("shop.orders.amount", r#""amount" :: decimal(12,2)"#);
    check("address.city", r#""address"['City'] :: text"#);
    check("orders.address.geo.lat", r#""address"['geo']['lat'] :: float"#);
    check("address['City']", r#""address"['City'] :: text"#);
    check("extra.anything", r#""extra"['anything'] :: unknown"#);
    check("tags[1]", r#""tags"[1] :: text"#);
    check("amuont", "unknown-column [amuont] there is no column `amuont` here; did you mean `amount`?");
    check(
        "customers.amount",
        "unknown-column [customers] there is no table or record `customers` here; did you mean `customer_id`?",
    );
    check("address.town", "unknown-field [town] the record has no field `town`");
    check("amount.x", "unknown-field [x] only a record has fields, and this is a decimal number");
    check(
        "paid = \"yes\"",
        r#"unknown-column ["yes"] there is no column `yes` here; text stands in single quotes: 'yes'"#,
    );
}

#[test]
fn comparisons_need_alike_types() {
    check("amount > 5", r#""amount" > 5 :: boolean"#);
    check("amount > 'abc'", "type-mismatch ['abc'] text cannot be compared with a decimal number");
    check(
        "amount > '5'",
        "type-mismatch ['5'] text cannot be compared with a decimal number; write it without quotes: 5",
    );
    check(
        "Email = 5",
        "type-mismatch [5] text cannot be compared with a whole number; quote the number, or cast: `cast(Email as double)`",
    );
    check(
        "paid = 'true'",
        "type-mismatch ['true'] text cannot be compared with true or false; write `true` or `false` without quotes",
    );
    check("paid = 1", "type-mismatch [1] true or false cannot be compared with a whole number");
    check("day >= '2026-01-31'", r#""day" >= '2026-01-31' :: boolean"#);
    check(
        "day >= '2026-02-31'",
        "bad-date-literal ['2026-02-31'] `2026-02-31` is not a date or a time; write it as '2026-01-31' or '2026-01-31T12:00:00Z'",
    );
    check(
        "ordered_at between '2026-01-01' and 'tomorrow'",
        "bad-date-literal ['tomorrow'] `tomorrow` is not a date or a time; write it as '2026-01-31' or '2026-01-31T12:00:00Z'",
    );
    check("day < ordered_at", r#""day" < "ordered_at" :: boolean"#);
    check(
        "Email in ('a', 5)",
        "type-mismatch [5] text cannot be compared with a whole number; quote the number, or cast: `cast(Email as double)`",
    );
    check(
        "Email = null",
        "null-comparison [null] a comparison with null is never true; write `is null` or `is not null`",
    );
    check(
        "Email not in ('a', null)",
        "null-comparison [null] null in a list matches nothing, and makes `not in` never true; leave it out, and add `or … is null`",
    );
    check(
        "Email <> ordered_at",
        "type-mismatch [ordered_at] text cannot be compared with a time; cast it: `cast(Email as timestamp)`",
    );
    check("tags = 'a'", "type-mismatch ['a'] text cannot be compared with a list");
    check("extra = 5 and extra = 'a'", r#""extra" = 5 AND "extra" = 'a' :: boolean"#);
    check("Email is distinct from 'a' or paid", r#"("Email" IS DISTINCT FROM 'a') OR "paid" :: boolean"#);
    check(
        "amount like 'a%'",
        "type-mismatch [amount] a pattern is held against text, and this is a decimal number; cast it: `cast(amount as text)`",
    );
    check(
        "Email ilike 'a%' escape '!'",
        "sql-unsupported [Email ilike 'a%'] the engine knows no other escape than a backslash",
    );
    check("'vip' = any(tags)", r#"'vip' = ANY("tags") :: boolean"#);
}

#[test]
fn differences_of_times_are_not_compared_with_durations() {
    check(
        "shipped_at - ordered_at <= interval '7 days'",
        "interval-comparison [shipped_at - ordered_at <= interval '7 days'] a difference of times cannot be compared with a duration; write `shipped_at <= ordered_at + interval '7 days'`",
    );
    check(
        "interval '7 days' > (shipped_at - ordered_at)",
        "interval-comparison ['7 days' > (shipped_at - ordered_at)] a difference of times cannot be compared with a duration; write `ordered_at + interval '7 days' > shipped_at`",
    );
    check(
        "shipped_at - ordered_at < '7 days'",
        "interval-comparison [shipped_at - ordered_at < '7 days'] a difference of times cannot be compared with a duration; write `shipped_at < ordered_at + interval '7 days'`",
    );
    check(
        "shipped_at - ordered_at > 7",
        "interval-comparison [shipped_at - ordered_at > 7] a difference of times cannot be compared with a duration; write `shipped_at > ordered_at + interval '7 days'`",
    );
    check("day - cast(ordered_at as date) > 7", r#""day" - CAST("ordered_at" AS DATE) > 7 :: boolean"#);
    check(
        "shipped_at <= ordered_at + interval '7 days'",
        r#""shipped_at" <= "ordered_at" + INTERVAL '7 days' :: boolean"#,
    );
    check(
        "shipped_at - ordered_at < ordered_at - shipped_at",
        r#""shipped_at" - "ordered_at" < "ordered_at" - "shipped_at" :: boolean"#,
    );
    check(
        "interval '7 dayz'",
        "bad-interval ['7 dayz'] `dayz` is not a unit of time; write it as '7 days' or '1 month'",
    );
}

#[test]
fn arithmetic_needs_numbers() {
    check("amount - refunded", r#""amount" - "refunded" :: decimal(13,2)"#);
    check("amount * quantity", r#""amount" * "quantity" :: decimal(33,2)"#);
    check("amount * 1.5", r#""amount" * 1.5 :: decimal(15,3)"#);
    check("amount * 1e3", r#""amount" * CAST('1e3' AS DOUBLE PRECISION) :: float"#);
    check("-8.05", "-8.05 :: decimal(3,2)");
    check(
        "quantity / 2",
        "\"quantity\" / 2 :: integer\ninteger-division [quantity / 2] both sides are whole numbers, so the fraction is dropped; write `cast(quantity as double) / 2` to keep the fraction",
    );
    check(
        "amount + paid",
        "type-mismatch [paid] `+` does not go with true or false; count it: `case when paid then 1 else 0 end`",
    );
    check("amount + Email", "type-mismatch [Email] `+` does not go with text; join text with `||`");
    check("Email + 'x'", "type-mismatch [Email] `+` does not go with text; join text with `||`");
    check("Email || quantity", r#""Email" || "quantity" :: text"#);
    check(
        "quantity || quantity",
        "type-mismatch [quantity] `||` joins text, and this is a whole number; cast it to text",
    );
    check("-Email", "type-mismatch [Email] only a number has a sign, and this is text");
    check("day + 7", r#""day" + 7 :: date"#);
    check(
        "ordered_at + 7",
        "type-mismatch [7] `+` does not go with a whole number; add a duration: `x + interval '7 days'`",
    );
    check(
        "not quantity",
        "not-a-condition [quantity] a condition is true or false, and this is a whole number; compare it, as in `x <> 0`",
    );
    check(
        "paid and Email",
        "not-a-condition [Email] a condition is true or false, and this is text; compare it, as in `x = 'yes'`",
    );
}

#[test]
fn written_numbers_are_decimal_unless_they_meet_a_float() {
    let lat = r#""address"['geo']['lat']"#;
    check("amount >= 8.05", r#""amount" >= 8.05 :: boolean"#);
    check("address.geo.lat >= 8.05", &format!("{lat} >= CAST(8.05 AS DOUBLE PRECISION) :: boolean"));
    check("8.05 = address.geo.lat", &format!("CAST(8.05 AS DOUBLE PRECISION) = {lat} :: boolean"));
    check("address.geo.lat > 8", &format!("{lat} > 8 :: boolean"));
    check(
        "address.geo.lat between -8.05 and 2 * (1.5)",
        &format!("{lat} BETWEEN CAST(-8.05 AS DOUBLE PRECISION) AND CAST(2 * (1.5) AS DOUBLE PRECISION) :: boolean"),
    );
    check("address.geo.lat in (0.5, 1)", &format!("{lat} IN (CAST(0.5 AS DOUBLE PRECISION), 1) :: boolean"));
    check(
        "address.geo.lat is distinct from 0.5",
        &format!("({lat} IS DISTINCT FROM CAST(0.5 AS DOUBLE PRECISION)) :: boolean"),
    );
    check("address.geo.lat * 1.18", &format!("{lat} * CAST(1.18 AS DOUBLE PRECISION) :: float"));
    check("coalesce(address.geo.lat, 0.5)", &format!("coalesce({lat}, CAST(0.5 AS DOUBLE PRECISION)) :: float"));
    check("coalesce(amount, 0.5)", r#"coalesce("amount", 0.5) :: decimal(12,2)"#);
    check(
        "case when paid then address.geo.lat else 0.5 end",
        &format!(r#"CASE WHEN "paid" THEN {lat} ELSE CAST(0.5 AS DOUBLE PRECISION) END :: float"#),
    );
    check(
        "case address.geo.lat when 0.5 then 1.25 else 2 end",
        &format!("CASE {lat} WHEN CAST(0.5 AS DOUBLE PRECISION) THEN 1.25 ELSE 2 END :: decimal(22,2)"),
    );
    check("power(amount, 0.5)", r#"power("amount", CAST(0.5 AS DOUBLE PRECISION)) :: float"#);
    check("round(amount * 0.5, 2)", r#"round("amount" * 0.5, 2) :: decimal(14,3)"#);
}

#[test]
fn a_divisor_of_zero_gives_null() {
    check("amount / 2.0", r#""amount" / 2.0 :: decimal(17,6)"#);
    check("amount / refunded", r#""amount" / nullif("refunded", CAST(0 AS DECIMAL(12,2))) :: decimal(18,6)"#);
    check("address.geo.lat / 1.5", r#""address"['geo']['lat'] / CAST(1.5 AS DOUBLE PRECISION) :: float"#);
    check("amount / 1e3", r#""amount" / CAST('1e3' AS DOUBLE PRECISION) :: float"#);
    check("amount / (refunded + 1)", r#""amount" / nullif("refunded" + 1, CAST(0 AS DECIMAL(23,2))) :: decimal(18,6)"#);
    check("amount / nullif(quantity, 0)", r#""amount" / nullif("quantity", 0) :: decimal(16,6)"#);
    check("amount / address.geo.lat", r#""amount" / nullif("address"['geo']['lat'], 0) :: float"#);
    check("cast(amount as double) / quantity", r#"CAST("amount" AS DOUBLE) / nullif("quantity", 0) :: float"#);
    check("quantity % order_id", r#""quantity" % nullif("order_id", 0) :: integer"#);
    check("amount / extra", r#""amount" / nullif("extra", 0) :: unknown"#);
    check(
        "quantity / order_id",
        "\"quantity\" / nullif(\"order_id\", 0) :: integer\ninteger-division [quantity / order_id] both sides are whole numbers, so the fraction is dropped; write `cast(quantity as double) / order_id` to keep the fraction",
    );
}

#[test]
fn functions_are_known() {
    check("ROUND(amount, 2)", r#"round("amount", 2) :: decimal(12,2)"#);
    check("lower(Email)", r#"lower("Email") :: text"#);
    check("lwoer(Email)", "unknown-function [lwoer] there is no function `lwoer`; did you mean `lower`?");
    check("lower()", "wrong-argument-count [lower] `lower` takes 1 argument, and got 0");
    check("lower(Email, 2)", "wrong-argument-count [lower] `lower` takes 1 argument, and got 2");
    check(
        "lower(quantity)",
        "wrong-argument-type [quantity] `lower` takes text here, and this is a whole number; cast it: `cast(quantity as text)`",
    );
    check(
        "datediff(day, ordered_at)",
        "unknown-function [datediff] there is no function `datediff`; subtract two dates, or write `date_part('epoch', a - b) / 86400`",
    );
    check(
        "iff(paid, 1, 2)",
        "unknown-function [iff] there is no function `iff`; write `case when … then … else … end`",
    );
    check("coalesce(amount, 0)", r#"coalesce("amount", 0) :: decimal(22,2)"#);
    check("date_trunc('month', ordered_at)", r#"date_trunc('month', "ordered_at") :: timestamp"#);
    check(
        "date_trunc('mouth', ordered_at)",
        "sql-unsupported ['mouth'] `date_trunc` does not know the part 'mouth'; did you mean 'month'?",
    );
    check("extract(year from ordered_at)", r#"EXTRACT(YEAR FROM "ordered_at") :: integer"#);
    check(
        "extract(yeer from ordered_at)",
        "sql-unsupported [ordered_at] the engine cannot extract `yeer`; did you mean `year`?",
    );
    check(
        "now()",
        "not-reproducible [now] `now` gives something else on every run; a run has one instant, `as_of`: use `within` in a trait or a segment, which counts from it",
    );
    check(
        "current_date",
        "not-reproducible [current_date] `current_date` gives something else on every run; a run has one instant, `as_of`: use `within` in a trait or a segment, which counts from it",
    );
    check(
        "random() < 0.1",
        "not-reproducible [random] `random` gives something else on every run; derive the value from the row, as in `md5(order_id)`",
    );
    check(
        "read_parquet('x')",
        "refused-function [read_parquet] `read_parquet` reads files, which SQL may not do here; declare the files as a table under `sources`",
    );
    check(
        "shop.lower(Email)",
        "unknown-function [shop.lower] there is no function `shop.lower`; functions have no schema",
    );
    check("array_length(tags)", r#"array_length("tags") :: integer"#);
    check("array_has(tags, 'a')", r#"array_has("tags", 'a') :: boolean"#);
    check("array_length(Email)", "wrong-argument-type [Email] `array_length` takes a list here, and this is text");
    check("trim(both ' ' from Email)", r#"TRIM(BOTH ' ' FROM "Email") :: text"#);
    check("substring(Email from 1 for 2)", r#"SUBSTRING("Email" FROM 1 FOR 2) :: text"#);
    check("position('@' in Email)", r#"POSITION('@' IN "Email") :: integer"#);
    check("floor(amount)", r#"FLOOR("amount") :: decimal(12,2)"#);
    check(
        "last(amount)",
        "unknown-function [last] there is no function `last`; `last` may stand only in a trait's `value`",
    );
}

#[test]
fn only_scalars_may_stand() {
    check(
        "sum(amount)",
        "misplaced-aggregate [sum] the aggregate `sum` may not stand in this expression; compute it in a model or a trait, and use its name here",
    );
    check(
        "sum(amount) over ()",
        "misplaced-window [sum] a window function may not stand in this expression; compute it in a query inside, and use its name outside",
    );
    check(
        "row_number()",
        "missing-over [row_number] `row_number` says nothing without a window; write `row_number(…) over (partition by … order by …)`",
    );
    check(
        "(select 1)",
        "misplaced-subquery [select 1] a query may not stand in this expression; make a model of it, and use its columns",
    );
    check(
        "exists (select 1)",
        "misplaced-subquery [select 1] a query may not stand in this expression; make a model of it, and use its columns",
    );
    check(
        "amount in (select 1)",
        "misplaced-subquery [amount in (select 1)] a query may not stand in this expression; make a model of it, and use its columns",
    );
    check(
        "unnest(tags)",
        "misplaced-unnest [unnest] `unnest` makes rows, so it may not stand in this expression; use it in a select list",
    );
    check("*", "sql-syntax [*] expected an expression, found *");
    check("$1", "sql-unsupported [$1] there are no parameters here, such as `$1`; write the value itself");
    check("amount rlike 'x'", "sql-unsupported [amount rlike 'x'] the engine has no `rlike`; write `x ~ 'pattern'`");
    check("extra -> 'x'", "sql-unsupported [extra -> 'x'] the engine has no operator `->`");
}

#[test]
fn cases_and_casts() {
    check("case when paid then amount else 0 end", r#"CASE WHEN "paid" THEN "amount" ELSE 0 END :: decimal(22,2)"#);
    check(
        "case when paid then amount else 'none' end",
        "type-mismatch ['none'] this branch is text, and another one a decimal number; let all branches give the same kind of value, with a cast if need be",
    );
    check(
        "case when paid then day else '2026-01-31' end",
        r#"CASE WHEN "paid" THEN "day" ELSE '2026-01-31' END :: date"#,
    );
    check("nvl(amount, 0)", r#"coalesce("amount", 0) :: decimal(22,2)"#);
    check(
        "case when paid then amount when quantity > 1 then day end",
        "type-mismatch [day] this branch is a date, and another one a decimal number; let all branches give the same kind of value, with a cast if need be",
    );
    check(
        "case Email when 5 then 1 end",
        "type-mismatch [5] text cannot be compared with a whole number; quote the number, or cast: `cast(Email as double)`",
    );
    check(
        "case when quantity then 1 end",
        "not-a-condition [quantity] a condition is true or false, and this is a whole number; compare it, as in `x <> 0`",
    );
    check("cast(amount as double)", r#"CAST("amount" AS DOUBLE) :: float"#);
    check("amount::int", r#""amount"::INT :: integer"#);
    check("cast(amount as varchar(20))", r#"CAST("amount" AS VARCHAR(20)) :: text"#);
    check("cast(amount as uint64)", "unknown-type [amount] the engine has no type `uint64`; write `bigint`");
    check(
        "cast('abc' as date)",
        "bad-date-literal ['abc'] `abc` is not a date or a time; write it as '2026-01-31' or '2026-01-31T12:00:00Z'",
    );
    check("try_cast('abc' as date)", "TRY_CAST('abc' AS DATE) :: date");
    check("timestamp '2026-01-31 10:00:00'", "TIMESTAMP '2026-01-31 10:00:00' :: timestamp");
    check(
        "date '2026-13-01'",
        "bad-date-literal ['2026-13-01'] `2026-13-01` is not a date or a time; write it as '2026-01-31' or '2026-01-31T12:00:00Z'",
    );
    check("ordered_at at time zone 'Europe/Istanbul'", r#""ordered_at" AT TIME ZONE 'Europe/Istanbul' :: timestamp"#);
    check("array[1, 2.5]", "ARRAY[1, 2.5] :: list(decimal(21,1))");
    check("null", "NULL :: null");
}

#[test]
fn contexts_say_what_is_wanted() {
    assert_eq!(run("amount > 5", Context::Condition), r#""amount" > 5 :: boolean"#);
    assert_eq!(
        run("amount", Context::Condition),
        "not-a-condition [amount] a condition is true or false, and this is a decimal number"
    );
    assert_eq!(run("ordered_at", Context::Time), r#""ordered_at" :: timestamp"#);
    assert_eq!(
        run("Email", Context::Time),
        "not-a-time [Email] this must be a date or a time, and is text; cast it: `cast(Email as timestamp)`"
    );
    assert_eq!(
        run("quantity", Context::Time),
        "not-a-time [quantity] this must be a date or a time, and is a whole number; convert it: `to_timestamp_seconds(quantity)`"
    );
}

#[test]
fn columns_that_are_read_are_listed_once() {
    let text = source("amount + amount + orders.quantity");
    let expr = parse_expr(&text, &mut vec![]).unwrap();
    let scope = Scope::table(Some("shop"), "orders", Some(orders()));
    let typed = type_expr(&text, &expr, &scope, Context::Scalar, &mut vec![]).unwrap();
    let names: Vec<_> = typed.columns.iter().map(|c| c.column.as_str()).collect();
    assert_eq!(names, ["amount", "quantity"]);
    assert_eq!(typed.columns[0].table, Some((Some("shop".to_owned()), "orders".to_owned())));
}

#[test]
fn long_chains_fit_the_stack() {
    let chain = format!("paid{}", " or paid".repeat(190));
    assert!(run(&chain, Context::Condition).ends_with(":: boolean"));
}

#[test]
fn rows_that_are_not_known_refuse_nothing() {
    let text = source("whatever > 5 and t.other = 'x'");
    let expr = parse_expr(&text, &mut vec![]).unwrap();
    let mut diags = vec![];
    let typed = type_expr(&text, &expr, &Scope::table(None, "t", None), Context::Condition, &mut diags).unwrap();
    assert_eq!((typed.expr.to_string().as_str(), diags), (r#""whatever" > 5 AND "other" = 'x'"#, vec![]));
}
