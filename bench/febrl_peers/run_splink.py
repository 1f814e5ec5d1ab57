#!/usr/bin/env python3
"""Splink, with the models that its documentation has for these data: that for FEBRL 4 between two tables, that for FEBRL 3 within one.
What is asked is in task.py. Besides, OUT/model.json has what was learned."""

import json

import duckdb
import splink.comparison_library as cl
from splink import DuckDBAPI, Linker, SettingsCreator, block_on

import task

NATIONAL_ID = "soc_sec_id"
SWAPPED = "l.given_name = r.surname and l.surname = r.given_name"
CERTAIN = [block_on(NATIONAL_ID), block_on("given_name", "surname", "date_of_birth"), f"{SWAPPED} and l.date_of_birth = r.date_of_birth"]


def main() -> None:
    asked = task.read()
    comparisons, blocking, recall = of_linkage() if asked.is_linkage else of_deduplication()
    certain = CERTAIN
    if not asked.has_id:
        del comparisons[NATIONAL_ID], blocking[0]
        certain = CERTAIN[1:]
    settings = SettingsCreator(
        unique_id_column_name="rec_id",
        link_type="link_only" if asked.is_linkage else "dedupe_only",
        comparisons=list(comparisons.values()),
        blocking_rules_to_generate_predictions=blocking,
    )
    db = DuckDBAPI(connection=duckdb.connect(":memory:"))
    tables = [db.register(db.duckdb_con.sql(f"from read_parquet('{path}')"), dataset_display_name=path.stem) for path in asked.tables]
    linker = Linker(tables if asked.is_linkage else tables[0], settings)
    linker.training.estimate_probability_two_random_records_match(certain, recall=recall)
    linker.training.estimate_u_using_random_sampling(max_pairs=1e6)
    for rule in (block_on("date_of_birth"), block_on("postcode")):
        linker.training.estimate_parameters_using_expectation_maximisation(rule)
    pairs = linker.inference.predict(threshold_match_probability=0.01)
    write(db, pairs, "rec_id_l as a, rec_id_r as b, match_probability as p", asked.out / "pairs.parquet")
    if not asked.is_linkage:
        clusters = linker.clustering.cluster_pairwise_predictions_at_threshold(pairs, threshold_match_probability=0.5)
        write(db, clusters, "rec_id, cluster_id as cluster", asked.out / "clusters.parquet")
    (asked.out / "model.json").write_text(json.dumps(linker.misc.save_model_to_json(), default=str, indent=1))


def write(db: DuckDBAPI, table, columns: str, path) -> None:
    db.duckdb_con.sql(f"copy (select {columns} from {table.physical_name}) to '{path}'")


def of_linkage() -> tuple[dict, list, float]:
    comparisons = {
        "given_name": cl.NameComparison("given_name").configure(term_frequency_adjustments=True),
        "surname": cl.NameComparison("surname").configure(term_frequency_adjustments=True),
        "date_of_birth": born(invalid_dates_as_null=True),
        NATIONAL_ID: cl.DamerauLevenshteinAtThresholds(NATIONAL_ID, [1, 2]),
        "street_number": cl.ExactMatch("street_number").configure(term_frequency_adjustments=True),
        "postcode": cl.DamerauLevenshteinAtThresholds("postcode", [1, 2]).configure(term_frequency_adjustments=True),
    }
    blocking = [
        block_on(NATIONAL_ID),
        block_on("given_name", "surname"),
        SWAPPED,
        block_on("date_of_birth"),
        block_on("state", "address_1"),
        block_on("street_number", "address_1"),
        block_on("postcode"),
    ]
    return comparisons, blocking, 0.8


def of_deduplication() -> tuple[dict, list, float]:
    comparisons = {
        "given_name": cl.NameComparison("given_name"),
        "surname": cl.NameComparison("surname"),
        "date_of_birth": born(),
        NATIONAL_ID: cl.DamerauLevenshteinAtThresholds(NATIONAL_ID, [2]),
        "street_number": cl.ExactMatch("street_number").configure(term_frequency_adjustments=True),
        "postcode": cl.ExactMatch("postcode").configure(term_frequency_adjustments=True),
    }
    blocking = [block_on(column) for column in (NATIONAL_ID, "given_name", "surname", "date_of_birth", "postcode")]
    return comparisons, blocking, 0.9


def born(**more) -> cl.DateOfBirthComparison:
    return cl.DateOfBirthComparison("date_of_birth", input_is_string=True, datetime_format="%Y%m%d", **more)


if __name__ == "__main__":
    main()
