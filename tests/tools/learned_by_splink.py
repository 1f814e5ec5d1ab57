#!/usr/bin/env python3
"""What Splink learns by the comparisons of tests/projects/learned: `learned_by_splink.py PEOPLE DATA ONE_IN`, where PEOPLE is FEBRL 4.

Writes the records of one person in ONE_IN to DATA/a.parquet, and their duplicates to DATA/b.parquet. Prints a JSON object: for each comparison
`[m, u]` of each level but that of missing values, the strictest first.

u is counted among all pairs; m is learned from the pairs of two passes, without adjusting for how frequent values are, until nothing moves.
"""

import json
import pathlib
import sys

import duckdb
import splink.comparison_library as cl
from splink import DuckDBAPI, Linker, SettingsCreator, block_on


def main() -> None:
    people, data, one_in = sys.argv[1], pathlib.Path(sys.argv[2]), int(sys.argv[3])
    data.mkdir(parents=True, exist_ok=True)
    for name, which in {"a": "not duplicate", "b": "duplicate"}.items():
        duckdb.sql(f"copy (from '{people}' where {which} and truth % {one_in} = 0 order by hash(rec_id)) to '{data}/{name}.parquet'")
    # Splink speaks while it learns.
    out, sys.stdout = sys.stdout, sys.stderr
    json.dump(of_splink(data), out)


def of_splink(data: pathlib.Path) -> dict[str, list[list[float]]]:
    settings = SettingsCreator(
        unique_id_column_name="rec_id",
        link_type="link_only",
        comparisons=[
            cl.JaroWinklerAtThresholds("given_name", [0.92, 0.88, 0.7]),
            cl.JaroWinklerAtThresholds("surname", [0.92, 0.88, 0.7]),
            cl.DamerauLevenshteinAtThresholds("date_of_birth", [1, 2]),
            cl.LevenshteinAtThresholds("soc_sec_id", [1, 2]),
            cl.ExactMatch("street_number"),
            cl.DamerauLevenshteinAtThresholds("postcode", [1, 2]),
        ],
        blocking_rules_to_generate_predictions=[block_on("date_of_birth"), block_on("postcode")],
        em_convergence=1e-6,
        max_iterations=500,
    )
    db = DuckDBAPI(connection=duckdb.connect(":memory:"))
    read = lambda name: db.duckdb_con.sql(f"from read_parquet('{data}/{name}.parquet')")
    linker = Linker([db.register(read(name), dataset_display_name=name) for name in "ab"], settings)
    linker.training.estimate_probability_two_random_records_match([block_on("soc_sec_id")], recall=0.9)
    linker.training.estimate_u_using_random_sampling(max_pairs=1e9, min_count_per_level=None)
    for column in ("date_of_birth", "postcode"):
        linker.training.estimate_parameters_using_expectation_maximisation(block_on(column), estimate_without_term_frequencies=True)
    model = linker.misc.save_model_to_json()
    levels = {c["output_column_name"]: [level for level in c["comparison_levels"] if not level.get("is_null_level")] for c in model["comparisons"]}
    return {name: [[level.get("m_probability") or 0.0, level.get("u_probability") or 0.0] for level in of] for name, of in levels.items()}


if __name__ == "__main__":
    main()
