"""Connected components of random rows of identifiers by SciPy, to compare with.

    components.py make DIR SEED          writes DIR/rows.csv
    components.py check DIR              compares DIR/found.csv (identifier, value, profile_id) with SciPy's labels, value by value
"""

import csv
import random
import sys
from pathlib import Path

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

IDENTIFIERS = ["a", "b", "c"]
GRAPHS = 250


def make(folder: Path, seed: int) -> None:
    """Rows of many graphs that have no value in common, each over few or many values, so that components are anything from pairs to one
    giant. The rows of all are mixed."""
    random.seed(seed)
    rows = []
    for graph in range(GRAPHS):
        values = random.choice([3, 10, 40, 150]) if graph > 0 else 5000
        density = random.choice([0.3, 0.6, 0.9])
        for _ in range(random.choice([values // 2, values, 3 * values])):
            rows.append([f"{name}{graph}-{random.randrange(values)}" if random.random() < density else "" for name in IDENTIFIERS])
    random.shuffle(rows)
    with open(folder / "rows.csv", "w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["n", *IDENTIFIERS])
        out.writerows([n, *row] for n, row in enumerate(rows))


def components(folder: Path) -> dict[tuple[str, str], int]:
    """The label of each value."""
    numbers: dict[tuple[str, str], int] = {}
    edges = []
    with open(folder / "rows.csv", newline="") as file:
        for row in csv.DictReader(file):
            present = [numbers.setdefault((name, row[name]), len(numbers)) for name in IDENTIFIERS if row[name]]
            edges += [(present[0], other) for other in present[1:]]
    left, right = np.array(edges, dtype=np.int64).reshape(-1, 2).T
    graph = coo_matrix((np.ones(len(edges)), (left, right)), shape=(len(numbers), len(numbers)))
    labels = connected_components(graph, directed=False)[1]
    return {value: int(labels[number]) for value, number in numbers.items()}


def check(folder: Path) -> None:
    """The two partitions are one: same values, and labels correspond one to one."""
    expected = components(folder)
    with open(folder / "found.csv", newline="") as file:
        found = {(row["identifier"], row["value"]): row["profile_id"] for row in csv.DictReader(file)}
    assert found.keys() == expected.keys(), f"{len(found)} values, {len(expected)} expected"
    pairs = {(expected[value], profile) for value, profile in found.items()}
    labels, profiles = {label for label, _ in pairs}, {profile for _, profile in pairs}
    assert len(pairs) == len(labels) == len(profiles), f"{len(labels)} components, {len(profiles)} profiles, {len(pairs)} pairs"
    print(f"{len(found)} values in {len(labels)} components")


if __name__ == "__main__":
    folder = Path(sys.argv[2])
    if sys.argv[1] == "make":
        make(folder, int(sys.argv[3]))
    else:
        check(folder)
