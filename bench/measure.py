"""How the benchmarks measure: each tool in a process of its own, by the clock on the wall and the kernel's peak of memory.

The process that measures must stay small: Linux counts what the parent held at the fork as the child's own peak. So nothing here
imports more than Python's own library, and results are compared in other processes.
"""

import os
import pathlib
import platform
import re
import signal
import statistics
import subprocess
import threading
import time


class Failed(SystemExit):
    """A tool ended with an error. Who does not expect that ends with it."""


def run(name: str, command: list, cap_secs: float | None = None) -> dict:
    """Runs a tool to its end. Tools print a line on standard error as a step ends: `name: …, 1.2 s`, and perhaps more in brackets.

    One that takes longer than `cap_secs` is killed with the processes that it started, and a `TimeoutError` says so.
    """
    begin = time.monotonic()
    words = [str(word) for word in command]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=cap_secs is not None)
    watch = Watch(process.pid)
    cap = threading.Timer(cap_secs, os.killpg, (process.pid, signal.SIGKILL)) if cap_secs else None
    if cap:
        cap.start()
    log, steps = [], {}
    for line in process.stderr:
        log.append(line)
        if found := re.fullmatch(r"([^:]+): .*, ([0-9.]+) s(?: \(.*\))?\n", line):
            took = float(found[2])
            steps[found[1]] = {"seconds": took, "bytes": watch.peak_since(time.monotonic() - took)}
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - begin
    watch.stop()
    if cap:
        cap.cancel()
        if os.waitstatus_to_exitcode(status) == -signal.SIGKILL and seconds >= cap_secs:
            raise TimeoutError(f"took more than {cap_secs:.0f} s")
    if os.waitstatus_to_exitcode(status) != 0:
        raise Failed(f"{name} failed:\n{''.join(log)}")
    result = {"seconds": seconds, "bytes": usage.ru_maxrss * 1024, "cpu_seconds": usage.ru_utime + usage.ru_stime, "steps": steps}
    print(f"{name:24} {seconds:7.1f} s  {result['bytes'] / 2**20:7.0f} MiB", flush=True)
    return result


def train_and_run(name: str, binary: str, project: pathlib.Path) -> dict:
    """Kinfold's matching, from records to tables: what it takes to learn a model and to run with it, together."""
    train = run(f"{name}: train", [binary, "match", "train", "--project", project, "--carry-on"])
    ran = run(f"{name}: run", [binary, "run", "--no-sync", "--project", project])
    return {
        "seconds": train["seconds"] + ran["seconds"],
        "cpu_seconds": train["cpu_seconds"] + ran["cpu_seconds"],
        "bytes": max(train["bytes"], ran["bytes"]),
        "steps": {f"train: {step}": took for step, took in train["steps"].items()} | ran["steps"],
    }


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


def medians(measured: dict[str, list[dict]]) -> dict[str, dict]:
    """For each tool, the middle of its rounds."""
    keys = ("seconds", "bytes", "cpu_seconds")
    return {name: {key: statistics.median(r[key] for r in rounds) for key in keys} for name, rounds in measured.items()}


def print_tools(middle: dict[str, dict]) -> None:
    print("| tool | seconds | CPU seconds | peak MiB |\n|---|---|---|---|")
    for name, m in middle.items():
        print(f"| {name} | {m['seconds']:.1f} | {m['cpu_seconds']:.1f} | {m['bytes'] / 2**20:.0f} |")


def print_steps(measured: dict[str, list[dict]]) -> None:
    for name, results in measured.items():
        if not results[0]["steps"]:
            continue
        print(f"\n| {name}: step | seconds | resident MiB at most |\n|---|---|---|")
        for step in results[0]["steps"]:
            both = [r["steps"][step] for r in results if step in r["steps"]]
            print(f"| {step} | {statistics.median(s['seconds'] for s in both):.2f} | {max(s['bytes'] for s in both) / 2**20:.0f} |")


def seconds_of(results: list[dict], steps: list[str]) -> float:
    """What these steps take together, in the middle of a tool's rounds."""
    return statistics.median(sum(r["steps"][step]["seconds"] for step in steps) for r in results)


def machine() -> str:
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "?")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} x {model}, {memory:.0f} GiB, {platform.system()} {platform.release()}"
