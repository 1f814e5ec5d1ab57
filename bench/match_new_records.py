#!/usr/bin/env python3
"""Takes one record in a hundred out of the CRM of the matching benchmark.

    python3 bench/match_new_records.py PEOPLE KNOWN NEW

PEOPLE, KNOWN and NEW are Parquet files; the last two are written.
"""

import pathlib
import sys

import numpy as np
import pyarrow.parquet as pq

SHARE = 100


def main() -> None:
    people, known, new = map(pathlib.Path, sys.argv[1:])
    table = pq.read_table(people)
    # The records of one person lie next to each other: so they are not taken together.
    is_new = np.random.default_rng(1).integers(0, SHARE, table.num_rows) == 0
    for path, rows in ((known, ~is_new), (new, is_new)):
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table.filter(rows), path)


if __name__ == "__main__":
    main()
