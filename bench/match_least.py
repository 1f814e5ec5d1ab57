#!/usr/bin/env python3
"""What it takes to find the pairs of match.py and to write the tables of Kinfold's result, if nothing is learned, compared or clustered in
between: `match_least.py DATA LAKE OUT [--broad]`, by DuckDB. LAKE is Kinfold's, from one run alone. Prints a line on standard error
after each step; `held before` is the result, which is there before anything begins."""

import pathlib
import sys

import duck
from match_rules import PASSES, rules

STEPS = ["read", "pairs of passes", "pairs of rules", "write"]


def main() -> None:
    data, lake, out = map(pathlib.Path, sys.argv[1:4])
    blocking = rules(sys.argv[4:])
    out.mkdir(parents=True, exist_ok=True)
    db = duck.connect()
    with duck.step("held before"):
        held = duck.hold(db, lake)
    with duck.step("read"):
        db.execute(f"create table people as from read_parquet('{data}/people.parquet')")
    with duck.step("pairs of passes"):
        for i, rule in enumerate(PASSES):
            db.execute(f"create table pass_{i} as {pairs(rule, [])}")
    with duck.step("pairs of rules"):
        db.execute("create table pairs as " + " union all ".join(pairs(rule, blocking[:i]) for i, rule in enumerate(blocking)))
    with duck.step("write"):
        duck.save_held(db, held, out)


def pairs(rule: list[str], earlier: list[list[str]]) -> str:
    """Each once: those that an earlier rule finds are left to it."""
    found = "".join(f" and not coalesce({agree(other)}, false)" for other in earlier)
    return f"select l.id as l, r.id as r from people as l join people as r on {agree(rule)} and l.id < r.id{found}"


def agree(rule: list[str]) -> str:
    return "(" + " and ".join(f"l.{name} = r.{name}" for name in rule) + ")"


if __name__ == "__main__":
    main()
