#!/usr/bin/env python3
"""Splink over FEBRL 4, with the comparisons and the blocking of the model that its documentation has for these data:
`febrl_peer.py DATA OUT with_id|without_id`. Writes OUT/pairs.parquet, and what it learned to OUT/model.json."""

import json
import pathlib
import sys

import duckdb
import splink.comparison_library as cl
from splink import DuckDBAPI, Linker, SettingsCreator, block_on

SWAPPED = "l.given_name = r.surname and l.surname = r.given_name"


def main() -> None:
    data, out, variant = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3]
    has_id = variant == "with_id"
    out.mkdir(parents=True, exist_ok=True)
    comparisons = [
        cl.NameComparison("given_name").configure(term_frequency_adjustments=True),
        cl.NameComparison("surname").configure(term_frequency_adjustments=True),
        cl.DateOfBirthComparison("date_of_birth", input_is_string=True, datetime_format="%Y%m%d", invalid_dates_as_null=True),
        cl.DamerauLevenshteinAtThresholds("soc_sec_id", [1, 2]),
        cl.ExactMatch("street_number").configure(term_frequency_adjustments=True),
        cl.DamerauLevenshteinAtThresholds("postcode", [1, 2]).configure(term_frequency_adjustments=True),
    ]
    blocking = [
        block_on("soc_sec_id"),
        block_on("given_name", "surname"),
        SWAPPED,
        block_on("date_of_birth"),
        block_on("state", "address_1"),
        block_on("street_number", "address_1"),
        block_on("postcode"),
    ]
    certain = [block_on("soc_sec_id"), block_on("given_name", "surname", "date_of_birth"), f"{SWAPPED} and l.date_of_birth = r.date_of_birth"]
    if not has_id:
        del comparisons[3], blocking[0], certain[0]
    settings = SettingsCreator(
        unique_id_column_name="rec_id",
        link_type="link_only",
        comparisons=comparisons,
        blocking_rules_to_generate_predictions=blocking,
    )
    db = DuckDBAPI(connection=duckdb.connect(":memory:"))
    tables = [
        db.register(db.duckdb_con.sql(f"from read_parquet('{data}/{name}.parquet')"), dataset_display_name=name) for name in "ab"
    ]
    linker = Linker(tables, settings)
    linker.training.estimate_probability_two_random_records_match(certain, recall=0.8)
    linker.training.estimate_u_using_random_sampling(max_pairs=1e6)
    for rule in (block_on("date_of_birth"), block_on("postcode")):
        linker.training.estimate_parameters_using_expectation_maximisation(rule)
    pairs = linker.inference.predict(threshold_match_probability=0.01)
    pairs.to_parquet(str(out / "pairs.parquet"), overwrite=True)
    (out / "model.json").write_text(json.dumps(linker.misc.save_model_to_json(), default=str, indent=1))


if __name__ == "__main__":
    main()
