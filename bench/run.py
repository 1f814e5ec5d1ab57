#!/usr/bin/env python3
"""The benchmark: `kinfold run --no-sync` beside the best separate tools, on the same data, in the same run.

    just bench                                       # 1 million customers, 20 million events, three rounds
    python3 bench/run.py --customers 100000 --events 2000000 --rounds 1

Makes the data once (see generate.py), then runs both in turn, each in a process of its own that starts from nothing: seconds on
the wall and peak resident memory of each, the medians, and their ratio. After the first round it compares what both have written:
the same clusters, the same traits for every profile, the same members of every segment. A difference is a failure.
"""

import argparse
import os
import pathlib
import shutil
import subprocess
import sys

import measure

HERE = pathlib.Path(__file__).resolve().parent
AS_OF = "2026-11-21T00:00:00Z"
GOAL_RATIO = 1.5
GOAL_BYTES = 4 << 30


def main() -> None:
    args = arguments()
    root = pathlib.Path(args.cache) / f"{args.customers}-{args.events}"
    generate(root, args)
    project = root / "project"
    lay_project(project, root / "data")
    tools = {
        "kinfold": [args.kinfold, "run", "--no-sync", "--project", project, "--as-of", AS_OF,
                    "--threads", args.threads, *(["--memory-limit", args.memory_limit] if args.memory_limit else [])],
        "peers": [sys.executable, HERE / "peers.py", "--data", root / "data", "--out", root / "peers", "--threads", args.threads],
    }
    measured = {name: [] for name in tools}
    for round_number in range(args.rounds):
        # Each goes first as often as the other; the first read of the files warms the page cache for whoever comes second.
        order = list(tools) if round_number % 2 == 0 else list(reversed(tools))
        for name in order:
            shutil.rmtree(project / "lake" if name == "kinfold" else root / "peers", ignore_errors=True)
            measured[name].append(measure.run(name, tools[name]))
        if round_number == 0:
            compare(project / "lake", root)
    report(measured, args)


def arguments() -> argparse.Namespace:
    cache = os.environ.get("KINFOLD_CACHE", os.path.expanduser("~/.cache/kinfold"))
    target = os.environ.get("CARGO_TARGET_DIR", f"{cache}/target")
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--events", type=int, default=20_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", default=str(os.cpu_count()))
    parser.add_argument("--memory-limit", help="handed to kinfold")
    parser.add_argument("--cache", default=f"{cache}/bench", help="where the data is made and kept")
    parser.add_argument("--kinfold", default=f"{target}/release/kinfold")
    return parser.parse_args()


def generate(root: pathlib.Path, args: argparse.Namespace) -> None:
    if (root / "generated.json").exists():
        return
    print(f"making {args.customers:,} customers and {args.events:,} events in {root}")
    shutil.rmtree(root, ignore_errors=True)
    command = [HERE / "generate.py", "--out", root, "--customers", args.customers, "--events", args.events]
    subprocess.run([sys.executable, *map(str, command)], check=True)


def lay_project(project: pathlib.Path, data: pathlib.Path) -> None:
    shutil.rmtree(project, ignore_errors=True)
    shutil.copytree(HERE / "project", project)
    (project / "data").symlink_to(data)


def compare(lake: pathlib.Path, root: pathlib.Path) -> None:
    # In a process of its own: see measure.py.
    if subprocess.run([sys.executable, HERE / "compare.py", lake, root]).returncode != 0:
        sys.exit("the results differ")


def report(measured: dict[str, list[dict]], args: argparse.Namespace) -> None:
    middle = measure.medians(measured)
    print(f"\n{measure.machine()}, {args.customers:,} customers, {args.events:,} events, medians of {args.rounds}\n")
    measure.print_tools(middle)
    measure.print_steps(measured)
    ratio = middle["kinfold"]["seconds"] / middle["peers"]["seconds"]
    print(f"\nratio {ratio:.2f} (goal: at most {GOAL_RATIO}); peak {middle['kinfold']['bytes'] / 2**30:.2f} GiB (goal: under 4)")
    if ratio > GOAL_RATIO or middle["kinfold"]["bytes"] >= GOAL_BYTES:
        sys.exit("the goal is missed")


if __name__ == "__main__":
    main()
