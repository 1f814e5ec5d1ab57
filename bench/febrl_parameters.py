#!/usr/bin/env python3
"""What Kinfold and Splink learn from all of FEBRL 4 by the same comparisons, m and u level by level: `febrl_parameters.py DATA WORK`,
where DATA is FEBRL 4 as febrl_data.py made it. Prints a table and fails if a parameter differs by 0.0005 or more.

`./test` holds the same of a fifth of the people.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests/tools"))
from learned_by_splink import of_splink


def main() -> None:
    data, work = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2])
    ours, theirs = kinfold(data, work), of_splink(data)
    worst = 0.0
    print("| comparison | level | m, Kinfold | m, Splink | u, Kinfold | u, Splink |\n|---|---|---|---|---|---|")
    for name, levels in ours.items():
        for (label, m, u), (their_m, their_u) in zip(levels, theirs[name], strict=True):
            print(f"| {name} | {label} | {m:.5f} | {their_m:.5f} | {u:.6f} | {their_u:.6f} |")
            worst = max(worst, abs(m - their_m), abs(u - their_u))
    print(f"\nthe largest difference is {worst:.6f}")
    if worst >= 0.0005:
        sys.exit("what was learned differs")


def kinfold(data: pathlib.Path, work: pathlib.Path) -> dict[str, list]:
    cache = os.environ.get("KINFOLD_CACHE", os.path.expanduser("~/.cache/kinfold"))
    binary = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", f"{cache}/target")) / "release" / "kinfold"
    shutil.rmtree(work, ignore_errors=True)
    shutil.copytree(ROOT / "tests/projects/learned", work)
    (work / "data").symlink_to(data)
    words = [binary, "match", "train", "--dry-run", "--output", "json", "--project", work]
    report = json.loads(subprocess.run(words, stdout=subprocess.PIPE, check=True).stdout)
    return {c["name"]: [(level["level"], level["m"], level["u"]) for level in c["levels"]] for c in report["comparisons"]}


if __name__ == "__main__":
    main()
