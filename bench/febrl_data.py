#!/usr/bin/env python3
"""Writes FEBRL 4 as two registers: `febrl_data.py PEOPLE OUT` makes OUT/a.parquet and OUT/b.parquet of what tests/tools/prepare.py made."""

import pathlib
import sys

import duckdb


def main() -> None:
    people, out = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    out.mkdir(parents=True, exist_ok=True)
    for name, is_duplicate in (("a", "not duplicate"), ("b", "duplicate")):
        # By a key of no meaning, so that matching records do not lie side by side.
        rows = f"select * exclude (truth, duplicate) from read_parquet('{people}') where {is_duplicate} order by hash(rec_id)"
        duckdb.sql(f"copy ({rows}) to '{out}/{name}.parquet'")


if __name__ == "__main__":
    main()
