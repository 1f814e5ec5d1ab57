#!/usr/bin/env python3
"""recordlinkage, with its ECM classifier, which learns without labels. What is asked is in task.py.

The pairs are those that Splink's rules find. Its documentation compares six columns of FEBRL, most of them exactly; here are all, and
texts by similarity at its threshold, 0.85, and numbers at one that allows a digit or two, which finds more. The classifier wants each to be a yes
or no."""

import logging
import warnings

import pandas as pd
import recordlinkage

import task


def main() -> None:
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    asked = task.read()
    tables = [pd.read_parquet(path).set_index("rec_id") for path in asked.tables]
    candidates = indexer(asked).index(*tables)
    features = comparison(asked).compute(candidates, *tables)
    classifier = recordlinkage.ECMClassifier()
    classifier.fit(features)
    likely = classifier.prob(features)
    likely = likely[likely >= 0.01]
    pairs = pd.DataFrame({"a": likely.index.get_level_values(0), "b": likely.index.get_level_values(1), "p": likely.to_numpy()})
    pairs.to_parquet(asked.out / "pairs.parquet")
    if not asked.is_linkage:
        groups = recordlinkage.ConnectedComponents().compute(likely[likely >= 0.5].index)
        members = {record: number for number, group in enumerate(groups) for pair in group for record in pair}
        pd.DataFrame(members.items(), columns=["rec_id", "cluster"]).to_parquet(asked.out / "clusters.parquet")


def indexer(asked: task.Task) -> recordlinkage.Index:
    index = recordlinkage.Index()
    rules = [["soc_sec_id"]] if asked.has_id else []
    if asked.is_linkage:
        rules += [["given_name", "surname"], ["date_of_birth"], ["state", "address_1"], ["street_number", "address_1"], ["postcode"]]
        index.block(["given_name", "surname"], ["surname", "given_name"])
    else:
        rules += [["given_name"], ["surname"], ["date_of_birth"], ["postcode"]]
    for rule in rules:
        index.block(rule)
    return index


def comparison(asked: task.Task) -> recordlinkage.Compare:
    compare = recordlinkage.Compare()
    for name in ("given_name", "surname", "suburb"):
        compare.string(name, name, method="jarowinkler", threshold=0.85, label=name)
    compare.string("address_1", "address_1", threshold=0.85, label="address_1")
    for name in ["date_of_birth", "postcode"] + ["soc_sec_id"] * asked.has_id:
        compare.string(name, name, method="damerau_levenshtein", threshold=0.7, label=name)
    for name in ("state", "street_number"):
        compare.exact(name, name, label=name)
    return compare


if __name__ == "__main__":
    main()
