#!/usr/bin/env python3
"""A sync's newest ledger, read with nothing of Kinfold's: `ledger.py STATE_FOLDER` prints a JSON object of key to
`[state, hash]`. Fails if a key is there twice or a state is none of those that there are."""

import json
import pathlib
import sys

import pyarrow.parquet as pq

STATES = {"acknowledged", "cleared", "retry", "rejected", "unknown"}


def main() -> None:
    folder = pathlib.Path(sys.argv[1])
    ledger = newest(folder)
    rows = pq.read_table(folder / ledger, columns=["_identity", "_state", "_hash"]).to_pylist() if ledger else []
    keys = {tuple(json.loads(row["_identity"]).values())[0]: [row["_state"], row["_hash"]] for row in rows}
    assert len(keys) == len(rows), "a key is in the ledger twice"
    assert {state for state, _ in keys.values()} <= STATES, keys
    print(json.dumps(keys))


def newest(folder: pathlib.Path) -> str | None:
    versions = sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix != ".parquet" and path.stem.isdigit())
    if not versions:
        return None
    return find(json.loads(versions[-1].read_text()))


def find(value: object) -> str | None:
    """The `ledger` entry, wherever the version's envelope puts it."""
    if not isinstance(value, dict):
        return None
    if "ledger" in value:
        return value["ledger"]
    return next((found for inner in value.values() if (found := find(inner))), None)


if __name__ == "__main__":
    main()
