#!/usr/bin/env python3
"""Holds the pairs that a side links against FEBRL's truth: `febrl_score.py ROOT VARIANT SIDE`. Prints JSON."""

import json
import pathlib
import sys

import deltalake
import duckdb

PEOPLE = 5000


def main() -> None:
    root, variant, side = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    db = duckdb.connect()
    if side == "splink":
        linked = f"select rec_id_l as a, rec_id_r as b, match_probability as p from read_parquet('{root}/splink/{variant}/pairs.parquet')"
    else:
        lake = root / side / variant / "lake" / "kinfold"
        tables = {name: deltalake.DeltaTable(str(lake / f"person_{name}")).to_pyarrow_table() for name in ("matches", "review")}
        for name, table in tables.items():
            db.register(name, table)
        linked = "select value_a as a, value_b as b, probability as p from matches union all select value_a, value_b, probability from review"
    person = "regexp_extract({0}, 'rec-([0-9]+)-', 1)"
    db.execute(f"""create table pairs as select a, b, max(p) as p, any_value({person.format('a')} = {person.format('b')}) as is_right
        from (select least(a, b) as a, greatest(a, b) as b, p from ({linked})) group by all""")
    at_half = quality(*db.execute("select count(*), count(*) filter (is_right) from pairs where p >= 0.5").fetchall()[0])
    # The threshold at which F1 is highest, which nobody knows without the truth.
    steps = db.execute("""select count(*) over below, count(*) filter (is_right) over below from pairs
        window below as (order by p desc range unbounded preceding)""").fetchall()
    best = max(steps, key=lambda step: quality(*step)["f1"])
    print(json.dumps(at_half | {"best_f1": quality(*best)["f1"]}))


def quality(pairs: int, right: int) -> dict:
    precision, recall = right / max(pairs, 1), right / PEOPLE
    return {"pairs": pairs, "precision": precision, "recall": recall, "f1": 2 * precision * recall / max(precision + recall, 1e-9)}


if __name__ == "__main__":
    main()
