#!/usr/bin/env python3
"""What Kinfold and Splink learn from the same records by the same comparisons, m and u level by level: `febrl_parameters.py DATA WORK`,
where DATA is FEBRL 4 as febrl_data.py made it. Prints a table and fails if a parameter differs by 0.0005 or more.

Both count u among all pairs, and learn m from the same pairs, without adjusting for how frequent values are, until nothing moves.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys

import duckdb
import splink.comparison_library as cl
from splink import DuckDBAPI, Linker, SettingsCreator, block_on

HERE = pathlib.Path(__file__).resolve().parent
NAMES = ["given_name", "surname", "date_of_birth", "soc_sec_id", "street_number", "postcode"]


def main() -> None:
    data, work = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2])
    ours, theirs = kinfold(data, work), of_splink(data)
    worst = 0.0
    print("| comparison | level | m, Kinfold | m, Splink | u, Kinfold | u, Splink |\n|---|---|---|---|---|---|")
    for name in NAMES:
        for (label, m, u), (their_m, their_u) in zip(ours[name], theirs[name], strict=True):
            print(f"| {name} | {label} | {m:.5f} | {their_m:.5f} | {u:.6f} | {their_u:.6f} |")
            worst = max(worst, abs(m - their_m), abs(u - their_u))
    print(f"\nthe largest difference is {worst:.6f}")
    if worst >= 0.0005:
        sys.exit("what was learned differs")


def kinfold(data: pathlib.Path, work: pathlib.Path) -> dict[str, list]:
    cache = os.environ.get("KINFOLD_CACHE", os.path.expanduser("~/.cache/kinfold"))
    binary = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", f"{cache}/target")) / "release" / "kinfold"
    shutil.rmtree(work, ignore_errors=True)
    shutil.copytree(HERE / "parameters_project", work)
    (work / "data").symlink_to(data)
    words = [binary, "match", "train", "--dry-run", "--output", "json", "--project", work]
    report = json.loads(subprocess.run(words, stdout=subprocess.PIPE, check=True).stdout)
    return {c["name"]: [(level["level"], level["m"], level["u"]) for level in c["levels"]] for c in report["comparisons"]}


def of_splink(data: pathlib.Path) -> dict[str, list]:
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
    return {name: [(level.get("m_probability") or 0.0, level.get("u_probability") or 0.0) for level in of] for name, of in levels.items()}


if __name__ == "__main__":
    main()
