#!/usr/bin/env python3
"""Takes the new rows of the identity benchmark out of its data: orders and sessions, one row in so many of all.

    python3 bench/identity_new_rows.py DATA NEW SHARE

Of the last files of orders and sessions below DATA, the last rows go to files of their own below NEW, which DATA may be given later.
"""

import pathlib
import sys

import pyarrow.parquet as pq

from generate import write


def main() -> None:
    data, new, share = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), float(sys.argv[3])
    for table in (pathlib.Path("shop/orders"), pathlib.Path("web/sessions")):
        files = sorted((data / table).glob("*.parquet"))
        count = int(sum(pq.read_metadata(file).num_rows for file in files) * share)
        last = pq.read_table(files[-1])
        if count >= last.num_rows:
            sys.exit(f"{files[-1]} has only {last.num_rows} rows")
        # The file may be a link to the whole one, which must stay.
        files[-1].unlink()
        write(files[-1], last.slice(0, last.num_rows - count))
        write(new / table / "part-new.parquet", last.slice(last.num_rows - count))


if __name__ == "__main__":
    main()
