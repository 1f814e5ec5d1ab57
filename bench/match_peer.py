#!/usr/bin/env python3
"""Splink over the CRM of match_data.py, with the comparisons and the blocking that bench/match_project has: `match_peer.py DATA OUT [--broad]`.
Writes OUT/pairs.parquet."""

import pathlib
import sys

import duckdb
import splink.comparison_library as cl
from splink import DuckDBAPI, Linker, SettingsCreator, block_on

from match_rules import PASSES, rules


def main() -> None:
    data, out = map(pathlib.Path, sys.argv[1:3])
    out.mkdir(parents=True, exist_ok=True)
    settings = SettingsCreator(
        unique_id_column_name="id",
        link_type="dedupe_only",
        comparisons=[
            cl.NameComparison("first_name").configure(term_frequency_adjustments=True),
            cl.NameComparison("last_name").configure(term_frequency_adjustments=True),
            cl.DamerauLevenshteinAtThresholds("born", [1, 2]),
            cl.JaroWinklerAtThresholds("street", [0.95, 0.88]),
            cl.ExactMatch("city").configure(term_frequency_adjustments=True),
            cl.DamerauLevenshteinAtThresholds("postcode", [1]),
            cl.JaroWinklerAtThresholds("email", [0.92]),
        ],
        blocking_rules_to_generate_predictions=[block_on(*rule) for rule in rules(sys.argv[3:])],
    )
    db = DuckDBAPI(connection=duckdb.connect(":memory:"))
    people = db.register(db.duckdb_con.sql(f"from read_parquet('{data}/people.parquet')"), dataset_display_name="people")
    linker = Linker(people, settings)
    linker.training.estimate_probability_two_random_records_match([block_on("first_name", "last_name", "born"), block_on("email")], recall=0.7)
    linker.training.estimate_u_using_random_sampling(max_pairs=1e6)
    for rule in PASSES:
        linker.training.estimate_parameters_using_expectation_maximisation(block_on(*rule))
    linker.inference.predict(threshold_match_probability=0.5).to_parquet(str(out / "pairs.parquet"), overwrite=True)


if __name__ == "__main__":
    main()
