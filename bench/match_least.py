#!/usr/bin/env python3
"""What it takes to find the pairs of match.py and to write the tables of Kinfold's result, if nothing is learned, compared or clustered in
between: `match_least.py DATA LAKE OUT [--broad]`, by DuckDB. LAKE is Kinfold's, from one run alone. Prints a line on standard error
after each step; `held before` is the result, which is there before anything begins."""

import pathlib
import sys
import time

RULES = [
    ["last_name", "born"], ["first_name", "postcode"], ["first_name", "last_name", "city"], ["street", "postcode"], ["email"],
    ["born", "postcode"],
]
BROAD = [["last_name", "city"], ["first_name", "born"]]
PASSES = [["last_name", "born"], ["first_name", "born"], ["email"]]
STEPS = ["read", "pairs of passes", "pairs of rules", "write"]


def main() -> None:
    # Here, as match.py reads the steps: see measure.py.
    import duckdb

    data, lake, out = map(pathlib.Path, sys.argv[1:4])
    rules = RULES + (BROAD if "--broad" in sys.argv[4:] else [])
    out.mkdir(parents=True, exist_ok=True)
    db = duckdb.connect()
    db.execute("set preserve_insertion_order = false")
    written = sorted(path for path in lake.iterdir() if not path.name.startswith("_") and any(path.glob("*.parquet")))
    step("held before", lambda: [db.execute(f"create table held_{path.name} as from read_parquet('{path}/*.parquet')") for path in written])
    step("read", lambda: db.execute(f"create table people as from read_parquet('{data}/people.parquet')"))
    step("pairs of passes", lambda: [db.execute(f"create table pass_{i} as {pairs(rule, [])}") for i, rule in enumerate(PASSES)])
    of_rules = " union all ".join(pairs(rule, rules[:i]) for i, rule in enumerate(rules))
    step("pairs of rules", lambda: db.execute(f"create table pairs as {of_rules}"))
    step("write", lambda: [
        db.execute(f"copy held_{path.name} to '{out}/{path.name}.parquet' (compression zstd)") for path in written
    ])


def pairs(rule: list[str], earlier: list[list[str]]) -> str:
    """Each once: those that an earlier rule finds are left to it."""
    found = "".join(f" and not coalesce({agree(other)}, false)" for other in earlier)
    return f"select l.id as l, r.id as r from people as l join people as r on {agree(rule)} and l.id < r.id{found}"


def agree(rule: list[str]) -> str:
    return "(" + " and ".join(f"l.{name} = r.{name}" for name in rule) + ")"


def step(name: str, work) -> None:
    begin = time.monotonic()
    work()
    print(f"{name}: done, {time.monotonic() - begin:.2f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
