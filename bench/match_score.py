#!/usr/bin/env python3
"""Holds the pairs that a side finds against the truth of match_data.py: `match_score.py ROOT kinfold|splink`. Prints JSON."""

import json
import pathlib
import sys

import deltalake
import duckdb

THRESHOLD = 0.9


def main() -> None:
    root, side = pathlib.Path(sys.argv[1]), sys.argv[2]
    db = duckdb.connect()
    if side == "splink":
        found = f"select id_l as a, id_r as b, match_probability as p from read_parquet('{root}/splink/pairs.parquet')"
    else:
        lake = root / "kinfold" / "lake" / "kinfold"
        for name in ("matches", "review"):
            db.register(name, deltalake.DeltaTable(str(lake / f"person_{name}")).to_pyarrow_table())
        found = "select value_a as a, value_b as b, probability as p from matches union all select value_a, value_b, probability from review"
    db.execute(f"create view truth as from read_parquet('{root}/data/truth.parquet')")
    people = db.execute("select sum(n * (n - 1) / 2) from (select count(*) as n from truth group by person)").fetchall()[0][0]
    db.execute(f"""create table pairs as select p, l.person = r.person as is_right from ({found})
        join truth as l on l.id = a join truth as r on r.id = b""")
    at = quality(people, *db.execute(f"select count(*), count(*) filter (is_right) from pairs where p >= {THRESHOLD}").fetchall()[0])
    # The threshold at which F1 is highest, which nobody knows without the truth, to two digits of a percent.
    steps = db.execute("""select floor(p * 10000) as step, count(*), count(*) filter (is_right) from pairs group by step order by step desc""").fetchall()
    best, pairs, right = 0, 0, 0
    for _, more, more_right in steps:
        pairs, right = pairs + more, right + more_right
        best = max(best, quality(people, pairs, right)["f1"])
    print(json.dumps(at | {"best_f1": best}))


def quality(people: int, pairs: int, right: int) -> dict:
    precision, recall = right / max(pairs, 1), right / people
    return {"pairs": pairs, "precision": precision, "recall": float(recall), "f1": float(2 * precision * recall / max(precision + recall, 1e-9))}


if __name__ == "__main__":
    main()
