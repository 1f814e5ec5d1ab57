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
import platform
import re
import shutil
import statistics
import subprocess
import sys
import threading
import time

import compare

HERE = pathlib.Path(__file__).resolve().parent
GOAL_RATIO = 1.5
GOAL_BYTES = 4 << 30


def main() -> None:
    args = arguments()
    root = pathlib.Path(args.cache) / f"{args.customers}-{args.events}"
    generate(root, args)
    project = root / "project"
    lay_project(project, root / "data")
    tools = {
        "kinfold": [args.kinfold, "run", "--no-sync", "--project", project, "--as-of", compare.AS_OF,
                    "--threads", args.threads, *(["--memory-limit", args.memory_limit] if args.memory_limit else [])],
        "peers": [sys.executable, HERE / "peers.py", "--data", root / "data", "--out", root / "peers", "--threads", args.threads],
    }
    measured = {name: [] for name in tools}
    for round_number in range(args.rounds):
        # Each goes first as often as the other; the first read of the files warms the page cache for whoever comes second.
        order = list(tools) if round_number % 2 == 0 else list(reversed(tools))
        for name in order:
            shutil.rmtree(project / "lake" if name == "kinfold" else root / "peers", ignore_errors=True)
            measured[name].append(run(name, tools[name]))
        if round_number == 0:
            compare.compare(project / "lake", root)
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


def run(name: str, command: list) -> dict:
    """Runs a tool. Both tools print a line on standard error as a step ends: `name: …, 1.2 s`."""
    begin = time.monotonic()
    process = subprocess.Popen([str(word) for word in command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    watch = Watch(process.pid)
    log, steps = [], {}
    for line in process.stderr:
        log.append(line)
        if found := re.fullmatch(r"(\S+): .*, ([0-9.]+) s\n", line):
            took = float(found[2])
            steps[found[1]] = {"seconds": took, "bytes": watch.peak_since(time.monotonic() - took)}
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - begin
    watch.stop()
    if os.waitstatus_to_exitcode(status) != 0:
        sys.exit(f"{name} failed:\n{''.join(log)}")
    result = {"seconds": seconds, "bytes": usage.ru_maxrss * 1024, "cpu_seconds": usage.ru_utime + usage.ru_stime, "steps": steps}
    print(f"{name:8} {seconds:7.1f} s  {result['bytes'] / 2**20:7.0f} MiB", flush=True)
    return result


class Watch:
    """Samples a process's resident memory, so that each step's peak can be told."""

    def __init__(self, pid: int) -> None:
        self.samples = []
        self.stopped = threading.Event()
        self.path = f"/proc/{pid}/statm"
        threading.Thread(target=self.sample, daemon=True).start()

    def sample(self) -> None:
        page = os.sysconf("SC_PAGE_SIZE")
        while not self.stopped.wait(0.05):
            try:
                with open(self.path) as file:
                    self.samples.append((time.monotonic(), int(file.read().split()[1]) * page))
            except (OSError, IndexError):
                return

    def peak_since(self, instant: float) -> int:
        return max((size for at, size in self.samples if at >= instant - 0.1), default=0)

    def stop(self) -> None:
        self.stopped.set()


def report(measured: dict[str, list[dict]], args: argparse.Namespace) -> None:
    middle = {
        name: {key: statistics.median(r[key] for r in results) for key in ("seconds", "bytes", "cpu_seconds")}
        for name, results in measured.items()
    }
    print(f"\n{machine()}, {args.customers:,} customers, {args.events:,} events, medians of {args.rounds}\n")
    print("| tool | seconds | CPU seconds | peak MiB |\n|---|---|---|---|")
    for name, m in middle.items():
        print(f"| {name} | {m['seconds']:.1f} | {m['cpu_seconds']:.1f} | {m['bytes'] / 2**20:.0f} |")
    for name, results in measured.items():
        print(f"\n| {name}: step | seconds | resident MiB at most |\n|---|---|---|")
        for step in results[0]["steps"]:
            both = [r["steps"][step] for r in results if step in r["steps"]]
            print(f"| {step} | {statistics.median(s['seconds'] for s in both):.2f} | {max(s['bytes'] for s in both) / 2**20:.0f} |")
    ratio = middle["kinfold"]["seconds"] / middle["peers"]["seconds"]
    print(f"\nratio {ratio:.2f} (goal: at most {GOAL_RATIO}); peak {middle['kinfold']['bytes'] / 2**30:.2f} GiB (goal: under 4)")
    if ratio > GOAL_RATIO or middle["kinfold"]["bytes"] >= GOAL_BYTES:
        sys.exit("the goal is missed")


def machine() -> str:
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "?")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} x {model}, {memory:.0f} GiB, {platform.system()} {platform.release()}"


if __name__ == "__main__":
    main()
