#!/usr/bin/env python3
"""Makes the benchmark's data: seeded Parquet files of a made-up shop, and the truth of who is who.

    python3 bench/generate.py --out DIR [--customers 1000000] [--events 20000000] [--seed 1]

| file | rows at 1 million customers |
|---|---|
| `data/crm/contacts.parquet` | 0.85 M: CRM id, e-mail, phone, name, country, consent |
| `data/shop/customers.parquet` | 0.8 M: user id, e-mail |
| `data/web/events/*.parquet` | `--events`: cookie, user id where logged in, type, time |
| `data/shop/orders/*.parquet` | 3 M: user id or guest's e-mail, amount, status, category, time |
| `data/shop/returns.parquet` | 0.2 M: order, refund |
| `truth.parquet` | every identifier value and the number of the person that it belongs to |

Orders and events are skewed: few people do most of them. One event in two hundred comes from one of fifty kiosk cookies that
belong to nobody. Everything else joins only what one person owns, so the right clusters are the connected components.
"""

import argparse
import binascii
import decimal
import json
import pathlib

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

END_US = 1_795_219_200_000_000  # 2026-11-21T00:00:00Z
DAY_US = 86_400_000_000
ROWS_A_FILE = 2_000_000
KIOSKS = 50


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", required=True)
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--events", type=int, default=20_000_000)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    out = pathlib.Path(args.out)
    data = out / "data"
    rng = np.random.default_rng(args.seed)
    people = People(rng, args.customers)
    write_contacts(rng, people, data / "crm")
    write_customers(people, data / "shop")
    orders = write_orders(rng, people, 3 * args.customers, data / "shop" / "orders")
    write_returns(rng, orders, data / "shop")
    write_events(rng, people, args.events, data / "web" / "events")
    write_truth(people, out)
    done = {"customers": args.customers, "events": args.events, "seed": args.seed, "as_of": "2026-11-21T00:00:00Z"}
    (out / "generated.json").write_text(json.dumps(done))


class People:
    """What each person owns; -1 where they have none."""

    def __init__(self, rng: np.random.Generator, count: int) -> None:
        self.count = count
        number = np.arange(count)
        self.registered = rng.random(count) < 0.8
        self.contact = self.registered & (rng.random(count) < 0.85) | (rng.random(count) < 0.6)
        self.has_phone = rng.random(count) < 0.6
        self.activity = np.cumsum(rng.lognormal(0, 1.2, count))
        self.cookies_of = rng.choice([1, 2, 3, 4, 5], count, p=[0.3, 0.3, 0.2, 0.1, 0.1])
        self.first_cookie = np.concatenate([[0], np.cumsum(self.cookies_of)[:-1]])
        self.cookies = random_hex(rng, int(self.cookies_of.sum()))
        self.user_ids = joined("u", number + 10_000_000)
        self.emails = pc.binary_join_element_wise(joined("person", number), joined("mail", number % 97), "@")
        self.emails = pc.binary_join_element_wise(self.emails, "example", ".")
        self.phones = joined("+90532", number + 1_000_000)

    def pick(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """People drawn by how active they are."""
        return drawn(rng, self.activity, count)


def drawn(rng: np.random.Generator, running_total: np.ndarray, count: int) -> np.ndarray:
    """Indices, each drawn as often as its share of the total says."""
    return np.searchsorted(running_total, rng.random(count) * running_total[-1])


def joined(prefix: str, numbers: np.ndarray) -> pa.Array:
    return pc.binary_join_element_wise(prefix, pa.array(numbers).cast(pa.string()), "")


def random_hex(rng: np.random.Generator, count: int) -> pa.Array:
    """Strings of 32 hexadecimal digits, laid out straight in Arrow's memory."""
    digits = binascii.hexlify(rng.bytes(count * 16))
    offsets = np.arange(count + 1, dtype=np.int64) * 32
    return pa.Array.from_buffers(pa.large_string(), count, [None, pa.py_buffer(offsets), pa.py_buffer(digits)])


def where(mask: np.ndarray, values: pa.Array) -> pa.Array:
    """`values`, null where the mask is false."""
    return pc.if_else(pa.array(mask), values, pa.scalar(None, values.type))


def choice(rng: np.random.Generator, words: list[str], count: int, p: list[float] | None = None) -> pa.Array:
    return pa.array(words).take(pa.array(rng.choice(len(words), count, p=p)))


def instants(microseconds: np.ndarray) -> pa.Array:
    return pa.array(microseconds.astype("int64")).cast(pa.timestamp("us", tz="UTC"))


def money(cents: np.ndarray) -> pa.Array:
    # Cents are cast to a decimal without places, then divided exactly.
    whole = pa.array(cents.astype("int64")).cast(pa.decimal128(19, 0))
    return pc.multiply(whole, pa.scalar(decimal.Decimal("0.01"), pa.decimal128(3, 2))).cast(pa.decimal128(12, 2))


def write_contacts(rng: np.random.Generator, people: People, folder: pathlib.Path) -> None:
    owner = np.flatnonzero(people.contact)
    # Some people have two records; the second one is newer and knows no phone.
    twice = owner[rng.random(len(owner)) < 0.05]
    second = np.concatenate([np.zeros(len(owner), bool), np.ones(len(twice), bool)])
    owner = np.concatenate([owner, twice])
    count = len(owner)
    emails = people.emails.take(pa.array(owner))
    shouted = pa.array(rng.random(count) < 0.1)
    created = END_US - (rng.random(count) * 900 * DAY_US).astype("int64")
    write(folder / "contacts.parquet", {
        "contact_id": joined("C", owner * 2 + second + 1_000_000),
        "email": pc.if_else(shouted, pc.utf8_upper(emails), emails),
        "phone": where(people.has_phone[owner] & ~second, people.phones.take(pa.array(owner))),
        "first_name": choice(rng, ["Ada", "Ayşe", "Can", "Elif", "Grace", "Linus", "Mehmet", "Sophie", "Vera"], count),
        "country": choice(rng, ["TR", "DE", "GB", "US"], count, [0.4, 0.3, 0.2, 0.1]),
        "consent": pa.array(rng.random(count) < 0.6),
        # Distinct within a person, so that the most recent value is the same for every tool.
        "updated_at": instants(created + second * DAY_US),
    })


def write_customers(people: People, folder: pathlib.Path) -> None:
    owner = pa.array(np.flatnonzero(people.registered))
    write(folder / "customers.parquet", {"user_id": people.user_ids.take(owner), "email": people.emails.take(owner)})


def write_orders(rng: np.random.Generator, people: People, count: int, folder: pathlib.Path) -> dict:
    owner = people.pick(rng, count)
    at = np.sort(END_US - (rng.random(count) * 900 * DAY_US).astype("int64"))
    guest = ~people.registered[owner] | (rng.random(count) < 0.1)
    cents = np.maximum(100, np.round(rng.lognormal(8.2, 0.9, count))).astype("int64")
    paid = rng.random(count) < 0.9
    columns = {
        "order_id": pa.array(np.arange(count) + 500_000_000),
        "user_id": where(~guest, people.user_ids.take(pa.array(owner))),
        "email": where(guest, people.emails.take(pa.array(owner))),
        "category": choice(rng, ["books", "coffee", "garden", "kitchen", "music", "toys"], count),
        "amount": money(cents),
        "status": pc.if_else(pa.array(paid), "paid", "cancelled"),
        "ordered_at": instants(at),
    }
    write_parts(folder, columns, count)
    return {"cents": cents, "paid": paid, "at": at}


def write_returns(rng: np.random.Generator, orders: dict, folder: pathlib.Path) -> None:
    order = np.flatnonzero(orders["paid"] & (rng.random(len(orders["paid"])) < 0.08))
    part = rng.choice([50, 100], len(order))
    write(folder / "returns.parquet", {
        "return_id": pa.array(np.arange(len(order)) + 800_000_000),
        "order_id": pa.array(order + 500_000_000),
        "refunded": money(orders["cents"][order] * part // 100),
        "returned_at": instants(np.minimum(END_US, orders["at"][order] + 5 * DAY_US)),
    })


def write_events(rng: np.random.Generator, people: People, count: int, folder: pathlib.Path) -> None:
    kiosks = joined("kiosk-", np.arange(KIOSKS)).cast(pa.large_string())
    cookies = pa.concat_arrays([people.cookies, kiosks])
    span = 365 * DAY_US
    for part, start in enumerate(range(0, count, ROWS_A_FILE)):
        rows = min(ROWS_A_FILE, count - start)
        owner = people.pick(rng, rows)
        cookie = people.first_cookie[owner] + (rng.random(rows) * people.cookies_of[owner]).astype("int64")
        kiosk = rng.random(rows) < 0.005
        cookie = np.where(kiosk, len(people.cookies) + rng.integers(0, KIOSKS, rows), cookie)
        known = people.registered[owner] & (rng.random(rows) < 0.5)
        begin = END_US - span + span * start // count
        at = np.sort(begin + (rng.random(rows) * (span * rows // count)).astype("int64"))
        write(folder / f"part-{part:03}.parquet", {
            "event_id": pa.array(np.arange(start, start + rows)),
            "anonymous_id": cookies.take(pa.array(cookie)).cast(pa.string()),
            "user_id": where(known, people.user_ids.take(pa.array(owner))),
            "type": choice(rng, ["page", "search", "cart"], rows, [0.7, 0.2, 0.1]),
            "path": joined("/p/", rng.integers(0, 5000, rows)),
            "occurred_at": instants(at),
        })


def write_truth(people: People, out: pathlib.Path) -> None:
    number = np.arange(people.count)
    of_cookie = np.repeat(number, people.cookies_of)
    kinds = [
        ("user_id", people.user_ids, number), ("email", people.emails, number), ("phone", people.phones, number),
        ("cookie", people.cookies.cast(pa.string()), of_cookie),
    ]
    tables = [
        pa.table({"identifier": pa.array([name]).take(pa.array(np.zeros(len(owner), "int64"))), "value": values, "person": owner})
        for name, values, owner in kinds
    ]
    pq.write_table(pa.concat_tables(tables), out / "truth.parquet", compression="zstd")


def write_parts(folder: pathlib.Path, columns: dict, count: int) -> None:
    table = pa.table(columns)
    for part, start in enumerate(range(0, count, ROWS_A_FILE)):
        write(folder / f"part-{part:03}.parquet", table.slice(start, ROWS_A_FILE))


def write(path: pathlib.Path, columns: dict | pa.Table) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    table = columns if isinstance(columns, pa.Table) else pa.table(columns)
    pq.write_table(table, path, compression="snappy", row_group_size=500_000)


if __name__ == "__main__":
    main()
