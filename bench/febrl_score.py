#!/usr/bin/env python3
"""Holds the pairs that a side links against FEBRL's truth: `febrl_score.py DATA OUT`, where OUT is a peer's folder or Kinfold's project.
Prints JSON: of pairs more likely to match than not, of those at the best threshold, and, within one table, of those that clusters imply."""

import json
import pathlib
import sys

import deltalake
import duckdb


def main() -> None:
    data, out = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    is_linkage = (data / "b.parquet").exists()
    db = duckdb.connect()
    pairs, clusters = kinfold(db, out) if (out / "lake").exists() else peer(out)
    db.execute(f"create view truth as from read_parquet('{data}/truth.parquet')")
    people = db.execute("select sum(n * (n - 1) / 2)::int from (select count(*) as n from truth group by person)").fetchall()[0][0]
    db.execute(f"""create table pairs as select a, b, max(p) as p, any_value(l.person = r.person) as is_right
        from (select least(a, b) as a, greatest(a, b) as b, p from ({pairs}))
        join truth as l on l.rec_id = a join truth as r on r.rec_id = b group by a, b""")
    at_half = quality(people, *db.execute("select count(*), count(*) filter (is_right) from pairs where p >= 0.5").fetchall()[0])
    # The threshold at which F1 is highest, which nobody knows without the truth.
    steps = db.execute("""select count(*) over below, count(*) filter (is_right) over below from pairs
        window below as (order by p desc range unbounded preceding)""").fetchall()
    at_half["best_f1"] = max((quality(people, *step)["f1"] for step in steps), default=0.0)
    if not is_linkage:
        implied = db.execute(f"""with members as (select c.cluster, t.person, t.rec_id from ({clusters}) as c join truth as t using (rec_id))
            select count(*), count(*) filter (l.person = r.person) from members as l join members as r using (cluster) where l.rec_id < r.rec_id""")
        at_half["clusters"] = quality(people, *implied.fetchall()[0])
    print(json.dumps(at_half))


def kinfold(db: duckdb.DuckDBPyConnection, project: pathlib.Path) -> tuple[str, str]:
    for name in ("matches", "review", "identifiers"):
        db.register(name, deltalake.DeltaTable(str(project / "lake" / "kinfold" / f"person_{name}")).to_pyarrow_table())
    pairs = "select value_a as a, value_b as b, probability as p from matches union all select value_a, value_b, probability from review"
    return pairs, "select value as rec_id, profile_id as cluster from identifiers"


def peer(out: pathlib.Path) -> tuple[str, str]:
    return f"select a, b, p from read_parquet('{out}/pairs.parquet')", f"select rec_id, cluster from read_parquet('{out}/clusters.parquet')"


def quality(people: int, pairs: int, right: int) -> dict:
    precision, recall = right / max(pairs, 1), right / people
    return {"pairs": pairs, "precision": precision, "recall": recall, "f1": 2 * precision * recall / max(precision + recall, 1e-9)}


if __name__ == "__main__":
    main()
