"""What several sides of the benchmarks do with DuckDB. It is imported only by what runs in a process of its own: see measure.py."""

import contextlib
import pathlib
import sys
import time


def connect(threads: int | None = None):
    import duckdb

    db = duckdb.connect(config={"threads": threads} if threads else {})
    db.execute("set preserve_insertion_order = false")
    return db


def hold(db, lake: pathlib.Path) -> list[str]:
    """Takes the tables of Kinfold's lake into memory; it is from one run alone, so that no file of it is replaced. Their names."""
    names = sorted(path.name for path in lake.iterdir() if not path.name.startswith("_") and any(path.glob("*.parquet")))
    for name in names:
        db.execute(f"create table held_{name} as from read_parquet('{lake}/{name}/*.parquet')")
    return names


def save_held(db, names: list[str], out: pathlib.Path) -> None:
    for name in names:
        save(db, f"held_{name}", out / f"{name}.parquet")


def save(db, what: str, path: pathlib.Path) -> None:
    db.execute(f"copy (from {what}) to '{path}' (compression zstd)")


@contextlib.contextmanager
def step(name: str):
    """Tells measure.py how long it took."""
    begin = time.monotonic()
    yield
    print(f"{name}: done, {time.monotonic() - begin:.2f} s", file=sys.stderr)
