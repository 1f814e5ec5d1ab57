#!/usr/bin/env python3
"""The identity benchmark: from source Parquet to all tables written, beside the best separate tools, in the same run.

    just bench-identity                                 # 1 million customers, about 6 million edges, three rounds
    just bench-identity --customers 5000000
    python3 bench/identity.py --customers 20000 --rounds 1

Makes the data once (see identity_data.py), then runs Kinfold and the peers (identity_peers.py) in turn, each in a process of its
own; and, beside the peers that label the nodes of a graph, Kinfold's kernel by itself (src/engine/examples/components.rs). After the
first round Kinfold's clusters without limits must be those of scipy, row by row, and each set of rules is held against the generator's
truth. Prints tables, and leaves everything in `results.json` beside the data.

`all_rules_new_rows` is a run after new files came that hold one row in a hundred; it must end in the clusters of `all_rules`.
"""

import argparse
import importlib.util
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import measure

HERE = pathlib.Path(__file__).resolve().parent
AS_OF = "2026-11-21T00:00:00Z"

# What becomes of the project's rules: each pattern is taken out of, or replaced in, the file that has them all.
NO_SHARED = (r", shared_above: \d+", "")
NO_LIMIT = (r", limit: (\d+|\{[^}]*\})", "")
NO_WINDOW = (r"limit: \{count: (\d+), within: \w+\}", r"limit: \1")
RULES = {
    "no_limits": [NO_LIMIT, NO_SHARED],
    "limits": [NO_WINDOW, NO_SHARED],
    "windows": [NO_SHARED],
    "shared": [NO_LIMIT],
    "limits_shared": [NO_WINDOW],
    "all_rules": [],
}
# These are timed; the others run once, to be held against the truth. `again` builds on the tables that `all_rules` left.
TIMED = ["no_limits", "all_rules"]
AGAIN = "all_rules again"
# A build of most rows, which is not timed, then a run once the rest has come.
NEW_ROWS = "all_rules_new_rows"
NEW_SHARE = 0.01

# DuckDB reads the sources and writes the tables that Kinfold without limits wrote, and finds out nothing in between: no more than that
# is left of a goal for a tool that reads and writes as DuckDB does.
TABLES = "tables"
# Likewise of a run over new rows: DuckDB finds and fetches what they touch, and links nothing.
NEW_ROWS_LEAST = "new_rows"
NEW_ROWS_STEPS = ["new rows", "their profiles", "their values", "their rows", "write"]
# The kernel by itself, over the edges that DuckDB made.
KERNEL = "kernel"

GOAL_RATIO = 1 / 3
# Of scipy's time and memory, for the kernel by itself.
GOAL_KERNEL = 1 / 2
GOAL_BYTES = {1_000_000: 2 << 30, 5_000_000: 6 << 30}


def main() -> None:
    args = arguments()
    root = pathlib.Path(args.cache) / f"identity-{args.customers}"
    generate(root, args)
    for name in RULES:
        lay_project(root, name)
    lay_project(root, NEW_ROWS)
    ours = {f"kinfold {name}": kinfold(root, name, args) for name in TIMED} | {f"kinfold {AGAIN}": kinfold(root, "all_rules", args)}
    ours[f"kinfold {NEW_ROWS}"] = kinfold(root, NEW_ROWS, args)
    peers = {name: peer(root, name, args) for name in peer_names()} | {KERNEL: [args.kernel, root / "peers", args.threads]}
    measured = {name: [] for name in ours | peers}
    for round_number in range(args.rounds):
        # Each side goes first as often as the other. Within a side the order stays: some read what the one before them wrote.
        for name, command in (ours | peers if round_number % 2 == 0 else peers | ours).items():
            if (rules := name.removeprefix("kinfold ")) in TIMED:
                shutil.rmtree(root / rules / "lake", ignore_errors=True)
            if rules == NEW_ROWS:
                build_without_new_rows(root, args)
            measured[name].append(measure.run(name, command))
        if round_number == 0:
            found = compare(root, args)
    report(root, measured, found, args)


def arguments() -> argparse.Namespace:
    cache = os.environ.get("KINFOLD_CACHE", os.path.expanduser("~/.cache/kinfold"))
    target = os.environ.get("CARGO_TARGET_DIR", f"{cache}/target")
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", default=str(os.cpu_count()))
    parser.add_argument("--memory-limit", help="handed to kinfold")
    parser.add_argument("--cache", default=f"{cache}/bench", help="where the data is made and kept")
    parser.add_argument("--kinfold", default=f"{target}/release/kinfold")
    parser.add_argument("--kernel", default=f"{target}/release/examples/components")
    return parser.parse_args()


def generate(root: pathlib.Path, args: argparse.Namespace) -> None:
    if (root / "generated.json").exists():
        return
    print(f"making {args.customers:,} customers in {root}")
    shutil.rmtree(root, ignore_errors=True)
    subprocess.run([sys.executable, HERE / "identity_data.py", "--out", root, "--customers", str(args.customers)], check=True)


def lay_project(root: pathlib.Path, rules: str) -> None:
    project = root / rules
    shutil.rmtree(project, ignore_errors=True)
    shutil.copytree(HERE / "identity_project", project)
    (project / "data").symlink_to(root / "data")
    entity = project / "models" / "customer.yml"
    text = entity.read_text()
    for pattern, replacement in RULES.get(rules, []):
        text = re.sub(pattern, replacement, text)
    entity.write_text(text)


def build_without_new_rows(root: pathlib.Path, args: argparse.Namespace) -> None:
    """Leaves a lake without the new rows of orders and sessions, and the data with them in files of their own."""
    project = root / NEW_ROWS
    shutil.rmtree(project / "lake", ignore_errors=True)
    (project / "data").unlink(missing_ok=True)
    own = root / "new_rows_data"
    shutil.rmtree(own, ignore_errors=True)
    shutil.copytree(root / "data", own, copy_function=os.link)
    (project / "data").symlink_to(own)
    new = root / "new_rows"
    # In a process of its own: see measure.py.
    subprocess.run([sys.executable, HERE / "identity_new_rows.py", own, new, str(NEW_SHARE)], check=True)
    measure.run(f"kinfold {NEW_ROWS}: before", kinfold(root, NEW_ROWS, args))
    shutil.copytree(new, own, dirs_exist_ok=True)
    before = before_new_rows(root) / "customer_identifiers"
    shutil.rmtree(before, ignore_errors=True)
    # Files of a table are never changed.
    shutil.copytree(project / "lake" / "kinfold" / before.name, before, copy_function=os.link)


def before_new_rows(root: pathlib.Path) -> pathlib.Path:
    return root / "before_new_rows"


def kinfold(root: pathlib.Path, rules: str, args: argparse.Namespace) -> list:
    limit = ["--memory-limit", args.memory_limit] if args.memory_limit else []
    return [args.kinfold, "run", "--no-sync", "--project", root / rules, "--as-of", AS_OF, "--threads", args.threads, *limit]


def peer_names() -> list[str]:
    names = ["edges", "scipy", "contraction", "splink", TABLES, NEW_ROWS_LEAST]
    if importlib.util.find_spec("splink") is None:
        print("Splink is not installed: it is left out")
        names.remove("splink")
    return names


def peer(root: pathlib.Path, name: str, args: argparse.Namespace) -> list:
    script = HERE / "identity_peers.py"
    results = {
        TABLES: ["--result", root / "no_limits" / "lake" / "kinfold"],
        NEW_ROWS_LEAST: ["--result", before_new_rows(root), "--new", root / "new_rows"],
    }
    of_result = results.get(name, [])
    return [sys.executable, script, name, "--data", root / "data", "--out", root / "peers", "--threads", args.threads, *of_result]


def compare(root: pathlib.Path, args: argparse.Namespace) -> dict:
    for name in (name for name in RULES if name not in TIMED):
        measure.run(f"kinfold {name}", kinfold(root, name, args))
    # In a process of its own: see measure.py.
    compared = subprocess.run([sys.executable, HERE / "identity_compare.py", root, NEW_ROWS, *RULES], stdout=subprocess.PIPE, text=True)
    if compared.returncode != 0:
        sys.exit("the results differ")
    return json.loads(compared.stdout)


def report(root: pathlib.Path, measured: dict[str, list[dict]], found: dict, args: argparse.Namespace) -> None:
    middle = measure.medians(measured)
    print(f"\n{measure.machine()}, {args.customers:,} customers, {found['values']:,} values, {found['edges']:,} edges, "
          f"medians of {args.rounds}\n")
    measure.print_tools(middle)
    measure.print_steps(measured)
    print_quality(found["quality"])
    verdicts = [verdict(name, middle, args.customers) for name in (*TIMED, AGAIN)]
    verdicts.append(verdict_of_kernel(middle, args.customers))
    least = measure.seconds_of(measured[TABLES], ["read", "write"]) / (middle["edges"]["seconds"] + middle["scipy"]["seconds"])
    print(f"{TABLES}: to read the sources and write the tables takes DuckDB {least:.2f} of edges and scipy")
    full, new = (middle[f"kinfold {name}"]["seconds"] for name in ("all_rules", NEW_ROWS))
    print(f"{NEW_ROWS}: {new / full:.2f} of a full build (goal at 5 million: 0.05)")
    least = measure.seconds_of(measured[NEW_ROWS_LEAST], NEW_ROWS_STEPS) / full
    print(f"{NEW_ROWS_LEAST}: to find and fetch what they touch, and to write, takes DuckDB {least:.2f} of a full build")
    results = {"machine": measure.machine(), **vars(args), **found, "verdicts": verdicts, "medians": middle, "measured": measured}
    (root / "results.json").write_text(json.dumps(results, indent=1))
    if any(v["missed"] for v in verdicts):
        sys.exit("a goal is missed")


def print_quality(quality: dict[str, dict]) -> None:
    print("\n| rules | precision | recall | F1 | profiles | links refused | values set aside |\n|---|---|---|---|---|---|---|")
    for name, q in quality.items():
        shares = " | ".join(f"{q[key]:.4f}" for key in ("precision", "recall", "f1"))
        print(f"| {name} | {shares} | {q['profiles']:,} | {q['conflicts']:,} | {q['shared']:,} |")
    print(f"\n{next(iter(quality.values()))['people']:,} people own values")


def verdict(rules: str, middle: dict[str, dict], customers: int) -> dict:
    """Kinfold's whole step against DuckDB's edges and scipy's labels together. The goals are set for some sizes alone."""
    ours = middle[f"kinfold {rules}"]
    ratio = ours["seconds"] / (middle["edges"]["seconds"] + middle["scipy"]["seconds"])
    goal_bytes = GOAL_BYTES.get(customers)
    missed = goal_bytes is not None and (ratio > GOAL_RATIO or ours["bytes"] >= goal_bytes)
    goals = f"goals: {GOAL_RATIO:.2f}, {goal_bytes >> 30} GiB" if goal_bytes else "no goals at this size"
    print(f"{rules}: {ratio:.2f} of edges and scipy, peak {ours['bytes'] / 2**30:.2f} GiB ({goals}){' MISSED' if missed else ''}")
    return {"rules": rules, "ratio": ratio, "bytes": ours["bytes"], "missed": missed}


def verdict_of_kernel(middle: dict[str, dict], customers: int) -> dict:
    ratios = {what: middle[KERNEL][what] / middle["scipy"][what] for what in ("seconds", "bytes")}
    missed = customers in GOAL_BYTES and any(ratio > GOAL_KERNEL for ratio in ratios.values())
    print(f"{KERNEL}: {ratios['seconds']:.2f} of scipy's time, {ratios['bytes']:.2f} of its memory "
          f"(goals: {GOAL_KERNEL:.2f}){' MISSED' if missed else ''}")
    return {"rules": KERNEL, **ratios, "missed": missed}


if __name__ == "__main__":
    main()
