#!/usr/bin/env python3
"""Holds Kinfold's clusters against those of scipy and against the generator's truth. Prints JSON, or says what differs and fails.

    python3 bench/identity_compare.py ROOT NEW_ROWS RULES...

For each of RULES there is a lake `ROOT/RULES/lake`; without limits and shared values its clusters must be those of scipy. The lake
`ROOT/NEW_ROWS/lake` was built in two runs, and must have the clusters of `all_rules`.
"""

import json
import pathlib
import sys

import duckdb
import pyarrow
from deltalake import DeltaTable, QueryBuilder

NO_LIMITS = "no_limits"
LETTERS = {"u": "user_id", "e": "email", "p": "phone", "d": "device", "k": "cookie"}


def main() -> None:
    root, new_rows, rules = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3:]
    peers = root / "peers"
    db = duckdb.connect(config={"temp_directory": str(root / "spilled")})
    letters = " ".join(f"when '{letter}' then '{name}'" for letter, name in LETTERS.items())
    db.execute(f"""create table nodes as
        select node, case value[1] {letters} end as identifier, value[2:] as value, label
        from read_parquet('{peers}/nodes.parquet') as n join read_parquet('{peers}/scipy.parquet') as s using (node)""")
    for name in ("contraction", "splink", "kinfold"):
        if (path := peers / f"{name}.parquet").exists():
            labels = f"select o.label as a, nodes.label as b from nodes join read_parquet('{path}') as o using (node)"
            same_clusters(db, name, labels)
    same_after_new_rows(db, root, new_rows)
    own_truth(db, root)
    quality = {name: held_against_truth(db, root / name) for name in rules}
    values = db.execute("select count(*) from nodes").fetchone()[0]
    edges = db.execute(f"select count(*) from read_parquet('{peers}/edges.parquet')").fetchone()[0]
    print(json.dumps({"values": values, "edges": edges, "quality": quality}))


def held_against_truth(db: duckdb.DuckDBPyConnection, project: pathlib.Path) -> dict:
    view(db, project, "identifiers")
    if project.name == NO_LIMITS:
        same_values(db, "nodes", "scipy's")
        same_clusters(db, "kinfold", "select profile_id as a, label as b from nodes join identifiers using (identifier, value)")
    expect_no_change(db, project)
    return {**pairwise(db), "conflicts": view(db, project, "conflicts"), "shared": view(db, project, "shared")}


def view(db: duckdb.DuckDBPyConnection, project: pathlib.Path, name: str) -> int:
    """Shows one of Kinfold's tables; tells how many rows it has."""
    table = DeltaTable(project / "lake" / "kinfold" / f"customer_{name}")
    files = table.file_uris()
    if not files:
        return 0
    if table.protocol().min_reader_version < 3:
        db.execute(f"create or replace view {name} as from read_parquet({files!r})")
    else:
        # Some of the files' rows are deleted, which DuckDB does not know.
        rows = QueryBuilder().register("rows", table).execute("select * from rows").read_all()
        db.register(f"{name}_rows", pyarrow.table(rows))
        db.execute(f"create or replace view {name} as from {name}_rows")
    return db.execute(f"select count(*) from {name}").fetchone()[0]


def expect_no_change(db: duckdb.DuckDBPyConnection, project: pathlib.Path) -> None:
    """The first run creates all profiles; a later one has the same data, and so nothing to tell."""
    view(db, project, "history")
    changes = db.execute("select count(*) from history where run_id <> (select min(run_id) from history)").fetchone()[0]
    if changes:
        sys.exit(f"{project.name}: a second run over the same data tells {changes} changes")


def same_values(db: duckdb.DuckDBPyConnection, table: str, whose: str) -> None:
    """The table has the values of the view `identifiers`, and no others."""
    rows = db.execute(f"""
        select o.identifier, o.value, k.identifier, k.value
        from {table} as o full join identifiers as k on o.identifier = k.identifier and o.value = k.value
        where o.value is null or k.value is null limit 5""").fetchall()
    if rows:
        sys.exit(f"the values differ ({whose}, Kinfold's), for example:\n" + "\n".join(map(str, rows)))


def same_after_new_rows(db: duckdb.DuckDBPyConnection, root: pathlib.Path, new_rows: str) -> None:
    for name, table in ((new_rows, "of_two_runs"), ("all_rules", "of_one_run")):
        view(db, root / name, "identifiers")
        db.execute(f"create or replace temp table {table} as select identifier, value, profile_id from identifiers")
    lone = db.execute("select count(*) from of_two_runs full join of_one_run using (identifier, value) "
                      "where of_two_runs.profile_id is null or of_one_run.profile_id is null").fetchone()[0]
    if lone:
        sys.exit(f"{new_rows}: {lone} values are there after two runs or after one, and not after both")
    labels = "select t.profile_id as a, o.profile_id as b from of_two_runs as t join of_one_run as o using (identifier, value)"
    same_clusters(db, new_rows, labels)
    db.execute("drop table of_two_runs; drop table of_one_run")


def same_clusters(db: duckdb.DuckDBPyConnection, name: str, labels: str) -> None:
    """Row by row: each value has a label `a` and another label `b`. Every `a` must go with one `b`, and every `b` with one `a`."""
    db.execute(f"create or replace temp table labels as select distinct a, b from ({labels})")
    for one, other in (("a", "b"), ("b", "a")):
        query = f"select {one}, count(*), min({other}), max({other}) from labels group by {one} having count(*) > 1 limit 5"
        if rows := db.execute(query).fetchall():
            sys.exit(f"the clusters of {name} and those it must have differ, for example where {one} is:\n" + "\n".join(map(str, rows)))
    print(f"the clusters are as they must be: {name}", file=sys.stderr)


def own_truth(db: duckdb.DuckDBPyConnection, root: pathlib.Path) -> None:
    """The owner of each value that the sources hold. What belongs to nobody is in no pair, neither wanted nor wrong."""
    db.execute(f"""create table truth as
        select identifier, value, person from read_parquet('{root}/truth.parquet') as t semi join nodes using (identifier, value)
        where person is not null""")


def pairwise(db: duckdb.DuckDBPyConnection) -> dict:
    """Precision is the share of pairs in one profile that belong to one person, recall the share of the latter that are in one
    profile. A value without a profile, as many share it, is in no pair of a profile."""
    pairs, right, wanted, profiles, people = db.execute("""
        with owned as (
          select person, profile_id, count(*) as n from truth left join identifiers using (identifier, value) group by all
        ),
        pairs as (select sum(n) as n from owned where profile_id is not null group by profile_id),
        wanted as (select sum(n) as n from owned group by person)
        select (select sum(n * (n - 1) / 2) from pairs),
          (select sum(n * (n - 1) / 2) from owned where profile_id is not null),
          (select sum(n * (n - 1) / 2) from wanted),
          (select count(distinct profile_id) from identifiers), (select count(*) from wanted)""").fetchone()
    precision, recall = right / pairs, right / wanted
    f1 = 2 * precision * recall / (precision + recall)
    return {"precision": precision, "recall": recall, "f1": f1, "profiles": profiles, "people": people}


if __name__ == "__main__":
    main()
