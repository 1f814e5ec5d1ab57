#!/usr/bin/env python3
"""Kinfold's tables as deltalake and DuckDB see them: `tables.py LAKE` prints, as JSON, each table's number of rows in both and
a hash of its content; the other scripts use its functions."""

import json
import pathlib
import sys

import duckdb
from deltalake import DeltaTable


def connect(lake: str, tables: list[str]) -> duckdb.DuckDBPyConnection:
    """DuckDB with the newest version of tables as views."""
    db = duckdb.connect()
    db.execute("set timezone = 'UTC'")
    for name in tables:
        table = DeltaTable(f"{lake}/kinfold/{name}")
        if files := table.file_uris():
            db.execute(f"create view \"{name}\" as from read_parquet({files!r})")
        else:
            # A version without rows has no files, and only the log tells its columns.
            db.register(name, table.to_pyarrow_table())
    return db


def expect_same(db: duckdb.DuckDBPyConnection, what: str, one: str, other: str) -> None:
    """Both queries give the same rows, each as often."""
    for left, right, side in ((one, other, "only Kinfold has"), (other, one, "only the hand-written SQL has")):
        rows = db.execute(f"select * from (({left}) except all ({right})) limit 3").fetchall()
        if rows:
            sys.exit(f"{what}: {side} {rows}")


def main() -> None:
    lake = sys.argv[1]
    described = {}
    for folder in sorted(pathlib.Path(lake, "kinfold").iterdir()):
        if not (folder / "_delta_log").exists():
            continue
        table = DeltaTable(str(folder))
        arrow = table.to_pyarrow_table()
        db = connect(lake, [folder.name])
        in_duckdb = db.execute(f'select count(*) from "{folder.name}"').fetchall()[0][0]
        db.register("arrow", arrow)
        columns = ", ".join(f'"{name}"' for name in arrow.column_names)
        expect_same(db, folder.name, f"select {columns} from arrow", f'select {columns} from "{folder.name}"')
        described[folder.name] = {"rows": arrow.num_rows, "rows_in_duckdb": in_duckdb, "columns": arrow.column_names}
    print(json.dumps(described))


if __name__ == "__main__":
    main()
