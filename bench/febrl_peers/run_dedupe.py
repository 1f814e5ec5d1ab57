#!/usr/bin/env python3
"""dedupe, which needs labels: MATCHES pairs that match and ten times as many others, drawn from the truth as its own benchmarks draw
theirs. What is asked is in task.py. It is scored on all pairs, among them those that it was told.

It learns from the records of some people alone, SAMPLE records in all, which is how many `prepare_training` takes by its documentation.
Version 3.0.3 takes all that it is given: with the 5,000 of FEBRL 3 it was at 18 GiB when the system ended it. MEMORY, in bytes, keeps it
from taking so much from others."""

import random
import resource
import warnings

import dedupe
import numpy as np
import pandas as pd
from dedupe.variables import ShortString, String

import task

MATCHES = 100
SAMPLE = 1500
MEMORY = 8 << 30
VARIABLES = {
    "given_name": String,
    "surname": String,
    "address_1": String,
    "suburb": String,
    "date_of_birth": ShortString,
    "street_number": ShortString,
    "postcode": ShortString,
    "state": ShortString,
}


def main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    warnings.simplefilter("ignore")
    random.seed(1)
    np.random.seed(1)
    asked = task.read()
    variables = VARIABLES | ({"soc_sec_id": ShortString} if asked.has_id else {})
    truth = dict(pd.read_parquet(asked.data / "truth.parquet").itertuples(index=False))
    tables = [records(path, list(variables), truth) for path in asked.tables]
    fields = [of(name, has_missing=True) for name, of in variables.items()]
    matcher = dedupe.RecordLink(fields) if asked.is_linkage else dedupe.Dedupe(fields)
    samples = sample(tables, truth)
    matcher.prepare_training(*samples)
    matcher.mark_pairs(labels(asked, samples))
    matcher.train()
    scores = matcher.score(matcher.pairs(*tables))
    pd.DataFrame({"a": scores["pairs"][:, 0], "b": scores["pairs"][:, 1], "p": scores["score"]}).to_parquet(asked.out / "pairs.parquet")
    if not asked.is_linkage:
        members = [(record, number) for number, (group, _) in enumerate(matcher.cluster(scores, 0.5)) for record in group]
        pd.DataFrame(members, columns=["rec_id", "cluster"]).to_parquet(asked.out / "clusters.parquet")


def sample(tables: list[dict], truth: dict[str, int]) -> list[dict]:
    people = sorted(set(truth.values()))
    random.shuffle(people)
    share = min(1, SAMPLE / len(truth))
    drawn = set(people[: round(len(people) * share)])
    return [{key: row for key, row in table.items() if row["person"] in drawn} for table in tables]


def labels(asked: task.Task, samples: list[dict]) -> dict[str, list]:
    """Of its own functions, which give all pairs that match, and others at random."""
    draw = dedupe.training_data_link if asked.is_linkage else dedupe.training_data_dedupe
    drawn = draw(*samples, "person", 10 * MATCHES)
    # They come of sets, whose order differs from process to process.
    matches = sorted(drawn["match"], key=lambda pair: (pair[0]["rec_id"], pair[1]["rec_id"]))
    return drawn | {"match": random.sample(matches, min(MATCHES, len(matches)))}


def records(path, columns: list[str], truth: dict[str, int]) -> dict[str, dict]:
    rows = pd.read_parquet(path)[["rec_id", *columns]].astype(object)
    rows = rows.where(rows.notna(), None).to_dict("records")
    return {row["rec_id"]: row | {"person": truth[row["rec_id"]]} for row in rows}


if __name__ == "__main__":
    main()
