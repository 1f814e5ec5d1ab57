use super::{Shop, name_of, render, source};
use crate::{Origin, parse_query, type_query};

fn full(origin: &Origin) -> String {
    let table = &origin.table;
    format!("{}{}.{}", table.0.as_ref().map(|s| format!("{s}.")).unwrap_or_default(), table.1, origin.column)
}

fn run(sql: &str) -> (String, String) {
    let text = source(sql);
    let mut diags = vec![];
    let parsed = parse_query(&text, &mut diags);
    let typed = parsed.and_then(|q| type_query(&text, &q, &Shop, &mut diags));
    assert_eq!(typed.is_none(), diags.iter().any(kinfold_base::Diagnostic::is_error), "{sql}: {diags:?}");
    let Some(typed) = typed else { return (render(sql, &diags), String::new()) };
    let columns: Vec<String> = typed
        .schema
        .columns
        .iter()
        .zip(&typed.origins)
        .zip(&typed.inputs)
        .map(|((column, origin), inputs)| {
            let from: Vec<String> = inputs.iter().map(full).collect();
            let from = match origin {
                Some(unchanged) => format!(" = {}", full(&unchanged.origin)),
                None if from.is_empty() => String::new(),
                None => format!(" < {}", from.join(", ")),
            };
            format!("{} {}{from}", column.name, name_of(&column.ty))
        })
        .collect();
    (typed.query.to_string(), columns.join("; "))
}

/// The columns of a query: name, type, `=` what it is unchanged or `<` what flows into it; or diagnostics.
fn check(sql: &str, expected: &str) {
    let (query, columns) = run(sql);
    assert_eq!(if columns.is_empty() { query } else { columns }, expected, "{sql}");
}

fn check_sql(sql: &str, expected: &str) {
    assert_eq!(run(sql).0, expected, "{sql}");
}

/// Columns that come from the same rows of a table stand together.
fn check_rows(sql: &str, expected: &str) {
    let text = source(sql);
    let mut diags = vec![];
    let query = parse_query(&text, &mut diags).unwrap();
    let typed = type_query(&text, &query, &Shop, &mut diags).unwrap();
    let mut rows: Vec<(usize, Vec<&str>)> = vec![];
    for (name, origin) in typed.schema.names().zip(&typed.origins) {
        let Some(origin) = origin else { continue };
        match rows.iter_mut().find(|(occurrence, _)| *occurrence == origin.occurrence) {
            Some((_, names)) => names.push(name),
            None => rows.push((origin.occurrence, vec![name])),
        }
    }
    let rows: Vec<String> = rows.into_iter().map(|(_, names)| names.join(" ")).collect();
    assert_eq!(rows.join(", "), expected, "{sql}");
}

#[test]
fn columns_of_one_row_are_told_from_those_of_another() {
    check_rows("select customer_id, email from shop.customers", "customer_id email");
    check_rows(
        "select a.customer_id, b.email, a.name from shop.customers a join shop.customers b on a.name = b.name",
        "customer_id name, email",
    );
    check_rows(
        "with c as (select customer_id, email, name from shop.customers) select a.customer_id, a.name, b.email from c a, c b",
        "customer_id name, email",
    );
    check_rows(
        "select t.customer_id, t.email from (select customer_id, email, born from shop.customers) t where born is null",
        "customer_id email",
    );
    check_rows(
        "select customer_id, email from shop.customers union all select customer_id, email from shop.customers",
        "customer_id email",
    );
    check_rows(
        "select customer_id, email from shop.customers union all select a.customer_id, b.email from shop.customers a, shop.customers b",
        "customer_id, email",
    );
    check_rows(
        "select a.customer_id, b.email from shop.customers a, shop.customers b union all by name select email, customer_id from shop.customers",
        "customer_id, email",
    );
}

#[test]
fn names_are_written_in_full() {
    check_sql(
        "select order_id, o.Email as mail from shop.orders o where paid",
        r#"SELECT "o"."order_id", "o"."Email" AS "mail" FROM "shop"."orders" AS "o" WHERE "o"."paid""#,
    );
    check_sql("select amount from paid_orders", r#"SELECT "paid_orders"."amount" FROM "paid_orders" AS "paid_orders""#);
    check_sql(
        "select orders.amount, shop.orders.day from shop.orders",
        r#"SELECT "orders"."amount", "orders"."day" FROM "shop"."orders" AS "orders""#,
    );
    check_sql(
        "select o.amount from shop.orders o join shop.customers c using (customer_id)",
        r#"SELECT "o"."amount" FROM "shop"."orders" AS "o" JOIN "shop"."customers" AS "c" USING("customer_id")"#,
    );
    check_sql(
        "with T as (select order_id n from paid_orders) select n from t order by n limit 5",
        r#"WITH "t" AS (SELECT "paid_orders"."order_id" AS "n" FROM "paid_orders" AS "paid_orders") SELECT "t"."n" FROM "t" AS "t" ORDER BY "n" LIMIT 5"#,
    );
    check_sql(
        "select customer_id, sum(amount) as total from paid_orders group by customer_id having total > 5 order by total desc",
        r#"SELECT "paid_orders"."customer_id", sum("paid_orders"."amount") AS "total" FROM "paid_orders" AS "paid_orders" GROUP BY "paid_orders"."customer_id" HAVING "total" > 5 ORDER BY "total" DESC"#,
    );
    check_sql(
        "select x.n from (select quantity as n from paid_orders) x",
        r#"SELECT "x"."n" FROM (SELECT "paid_orders"."quantity" AS "n" FROM "paid_orders" AS "paid_orders") AS "x""#,
    );
    check_sql("from paid_orders select amount", r#"SELECT "paid_orders"."amount" FROM "paid_orders" AS "paid_orders""#);
    check_sql(
        "select name from shop.customers c where exists (select 1 from paid_orders p where p.customer_id = c.customer_id)",
        r#"SELECT "c"."name" FROM "shop"."customers" AS "c" WHERE EXISTS (SELECT 1 FROM "paid_orders" AS "p" WHERE "p"."customer_id" = "c"."customer_id")"#,
    );
}

#[test]
fn columns_are_followed() {
    check(
        "select * from shop.customers",
        "customer_id integer = shop.customers.customer_id; name text = shop.customers.name; email text = shop.customers.email; born date = shop.customers.born",
    );
    check(
        "select c.* exclude (born) from shop.customers c",
        "customer_id integer = shop.customers.customer_id; name text = shop.customers.name; email text = shop.customers.email",
    );
    check(
        "select * replace (upper(name) as name) from shop.customers",
        "customer_id integer = shop.customers.customer_id; name text < shop.customers.name; email text = shop.customers.email; born date = shop.customers.born",
    );
    check(
        "select * from shop.customers join (select customer_id, count(*) as n from paid_orders group by 1) t using (customer_id)",
        "customer_id integer = shop.customers.customer_id; name text = shop.customers.name; email text = shop.customers.email; born date = shop.customers.born; n integer",
    );
    check(
        "select name || ' <' || email || '>' as who from shop.customers",
        "who text < shop.customers.email, shop.customers.name",
    );
    check(
        "with t as (select customer_id, max(amount) as best from paid_orders group by customer_id) select c.email, t.best from t join shop.customers c on c.customer_id = t.customer_id",
        "email text = shop.customers.email; best decimal(12,2) < paid_orders.amount",
    );
    check(
        "select email from shop.customers union all select Email from paid_orders",
        "email text < paid_orders.Email, shop.customers.email",
    );
    check(
        "select email from shop.customers union all select email from shop.customers",
        "email text = shop.customers.email",
    );
    check("select email from shop.customers except select Email from paid_orders", "email text = shop.customers.email");
    check(
        "select (select max(p.amount) from paid_orders p where p.customer_id = c.customer_id) as best from shop.customers c",
        "best decimal(12,2) < paid_orders.amount",
    );
    check(
        "select case when born > '2000-01-01' then name end as young from shop.customers",
        "young text < shop.customers.born, shop.customers.name",
    );
    check("select row_number() over (partition by customer_id order by ordered_at) as n from paid_orders", "n integer");
    check(
        "select lag(amount) over w as before from paid_orders window w as (order by ordered_at)",
        "before decimal(12,2) < paid_orders.amount",
    );
    check("select unnest(tags) as tag from paid_orders", "tag text < paid_orders.tags");
    check(
        "select u.tag from paid_orders p cross join unnest(p.tags) as u(tag)",
        "misplaced-unnest [p.tags] the engine takes no columns in an `unnest` after `from`; unnest in a select list: `select unnest(tags) as tag, …`",
    );
    check(
        "select order_id from shop.orders full join web.orders using (order_id)",
        "order_id integer < shop.orders.order_id, web.orders.order_id",
    );
    check(
        "select order_id from shop.orders right join web.orders using (order_id)",
        "order_id integer = web.orders.order_id",
    );
    check("select * from (values (1, 'a'), (2, null)) as t(n, s)", "n integer; s text");
    check(
        "select address.city, address['geo'].lat from paid_orders",
        "City text < paid_orders.address; lat float < paid_orders.address",
    );
    check("with recursive t(n) as (select 1 union all select n + 1 from t where n < 9) select n from t", "n integer");
    check(
        "select count(*) filter (where paid) as n, string_agg(Email, ',' order by day) as all_of_them from paid_orders",
        "n integer; all_of_them text < paid_orders.Email",
    );
    check(
        "select percentile_cont(0.5) within group (order by amount) as p from paid_orders",
        "p float < paid_orders.amount",
    );
    check(
        "select distinct on (customer_id) customer_id, amount from paid_orders order by customer_id, ordered_at desc",
        "customer_id integer = paid_orders.customer_id; amount decimal(12,2) = paid_orders.amount",
    );
    check(
        "select date_trunc('month', ordered_at) as month, sum(amount) as total from paid_orders group by month order by 1",
        "month timestamp < paid_orders.ordered_at; total decimal(22,2) < paid_orders.amount",
    );
}

#[test]
fn wrong_names_are_found() {
    check(
        "select * from shop.ordrs",
        "unknown-table [shop.ordrs] there is no table `shop.ordrs`; did you mean `shop.orders`?",
    );
    check("select * from orders", "unknown-table [orders] there is no table `orders`; did you mean `shop.orders`?");
    check(
        "select * from customers",
        "unknown-table [customers] there is no table `customers`; did you mean `shop.customers`?",
    );
    check(
        "select * from 'data.parquet'",
        "unknown-table [select * from 'data.parquet'] there is no table `data.parquet`; files are declared as tables under `sources`, and named",
    );
    check(
        "select * from read_parquet('x')",
        "refused-function [read_parquet] `read_parquet` makes a table out of a call, which SQL may not do here; declare the files as a table under `sources`, and name it",
    );
    check(
        "select amuont from paid_orders",
        "unknown-column [amuont] there is no column `amuont` here; did you mean `amount`?",
    );
    check("select p.nope from paid_orders p", "unknown-column [nope] `p` has no column `nope`");
    check(
        "select q.amount from paid_orders p",
        "unknown-column [q] there is no table or record `q` here; did you mean `p`?",
    );
    check(
        "select customer_id from paid_orders, shop.customers",
        "ambiguous-column [customer_id] `customer_id` is a column of more than one table; say which one: `paid_orders.customer_id` or `customers.customer_id`",
    );
    check(
        "select 1 as a from paid_orders join paid_orders on true",
        "duplicate-relation [paid_orders] there are two tables called `paid_orders` here; give one of them another name: `… as paid_orders2`",
    );
    check(
        "select customer_id, customer_id from paid_orders",
        "duplicate-column [customer_id] there are two columns called `customer_id`; give one another name with `as`, or leave it out: `* exclude (…)`",
    );
    check(
        "select * from paid_orders p join shop.customers c on p.customer_id = c.customer_id",
        "duplicate-column [*] there are two columns called `customer_id`; give one another name with `as`, or leave it out: `* exclude (…)`",
    );
    check(
        "select count(*) from paid_orders",
        "unnamed-column [count] this column has no name; give it one: `… as total`",
    );
    check("select * exclude (nope) from paid_orders", "unknown-column [nope] `*` has no column `nope` to leave out");
    check("select nope.* from paid_orders", "unknown-table [nope] there is no table `nope` here");
    check(
        "with t as (select 1 as a), t as (select 2 as b) select a from t",
        "duplicate-relation [t] `t` is defined twice\nunknown-column [a] there is no column `a` here; did you mean `b`?",
    );
    check(
        "select sum(amount) over x as y from paid_orders window w as (order by day)",
        "unknown-window [x] there is no window `x`; did you mean `w`?",
    );
}

#[test]
fn wrong_shapes_are_found() {
    check(
        "select (select amount from paid_orders p where p.customer_id = c.customer_id) as a from shop.customers c",
        "misplaced-subquery [select amount from paid_orders p where p.customer_id = c.customer_id] the engine cannot run this subquery for each row outside of it; let it give one aggregate, with `=` between inner and outer columns; or join instead",
    );
    check(
        "select exists (select 1 from paid_orders) as e from shop.customers",
        "misplaced-subquery [select 1 from paid_orders] the engine cannot run `exists` and `in (select …)` in a select list; use it in `where`, or join with `left join` and look whether something was found",
    );
    check(
        "select amount from shop.orders join web.orders on true",
        "ambiguous-column [amount] `amount` is a column of more than one table; say which one: `orders.amount` or `web.orders.amount`",
    );
    check(
        "select sum(unnest(tags)) as s from paid_orders",
        "misplaced-unnest [unnest] `unnest` makes rows, so it may not stand in an aggregate; use it in a select list\nwrong-argument-type [unnest(tags)] `sum` takes a number here, and this is text; cast it: `cast(unnest(tags) as double)`",
    );
    check("select amount from paid_orders limit -1", "sql-unsupported [1] a limit is not negative");

    check(
        "select amount, count(*) as n from paid_orders",
        "ungrouped-column [amount] `amount` is neither grouped by nor inside an aggregate; add it to `group by`, or take one value: `max(amount)`",
    );
    check(
        "select day, amount from paid_orders group by day",
        "ungrouped-column [amount] `amount` is neither grouped by nor inside an aggregate; add it to `group by`, or take one value: `max(amount)`",
    );
    check(
        "select sum(amount) as s from paid_orders where sum(amount) > 5",
        "misplaced-aggregate [sum] the aggregate `sum` may not stand in `where`; use `having` for conditions on aggregates",
    );
    check(
        "select sum(sum(amount)) as s from paid_orders",
        "nested-aggregate [sum] the aggregate `sum` may not stand in an aggregate; compute the inner one in a query of its own",
    );
    check(
        "select amount from paid_orders having amount > 5",
        "ungrouped-column [amount > 5] `having` is for groups, and there are none; use `where`",
    );
    check("select amount from paid_orders group by 2", "bad-ordinal [2] there is no column 2; the select list has 1");
    check("select amount from paid_orders order by 2", "bad-ordinal [2] there is no column 2; the select list has 1");
    check(
        "select distinct amount from paid_orders order by day",
        "order-not-selected [day] `select distinct` can be ordered by what it selects only; select it under a name and order by that name, or group by instead",
    );
    check(
        "select amount from paid_orders where quantity",
        "not-a-condition [quantity] a condition is true or false, and this is a whole number; compare it, as in `x <> 0`",
    );
    check(
        "select amount from paid_orders where row_number() over () = 1",
        "misplaced-window [row_number] a window function may not stand in `where`; compute it in a query inside, and use its name outside",
    );
    check(
        "select amount from paid_orders limit 'x'",
        "wrong-argument-type ['x'] `limit` takes a whole number here, and this is text",
    );
    check(
        "select amount from paid_orders fetch first 5 rows only",
        "sql-unsupported [select amount from paid_orders fetch first 5] `fetch` is not known here; write `limit`",
    );
    check(
        "select top 5 amount from paid_orders",
        "sql-unsupported [select top 5 amount from paid_orders] `top` is not known here; write `limit`",
    );
    check(
        "select amount from paid_orders for update",
        "sql-unsupported [select amount from paid_orders] `for update` has no place in a query that only reads",
    );
    check(
        "select 1 as a union select 1, 2",
        "column-count [select 1, 2] this query has 2 columns, and the one before it 1",
    );
    check(
        "select 1 as a union select 'x'",
        "type-mismatch [select 'x'] column `a` is text here, and a whole number in the query before; cast one of them",
    );
    check(
        "select amount from paid_orders where customer_id in (select name from shop.customers)",
        "type-mismatch [customer_id] a whole number cannot be compared with text; cast one of them",
    );
    check(
        "select amount from paid_orders where customer_id in (select * from shop.customers)",
        "column-count [select * from shop.customers] one column is wanted here, and this query has 4",
    );
    check(
        "select amount from paid_orders p join shop.customers c",
        "join-without-condition [c] this join says not which rows belong together; add `on a.id = b.id`, or write `cross join` if every pair is meant",
    );
    check(
        "select amount from paid_orders p join shop.customers c on c.name = p.amount",
        "type-mismatch [p.amount] text cannot be compared with a decimal number; quote the number, or cast: `cast(c.name as double)`",
    );
    check(
        "select amount from paid_orders p join shop.customers c using (name)",
        "unknown-column [name] both sides of a join `using` a column must have it, and one has no `name`",
    );
    check(
        "select * from (values (1), (2, 3)) t(a)",
        "column-count [(2, 3)] this row has 2 values, and the first one 1",
    );
    check(
        "select now() as n from paid_orders",
        "not-reproducible [now] `now` gives something else on every run; a run has one instant, `as_of`: use `within` in a trait or a segment, which counts from it",
    );
    check(
        "select * from paid_orders tablesample (10)",
        "sql-unsupported [paid_orders] the engine takes no samples; order by a hash of the key and limit",
    );
    check(
        "select * from generate_series(1, 3)",
        "refused-function [generate_series] `generate_series` makes a table out of a call, which SQL may not do here; write `unnest(generate_series(1, 10)) as s(n)`",
    );
    check(
        "select amount from paid_orders where unnest(tags) = 'a'",
        "misplaced-unnest [unnest] `unnest` makes rows, so it may not stand in `where`; use it in a select list",
    );
}

#[test]
fn unknown_schemas_refuse_nothing() {
    let text = source("select a, b.c, count(*) as n from crm.broken b group by 1, 2");
    let query = parse_query(&text, &mut vec![]).unwrap();
    let mut diags = vec![];
    let typed = type_query(&text, &query, &Shop, &mut diags).unwrap();
    assert_eq!((typed.schema.names().collect::<Vec<_>>(), diags), (vec!["a", "c", "n"], vec![]));
    let text = source("select * from crm.broken");
    let query = parse_query(&text, &mut vec![]).unwrap();
    let mut diags = vec![];
    assert_eq!((type_query(&text, &query, &Shop, &mut diags), diags), (None, vec![]));
}
