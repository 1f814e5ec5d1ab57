#!/usr/bin/env python3
"""Makes a CRM's records of people with the errors that people make, and the truth: `match_data.py --out DIR --records N [--seed S]`.

Some live at one address under one name; each has one to five records (as a contact was made more than once), of which the first is right and each
later one has errors: letters mistyped, exchanged or left out, a nickname, first and last name exchanged, a new address, a new last
name, a birthday with day and month exchanged or a digit wrong, values that are missing. Names and streets are as frequent as in life:
few make up much. DIR/people.parquet has the records in an order without meaning, DIR/truth.parquet says who each is.
"""

import argparse
import pathlib

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

SYLLABLES = [a + b for a in "b c d f g h j k l m n p r s t v w z br ch dr gr kl sch st tr".split() for b in "a e i o u ai au ei".split()]
ENDINGS = "n r s t l m ck rt nd ns y er en el mann son sen ski ova ez".split()
NICKNAMES = {
    "robert": ["bob", "rob"], "william": ["bill", "will"], "elizabeth": ["liz", "beth"], "margaret": ["maggie", "peggy"],
    "richard": ["rick", "dick"], "james": ["jim", "jamie"], "john": ["jack", "johnny"], "katherine": ["kate", "kathy"],
    "thomas": ["tom"], "michael": ["mike"], "joseph": ["joe"], "charles": ["charlie", "chuck"], "patricia": ["pat", "patty"],
    "jennifer": ["jenny"], "susan": ["sue"], "david": ["dave"], "daniel": ["dan", "danny"], "edward": ["ed", "ted"],
    "christopher": ["chris"], "anthony": ["tony"], "rebecca": ["becky"], "deborah": ["debbie"], "stephen": ["steve"],
    "timothy": ["tim"], "benjamin": ["ben"], "samuel": ["sam"], "alexander": ["alex"], "nicholas": ["nick"],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(args.seed)
    people = make_people(random, int(args.records / 1.75))
    owner = np.repeat(np.arange(len(people["first"])), random.choice([1, 2, 3, 4, 5], len(people["first"]), p=[0.5, 0.31, 0.12, 0.05, 0.02]))
    owner = owner[: args.records]
    is_copy = np.concatenate([[False], owner[1:] == owner[:-1]])
    records = {name: values[owner] for name, values in people.items()}
    spoil(random, records, is_copy)
    order = random.permutation(len(owner))
    ids = np.char.add("r", np.arange(len(owner)).astype(str))
    columns = {name: pa.array([value or None for value in values[order]], pa.string()) for name, values in records.items()}
    pq.write_table(pa.table({"id": ids} | columns), args.out / "people.parquet", row_group_size=1 << 17)
    pq.write_table(pa.table({"id": ids, "person": owner[order].astype(np.int32)}), args.out / "truth.parquet")


def words(random: np.random.Generator, count: int) -> np.ndarray:
    found = dict.fromkeys([])
    while len(found) < count:
        parts = random.integers(1, 4)
        found["".join(random.choice(SYLLABLES, parts)) + random.choice(ENDINGS)] = None
    return np.array(list(found), dtype=object)


def frequent(random: np.random.Generator, values: np.ndarray, count: int, slope: float) -> np.ndarray:
    weights = 1 / np.arange(1, len(values) + 1) ** slope
    return values[random.choice(len(values), count, p=weights / weights.sum())]


def make_people(random: np.random.Generator, count: int) -> dict[str, np.ndarray]:
    firsts = np.concatenate([np.array(list(NICKNAMES), dtype=object), words(random, 3000)])
    lasts, streets, cities = words(random, 40_000), words(random, 20_000), words(random, 3_000)
    household = np.cumsum(random.random(count) < 0.93)
    homes = household[-1] + 1
    city = random.choice(len(cities), homes, p=(weights := 1 / np.arange(1, len(cities) + 1) ** 0.9) / weights.sum())
    street = np.array([f"{number} {name} {kind}" for number, name, kind in zip(
        random.integers(1, 200, homes), frequent(random, streets, homes, 0.7), random.choice(["street", "road", "lane", "avenue"], homes))], dtype=object)
    postcode = np.array([f"{10000 + c * 29 + d:05d}" for c, d in zip(city, random.integers(0, 25, homes))], dtype=object)
    surname = frequent(random, lasts, homes, 0.75)
    born = np.datetime64("1930-01-01") + random.integers(0, 29_000, count).astype("timedelta64[D]")
    first = frequent(random, firsts, count, 0.8)
    last = surname[household]
    number = random.integers(0, 10_000, count)
    email = np.array([f"{f}.{l}{n}@example.com" for f, l, n in zip(first, last, number)], dtype=object)
    email[random.random(count) < 0.4] = ""
    return {
        "first_name": first, "last_name": last, "born": born.astype(str).astype(object), "street": street[household],
        "city": cities[city][household], "postcode": postcode[household], "email": email,
    } | {"first": first}


def spoil(random: np.random.Generator, records: dict[str, np.ndarray], is_copy: np.ndarray) -> None:
    del records["first"]
    copies = np.flatnonzero(is_copy)

    def some(share: float) -> np.ndarray:
        return copies[random.random(len(copies)) < share]

    first, last, born = records["first_name"], records["last_name"], records["born"]
    for i in some(0.12):
        first[i] = random.choice(NICKNAMES.get(first[i], [first[i]]))
    for name, share in (("first_name", 0.10), ("last_name", 0.12), ("street", 0.15), ("city", 0.06), ("postcode", 0.06), ("email", 0.06)):
        for i in some(share):
            records[name][i] = mistyped(random, records[name][i])
    moved = some(0.15)
    elsewhere = random.integers(0, len(first), len(moved))
    for name in ("street", "city", "postcode"):
        records[name][moved] = records[name][elsewhere]
    married = some(0.03)
    last[married] = last[random.integers(0, len(last), len(married))]
    for i in some(0.03):
        year, month, day = born[i].split("-")
        born[i] = f"{year}-{day}-{month}" if int(day) <= 12 else born[i]
    for i in some(0.05):
        digits = list(born[i])
        digits[random.choice([3, 9])] = str(random.integers(0, 9))
        born[i] = "".join(digits)
    swapped = some(0.02)
    first[swapped], last[swapped] = last[swapped].copy(), first[swapped].copy()
    for name, share in (("first_name", 0.02), ("born", 0.12), ("street", 0.10), ("city", 0.05), ("postcode", 0.08), ("email", 0.25)):
        records[name][some(share)] = ""


def mistyped(random: np.random.Generator, text: str) -> str:
    if len(text) < 3:
        return text
    i, letter = random.integers(1, len(text) - 1), "abcdefghijklmnopqrstuvwxyz"[random.integers(26)]
    match random.integers(4):
        case 0:
            return text[:i] + letter + text[i + 1 :]
        case 1:
            return text[:i] + text[i + 1 :]
        case 2:
            return text[:i] + letter + text[i:]
        case _:
            return text[: i - 1] + text[i] + text[i - 1] + text[i + 1 :]


if __name__ == "__main__":
    main()
