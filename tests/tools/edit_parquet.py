#!/usr/bin/env python3
"""Changes a Parquet file, as sources change: `edit_parquet.py COMMAND FILE [WORDS]`.

| command | what it does |
|---|---|
| `raise` | adds 1.00 to the amount of the first paid order of a known user; prints its `order_id` and `user_id` |
| `drop COLUMN` | leaves out a column |
| `retype COLUMN TYPE` | casts a column to another Arrow type |
| `empty` | leaves out all rows |
| `blank COLUMN…` | sets columns to null |
| `cut` | keeps the first half of the file's bytes |
"""

import decimal
import pathlib
import sys

import pyarrow as pa
import pyarrow.parquet as pq


def main() -> None:
    command, file, *words = sys.argv[1:]
    if command == "cut":
        path = pathlib.Path(file)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        return
    table = pq.read_table(file, partitioning=None)
    if command == "raise":
        rows = table.to_pylist()
        row = next(row for row in rows if row["status"] == "paid" and row["user_id"])
        row["amount"] += decimal.Decimal("1.00")
        table = pa.Table.from_pylist(rows, schema=table.schema)
        print(row["order_id"], row["user_id"])
    elif command == "drop":
        table = table.drop_columns(words)
    elif command == "retype":
        index = table.column_names.index(words[0])
        table = table.set_column(index, words[0], table.column(index).cast(getattr(pa, words[1])()))
    elif command == "empty":
        table = table.slice(0, 0)
    elif command == "blank":
        for name in words:
            index = table.column_names.index(name)
            table = table.set_column(index, name, pa.nulls(len(table), table.schema.field(name).type))
    else:
        sys.exit(f"unknown command {command}")
    pq.write_table(table, file, compression="zstd")


if __name__ == "__main__":
    main()
