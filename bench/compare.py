"""Compares what Kinfold and the peers have written. Profiles are numbered differently, so each is met through its smallest
identifier, which both know.

    python3 bench/compare.py LAKE ROOT
"""

import pathlib
import sys

import duckdb
from deltalake import DeltaTable

PREFIX = {"user_id": "u", "crm_id": "r", "email": "e", "phone": "p", "cookie": "k"}
TRAITS = """first_name country consent orders_total gross_revenue refunds lifetime_value average_order largest_order first_order_at
last_order_at orders_90d revenue_365d categories favourite_category page_views_30d carts_7d events_total last_seen_at
is_vip""".split()


def compare(lake: pathlib.Path, root: pathlib.Path) -> None:
    db = duckdb.connect()
    db.execute("set timezone = 'UTC'")
    for name in ("customer", "customer_identifiers", "customer_segments"):
        files = DeltaTable(lake / "kinfold" / name).file_uris()
        db.execute(f"create view k_{name} as from read_parquet({files!r})")
    for name in ("identifiers", "profiles", "segments"):
        db.execute(f"create view p_{name} as from read_parquet('{root}/peers/{name}.parquet')")
    prefix = "case identifier " + " ".join(f"when '{name}' then '{letter}'" for name, letter in PREFIX.items()) + " end"
    db.execute(f"create table k_ids as select {prefix} || value as value, profile_id from k_customer_identifiers")
    # For each profile the smallest of its identifiers; equal clusters have equal sets, and so equal hashes.
    for tool, ids in (("k", "k_ids"), ("p", "p_identifiers")):
        db.execute(f"""create table {tool}_anchor as select profile_id, min(value) as anchor, count(*) as size,
            bit_xor(hash(value)) as members from {ids} group by all""")
    expect_none(db, "clusters", """
        (select anchor, size, members from k_anchor except all select anchor, size, members from p_anchor)
        union all (select anchor, size, members from p_anchor except all select anchor, size, members from k_anchor)""")
    different = " or ".join(f"({equal(name)}) is not true" for name in TRAITS)
    expect_none(db, "profiles", f"""
        select anchor, k.*, p.* from (from k_anchor join k_customer using (profile_id)) as k
        full join (from p_anchor join p_profiles using (profile_id)) as p using (anchor) where {different}""")
    # `best` breaks ties by the profile's own id, which differs: there only its size can be compared.
    expect_none(db, "segments", """
        with k as (select segment, anchor from k_customer_segments join k_anchor using (profile_id) where segment <> 'best'),
             p as (select segment, anchor from p_segments join p_anchor using (profile_id) where segment <> 'best')
        (from k except all from p) union all (from p except all from k)""")
    expect_none(db, "size of the segment `best`", """
        select k.n, p.n from (select count(*) as n from k_customer_segments where segment = 'best') as k,
            (select count(*) as n from p_segments where segment = 'best') as p where k.n <> p.n""")
    truth(db, root)


def equal(name: str) -> str:
    if name == "average_order":
        # A decimal in one, a double in the other.
        return f"k.{name} is not distinct from p.{name} or abs(k.{name}::double - p.{name}::double) < 0.01"
    return f"k.{name} is not distinct from p.{name}"


def expect_none(db: duckdb.DuckDBPyConnection, what: str, query: str) -> None:
    rows = db.execute(f"select * from ({query}) limit 5").fetchall()
    if rows:
        sys.exit(f"{what} differ, for example:\n" + "\n".join(map(str, rows)))
    print(f"the same {what}")


def truth(db: duckdb.DuckDBPyConnection, root: pathlib.Path) -> None:
    """Pairs of identifiers in one profile that belong to one person (precision), and the other way round (recall)."""
    prefix = "case identifier " + " ".join(f"when '{name}' then '{letter}'" for name, letter in PREFIX.items()) + " end"
    pairs, right, wanted = db.execute(f"""
        with seen as (select person, profile_id from k_ids
            join (select {prefix} || value as value, person from read_parquet('{root}/truth.parquet')) using (value)),
          pairs(n) as (select sum(n * (n - 1) / 2) from (select count(*) as n from seen group by profile_id)),
          wanted(n) as (select sum(n * (n - 1) / 2) from (select count(*) as n from seen group by person)),
          right_(n) as (select sum(n * (n - 1) / 2) from (select count(*) as n from seen group by profile_id, person))
        select pairs.n, right_.n, wanted.n from pairs, right_, wanted""").fetchall()[0]
    print(f"pairwise precision {right / pairs:.4f}, recall {right / wanted:.4f}")


if __name__ == "__main__":
    compare(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
