#!/usr/bin/env python3
"""Random pairs of texts with what RapidFuzz says of them: `similarities.py FILE` writes 100,000 to a Parquet file.

Two thirds are a text and a mutated copy of it, the others two texts of the same few characters. One pair in fifty is longer than 64
characters, beyond which other code compares them. The same pairs come out every time.
"""

import pathlib
import random
import sys

import pyarrow as pa
import pyarrow.parquet as pq
from rapidfuzz.distance import DamerauLevenshtein, Jaro, JaroWinkler, Levenshtein

PAIRS = 100_000
ALPHABETS = [
    "ab",
    "abcde",
    "abcdefghijklmnopqrstuvwxyz -'.",
    "AaBbÀàÄäÉéÇçĞğİıŞşßøł",
    "абвгдеёжзиАБВ",
    "ابتثجحخدهويیكکـ",
    "aeo\u0301\u0308\u0327\u030a",
    "👑👒👨\u200d👩🏽❤\ufe0f",
    "aé\u0301жم👑",
]


def main() -> None:
    random.seed(20260801)
    pairs = [pair() for _ in range(PAIRS)]
    columns = {
        "a": pa.array([a for a, _ in pairs], pa.string()),
        "b": pa.array([b for _, b in pairs], pa.string()),
        "their_jaro": [Jaro.similarity(a, b) for a, b in pairs],
        "their_jaro_winkler": [JaroWinkler.similarity(a, b) for a, b in pairs],
        "their_damerau_levenshtein": [DamerauLevenshtein.distance(a, b) for a, b in pairs],
        "their_levenshtein": [Levenshtein.distance(a, b) for a, b in pairs],
    }
    path = pathlib.Path(sys.argv[1])
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path, compression="zstd")


def pair() -> tuple[str, str]:
    alphabet = random.choice(ALPHABETS)
    length = random.randint(60, 200) if random.random() < 0.02 else random.randint(0, 40)
    a = text(alphabet, length)
    if random.random() < 2 / 3:
        b = mutated(a, alphabet)
    else:
        b = text(alphabet, random.randint(0, length))
    return (a, b) if random.random() < 0.5 else (b, a)


def text(alphabet: str, length: int) -> str:
    return "".join(random.choices(alphabet, k=length))


def mutated(a: str, alphabet: str) -> str:
    """With up to four changes: characters replaced, inserted, deleted or exchanged, and parts moved."""
    b = list(a)
    for _ in range(random.randint(0, 4)):
        at = random.randint(0, len(b))
        kind = random.randrange(5)
        if kind == 0:
            b.insert(at, random.choice(alphabet))
        elif kind == 1:
            b[at:at + 1] = random.choices(alphabet, k=1)
        elif kind == 2:
            del b[at:at + 1]
        elif kind == 3:
            b[at:at + 2] = reversed(b[at:at + 2])
        else:
            b = b[at:] + b[:at]
    return "".join(b)


if __name__ == "__main__":
    main()
