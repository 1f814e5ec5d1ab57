#!/usr/bin/env python3
"""What one would build by hand from the best separate tools: DuckDB makes the edges, scipy clusters them, and SQL written for
DuckDB computes the same traits and segments as `bench/project`, into Parquet.

    python3 bench/peers.py --data DIR --out DIR [--threads 2]

One process, as one would write it, so that nothing is paid for twice. Prints a line on standard error after each step.

What is left out in favour of the peers: normalising of phone numbers, first and last time seen of identifiers, limits, stable
ids, history, who entered and left segments.
"""

import argparse
import pathlib
import sys
import time

import duckdb
import numpy as np
import pyarrow as pa
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

AS_OF = "timestamptz '2026-11-21T00:00:00Z'"

# Kiosk cookies link nobody: the same rule as the project's `block`.
COOKIE = "case when anonymous_id not like 'kiosk-%' then anonymous_id end"

# A first letter for each kind of identifier keeps equal values of different kinds apart.
EDGES = f"""
create temp table pairs as
select distinct 'u' || user_id as a, 'k' || {COOKIE} as b, null::varchar as c from events
union all select distinct 'r' || contact_id, 'e' || lower(trim(email)), 'p' || phone from contacts
union all select distinct 'u' || user_id, 'e' || lower(trim(email)), null from customers
union all select distinct 'u' || user_id, 'e' || lower(trim(email)), null from orders;

create temp table nodes as
select value, (row_number() over () - 1)::int as node
from (select a as value from pairs union select b from pairs union select c from pairs)
where value is not null;
"""

EDGE_LIST = """
select x.node as a, y.node as b from pairs join nodes x on x.value = a join nodes y on y.value = b
union all
select x.node, y.node from pairs join nodes x on x.value = a join nodes y on y.value = c
union all
select x.node, y.node from pairs join nodes x on x.value = b join nodes y on y.value = c
where a is null
"""

# Rows get their profile with one join each: whatever value of a row is known leads to the same profile.
ROWS = f"""
create temp table event_rows as
select profile_id, type, occurred_at from events join ids on value = coalesce('u' || user_id, 'k' || {COOKIE});
create temp table order_rows as
select profile_id, order_id, category, amount, ordered_at
from orders join ids on value = coalesce('u' || user_id, 'e' || lower(trim(email))) where status = 'paid';
create temp table contact_rows as
select profile_id, first_name, country, consent, updated_at from contacts join ids on value = 'r' || contact_id;
"""

TRAITS = f"""
create temp table traits as
with o as (
  select profile_id,
    count(*) as orders_total, sum(amount) as gross_revenue, avg(amount) as average_order, max(amount) as largest_order,
    min(ordered_at) as first_order_at, max(ordered_at) as last_order_at,
    count(*) filter (ordered_at > {AS_OF} - interval 90 days and ordered_at <= {AS_OF}) as orders_90d,
    sum(amount) filter (ordered_at > {AS_OF} - interval 365 days and ordered_at <= {AS_OF}) as revenue_365d,
    count(*) filter (ordered_at > {AS_OF} - interval 365 days and ordered_at <= {AS_OF}) as orders_365d,
    count(*) filter (ordered_at > {AS_OF} - interval 7 days and ordered_at <= {AS_OF}) as orders_7d,
    count(distinct category) as categories
  from order_rows group by all
), favourite as (
  select profile_id, arg_min(category, (-n, category)) as favourite_category
  from (select profile_id, category, count(*) as n from order_rows group by all) group by all
), refunds as (
  select profile_id, sum(refunded) as refunds from returns join order_rows using (order_id) group by all
), e as (
  select profile_id, count(*) as events_total, max(occurred_at) as last_seen_at,
    count(*) filter (type = 'page' and occurred_at > {AS_OF} - interval 30 days and occurred_at <= {AS_OF}) as page_views_30d,
    count(*) filter (type = 'cart' and occurred_at > {AS_OF} - interval 7 days and occurred_at <= {AS_OF}) as carts_7d,
    count(*) filter (occurred_at > {AS_OF} - interval 30 days and occurred_at <= {AS_OF}) as events_30d,
    count(*) filter (occurred_at > {AS_OF} - interval 90 days and occurred_at <= {AS_OF}) as events_90d
  from event_rows group by all
), c as (
  select profile_id, arg_max(first_name, updated_at) as first_name, arg_max(country, updated_at) as country,
    arg_max(consent, updated_at) as consent
  from contact_rows group by all
)
select profile_id, first_name, country, coalesce(consent, false) as consent,
  coalesce(orders_total, 0) as orders_total, coalesce(gross_revenue, 0) as gross_revenue, coalesce(refunds, 0) as refunds,
  coalesce(gross_revenue, 0) - coalesce(refunds, 0) as lifetime_value, average_order, largest_order,
  first_order_at, last_order_at, coalesce(orders_90d, 0) as orders_90d, coalesce(revenue_365d, 0) as revenue_365d,
  coalesce(categories, 0) as categories, favourite_category,
  coalesce(page_views_30d, 0) as page_views_30d, coalesce(carts_7d, 0) as carts_7d,
  coalesce(events_total, 0) as events_total, last_seen_at,
  coalesce(gross_revenue, 0) - coalesce(refunds, 0) >= 500 as is_vip,
  coalesce(orders_365d, 0) as _orders_365d, coalesce(orders_7d, 0) as _orders_7d,
  coalesce(events_30d, 0) as _events_30d, coalesce(events_90d, 0) as _events_90d
from (select distinct profile_id from ids) left join o using (profile_id) left join favourite using (profile_id)
  left join refunds using (profile_id) left join e using (profile_id) left join c using (profile_id)
"""

SEGMENTS = {
    "vips": "lifetime_value >= 500",
    "active": "_events_30d >= 3",
    "lapsed": "_orders_365d >= 2 and orders_90d = 0",
    "cart_abandoners": "carts_7d >= 1 and _orders_7d = 0",
    "turkey_germany": "country in ('TR', 'DE')",
    "consented": "consent",
    "returners": "refunds > 0",
    "vips_at_risk": "lifetime_value >= 500 and _orders_365d >= 2 and page_views_30d = 0 and (country in ('TR', 'DE') or consent)",
    "prospects": "orders_total = 0 and _events_90d >= 5 and not consent",
}
TOP = """
select 'best' as segment, profile_id from (
  select profile_id from traits where lifetime_value > 0 order by lifetime_value desc, profile_id
  limit (select ceil(count(*) * 0.01)::bigint from traits where lifetime_value > 0))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    out = pathlib.Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    db = duckdb.connect(config={"threads": args.threads})
    db.execute("set preserve_insertion_order = false; set timezone = 'UTC'")
    for name, path in {
        "events": "web/events/*.parquet", "contacts": "crm/contacts.parquet", "customers": "shop/customers.parquet",
        "orders": "shop/orders/*.parquet", "returns": "shop/returns.parquet",
    }.items():
        db.execute(f"create view {name} as from read_parquet('{args.data}/{path}')")
    run("edges", lambda: edges(db))
    run("clusters", lambda: clusters(db, out))
    run("rows", lambda: db.execute(ROWS))
    run("traits", lambda: traits(db, out))
    run("segments", lambda: segments(db, out))


def run(step: str, work) -> None:
    begin = time.monotonic()
    work()
    print(f"{step}: done, {time.monotonic() - begin:.2f} s", file=sys.stderr)


def edges(db: duckdb.DuckDBPyConnection) -> None:
    db.execute(EDGES)
    db.execute(f"create temp table edges as {EDGE_LIST}")


def clusters(db: duckdb.DuckDBPyConnection, out: pathlib.Path) -> None:
    pairs = db.execute("select a, b from edges").fetchnumpy()
    count = db.execute("select count(*) from nodes").fetchall()[0][0]
    graph = coo_matrix((np.ones(len(pairs["a"]), dtype=bool), (pairs["a"], pairs["b"])), shape=(count, count))
    _, labels = connected_components(graph, directed=False)
    labelled = pa.table({"node": np.arange(count, dtype=np.int32), "profile_id": labels})
    db.register("labelled", labelled)
    db.execute("create temp table ids as select value, profile_id from nodes join labelled using (node)")
    db.execute("drop table pairs; drop table edges; drop table nodes")
    db.execute(f"copy ids to '{out}/identifiers.parquet' (compression zstd)")


def traits(db: duckdb.DuckDBPyConnection, out: pathlib.Path) -> None:
    db.execute(TRAITS)
    db.execute(f"copy (select columns('^[^_].*') from traits) to '{out}/profiles.parquet' (compression zstd)")


def segments(db: duckdb.DuckDBPyConnection, out: pathlib.Path) -> None:
    members = [f"select '{name}' as segment, profile_id from traits where {rule}" for name, rule in SEGMENTS.items()]
    db.execute(f"copy ({' union all '.join([*members, f'({TOP})'])}) to '{out}/segments.parquet' (compression zstd)")


if __name__ == "__main__":
    main()
