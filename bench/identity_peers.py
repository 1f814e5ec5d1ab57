#!/usr/bin/env python3
"""What others have for the identity step: each peer is one command, a process that goes from disk to disk.

    python3 bench/identity_peers.py edges|scipy|contraction|splink|tables|new_rows --data DIR --out DIR [--result DIR] [--new DIR]

| command | reads | writes |
|---|---|---|
| `edges` | the sources | `nodes.parquet` (value, node), `edges.parquet` (a, b): values as integers, by DuckDB |
| `scipy` | nodes, edges | `scipy.parquet` (node, label), by `scipy.sparse.csgraph.connected_components` |
| `contraction` | edges | `contraction.parquet`, by DuckDB and randomised contraction |
| `splink` | nodes, edges | `splink.parquet`, by Splink's own clustering over DuckDB |
| `tables` | a result, then the sources | the tables of that result: what reading and writing take, if there is nothing to find out in between |
| `new_rows` | new rows, a result without them, the sources | the values of the profiles that new rows touch, and the list of profiles: what fetching and writing take, if nothing is linked |

Randomised contraction is that of Bögeholz, Brand, Todor: In-database connected component analysis, ICDE 2020.

Left out in favour of the peers: whether a phone number is valid, first and last times, ids that stay, history. Nodes without an
edge have no label in `contraction.parquet`, as that algorithm knows edges only.
Prints a line on standard error after each step; what is in none of them is Python's start and its imports.
"""

import argparse
import pathlib
import random

import duck

# Each command imports what it needs and no more: imports count as its time and memory.

EMAIL = "nullif(lower(trim(email)), '')"
# As long as there is one country, a number is its last ten digits.
PHONE = "'+90' || right(regexp_replace(phone, '[^0-9]', '', 'g'), 10)"

SOURCES = {
    "contacts": "crm/contacts.parquet", "orders": "shop/orders/*.parquet",
    "sessions": "web/sessions/*.parquet", "installs": "app/installs.parquet",
}

# A first letter for each kind of identifier keeps equal values of different kinds apart. Rows of three values need two edges.
VALUES = f"""
create temp table linked as
select 'u' || user_id as a, 'e' || {EMAIL} as b, 'p' || {PHONE} as c from contacts
union select 'u' || user_id, 'e' || {EMAIL}, 'p' || {PHONE} from orders
union all select distinct 'u' || user_id, 'k' || anonymous_id, null from sessions
union all select distinct 'u' || user_id, 'e' || {EMAIL}, 'd' || device_id from installs;

create temp table nodes as
select value, (row_number() over () - 1)::int as node
from (select a as value from linked union select b from linked union select c from linked)
where value is not null;
"""
EDGES = """
select x.node as a, y.node as b from linked join nodes x on x.value = a join nodes y on y.value = b
union
select x.node, y.node from linked join nodes x on x.value = coalesce(a, b) join nodes y on y.value = c
"""

# A prime above every node's number: x -> (a * x + b) mod PRIME is then a bijection, and its steps fit 64 bits.
PRIME = 2_147_483_647


def main() -> None:
    commands = {"edges": edges, "scipy": scipy, "contraction": contraction, "splink": splink, "tables": tables, "new_rows": new_rows}
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("command", choices=commands)
    parser.add_argument("--data", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--result", type=pathlib.Path, help="tables of Kinfold's from one run alone; for `tables` and `new_rows`")
    parser.add_argument("--new", help="where orders and sessions have new rows alone; for `new_rows`")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    out = pathlib.Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    commands[args.command](args, out)


def edges(args: argparse.Namespace, out: pathlib.Path) -> None:
    db = duck.connect(args.threads)
    for name, path in SOURCES.items():
        db.execute(f"create view {name} as from read_parquet('{args.data}/{path}')")
    with duck.step("values"):
        db.execute(VALUES)
    with duck.step("edges"):
        duck.save(db, f"({EDGES})", out / "edges.parquet")
    with duck.step("nodes"):
        duck.save(db, "nodes", out / "nodes.parquet")


def scipy(args: argparse.Namespace, out: pathlib.Path) -> None:
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    with duck.step("labels"):
        count = pq.read_metadata(out / "nodes.parquet").num_rows
        edges = pq.read_table(out / "edges.parquet")
        ends = edges["a"].to_numpy(), edges["b"].to_numpy()
        graph = coo_matrix((np.ones(len(edges), dtype=bool), ends), shape=(count, count))
        del edges, ends
        _, labels = connected_components(graph, directed=False)
        table = pa.table({"node": np.arange(count, dtype=np.int32), "label": labels})
        pq.write_table(table, out / "scipy.parquet", compression="zstd")


def contraction(args: argparse.Namespace, out: pathlib.Path) -> None:
    """Each round maps all labels by a random bijection, each node takes the least of its own and its neighbours' new labels, and
    what has one label becomes one node. The way back joins the labels of the rounds."""
    db, rng = duck.connect(args.threads), random.Random(1)
    with duck.step("labels"):
        db.execute(f"""
            create temp table graph as
            select a::bigint as v, b::bigint as w from read_parquet('{out}/edges.parquet')
            union all select b, a from read_parquet('{out}/edges.parquet')""")
        maps = []
        while db.execute("select exists (from graph)").fetchone()[0]:
            maps.append((rng.randrange(1, PRIME), rng.randrange(PRIME)))
            contract(db, len(maps), *maps[-1])
        # What later rounds make of a label; of a node that had no edge left in them, nothing else is known.
        a, b = 1, 0
        for number in range(len(maps) - 1, 0, -1):
            later_a, later_b = maps[number]
            a, b = a * later_a % PRIME, (a * later_b + b) % PRIME
            expand(db, number, a, b)
        duck.save(db, "(select v::int as node, rep as label from reps1)", out / "contraction.parquet")


def contract(db, number: int, a: int, b: int) -> None:
    reps = f"reps{number}"
    db.execute(f"""
        create temp table {reps} as
        select v, least({mapped(a, "v", b)}, min({mapped(a, "w", b)})) as rep from graph group by v""")
    db.execute(f"""
        create temp table contracted as
        select distinct x.rep as v, y.rep as w
        from graph join {reps} as x on x.v = graph.v join {reps} as y on y.v = graph.w where x.rep <> y.rep""")
    db.execute("drop table graph; alter table contracted rename to graph")


def expand(db, number: int, a: int, b: int) -> None:
    early, late = f"reps{number}", f"reps{number + 1}"
    db.execute(f"""
        create temp table expanded as
        select {early}.v, coalesce({late}.rep, {mapped(a, f"{early}.rep", b)}) as rep
        from {early} left join {late} on {late}.v = {early}.rep""")
    db.execute(f"drop table {early}; drop table {late}; alter table expanded rename to {early}")


def mapped(a: int, x: str, b: int) -> str:
    return f"({a} * {x} + {b}) % {PRIME}"


def splink(args: argparse.Namespace, out: pathlib.Path) -> None:
    from splink import DuckDBAPI
    from splink.clustering import cluster_pairwise_predictions_at_threshold

    db = duck.connect(args.threads)
    with duck.step("labels"):
        clusters = cluster_pairwise_predictions_at_threshold(
            db.sql(f"select node from read_parquet('{out}/nodes.parquet')"),
            db.sql(f"select a, b from read_parquet('{out}/edges.parquet')"),
            DuckDBAPI(db),
            node_id_column_name="node", edge_id_column_name_left="a", edge_id_column_name_right="b",
        )
        duck.save(db, f"(select node, cluster_id as label from {clusters.physical_name})", out / "splink.parquet")


def tables(args: argparse.Namespace, out: pathlib.Path) -> None:
    """No tool that reads and writes as DuckDB does takes less time than the last two steps."""
    db = duck.connect(args.threads)
    with duck.step("held before"):
        held = duck.hold(db, args.result)
    with duck.step("read"):
        for path in SOURCES.values():
            db.execute(f"select count(*), sum(hash(columns(*))) from read_parquet('{args.data}/{path}')").fetchall()
    with duck.step("write"):
        duck.save_held(db, held, out)


def new_rows(args: argparse.Namespace, out: pathlib.Path) -> None:
    """What a run over new rows cannot leave out: to find the profiles that they touch, to fetch their values and rows, to write what has
    changed. Values of new rows stand for what has changed; limits, ids, clusters and history are left out."""
    db = duck.connect(args.threads)
    values = {
        "contacts": f"user_id, {EMAIL}, {PHONE}", "orders": f"user_id, {EMAIL}, {PHONE}",
        "sessions": "user_id, anonymous_id", "installs": f"user_id, {EMAIL}, device_id",
    }
    identifiers = f"read_parquet('{args.result}/customer_identifiers/*.parquet')"
    with duck.step("held before"):
        db.execute(f"create temp table profiles as select distinct profile_id from {identifiers}")
    with duck.step("new rows"):
        new = [f"select unnest([{values[name]}]) as value from read_parquet('{args.new}/{SOURCES[name]}')" for name in ("orders", "sessions")]
        db.execute(f"create temp table new_values as select distinct value from ({' union all '.join(new)}) where value is not null")
    with duck.step("their profiles"):
        db.execute(f"create temp table touched as select distinct profile_id from {identifiers} semi join new_values using (value)")
    with duck.step("their values"):
        db.execute(f"create temp table wanted as select i.* from {identifiers} as i semi join touched using (profile_id)")
    with duck.step("their rows"):
        for name in SOURCES:
            # A row's values are of one profile, but for the few that are shared or that limits keep apart: one of them will do.
            source = f"read_parquet('{args.data}/{SOURCES[name]}') as s semi join wanted on wanted.value = coalesce({values[name]})"
            db.execute(f"create temp table rows_of_{name} as select s.* from {source}")
    with duck.step("write"):
        duck.save(db, "(from wanted semi join new_values using (value))", out / "changed.parquet")
        duck.save(db, "profiles", out / "profiles.parquet")


if __name__ == "__main__":
    main()
