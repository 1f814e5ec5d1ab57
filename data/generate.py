#!/usr/bin/env python3
"""Makes the sample data of the shop "acme": the same bytes for the same seed and the same pyarrow.

    python3 data/generate.py [--people 3000] [--seed 7] [--out data]

The files lie in the repository, so nobody needs to run this to try Kinfold. Everything in them is invented.

What makes the data worth resolving: people who visit before they log in, who write their e-mail address in capitals, who
buy as guests, who have a second CRM record; placeholder addresses such as test@test.com; a kiosk whose cookie many use.
"""

import argparse
import csv
import datetime as dt
import decimal
import json
import pathlib
import random

import pyarrow as pa
import pyarrow.parquet as pq

END = dt.datetime(2026, 11, 20, 18, 0, tzinfo=dt.timezone.utc)
DAY = dt.timedelta(days=1)

FIRST_NAMES = """Ada Alan Ayşe Barbara Bülent Can Clara Deniz Edsger Elif Emre Erik Fatma Frances Grace Greta Hakan Hedy Ines
Jonas Karen Katherine Lena Leyla Linus Margaret Mehmet Mina Noor Ömer Paul Radia Selin Sophie Tim Ümit Vera Yusuf Zeynep""".split()
LAST_NAMES = """Aksoy Arslan Bauer Becker Çelik Demir Doğan Engelbart Fischer Hamilton Hoffmann Hopper Johnson Kaya Keller
Koç Krüger Lamport Lovelace Meyer Neumann Öztürk Perlman Richter Schäfer Schmidt Şahin Turing Vogel Wagner Yıldız""".split()
COUNTRIES = [("TR", "İstanbul"), ("TR", "Ankara"), ("TR", "İzmir"), ("DE", "Berlin"), ("DE", "Köln"), ("GB", "London")]
CATEGORIES = ["books", "coffee", "garden", "kitchen", "music", "toys"]
ASCII = str.maketrans("çğıöşüäßÇĞİÖŞÜÄ", "cgiosuasCGIOSUA")


def main() -> None:
    args = arguments()
    rng = random.Random(args.seed)
    out = pathlib.Path(args.out)
    people = [person(rng, number) for number in range(args.people)]
    write_contacts(rng, people, out / "crm")
    write_customers(people, out / "shop")
    orders = write_orders(rng, people, out / "shop" / "orders")
    write_returns(rng, orders, out / "shop")
    write_events(rng, people, out / "web" / "events")
    write_subscribers(rng, people, out / "newsletter")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--out", default=str(pathlib.Path(__file__).parent))
    return parser.parse_args()


def person(rng: random.Random, number: int) -> dict:
    first, last = rng.choice(FIRST_NAMES), rng.choice(LAST_NAMES)
    country, city = rng.choice(COUNTRIES)
    since = END - DAY * rng.uniform(1, 900)
    name = f"{first}.{last}".translate(ASCII).lower()
    registered = rng.random() < 0.6
    return {
        "first_name": first,
        "last_name": last,
        "country": country,
        "city": city,
        "since": since,
        "email": f"{name}{number}@example.com",
        "phone": phone(rng, country, number),
        "user_id": f"u{100000 + number}" if registered else None,
        "contact_id": f"C-{20000 + number}" if registered or rng.random() < 0.4 else None,
        "cookies": [f"{rng.getrandbits(64):016x}" for _ in range(rng.choice([1, 1, 1, 2, 3]))],
        "activity": rng.lognormvariate(0, 1),
    }


def phone(rng: random.Random, country: str, number: int) -> str | None:
    """Written in one of several ways; now and then two people of one household share a number."""
    if rng.random() < 0.25:
        return None
    if rng.random() < 0.02:
        number = max(0, number - 1)
    written = {
        "TR": [f"0532 100 {number // 100:02} {number % 100:02}", f"+90532100{number:04}", f"0532 100 {number:04}"],
        "DE": [f"+49 170 100{number:04}", f"0049 170 100{number:04}"],
        "GB": [f"+44 7911 10{number:04}"],
    }
    return rng.choice(written[country])


def utc(at: dt.datetime) -> dt.datetime:
    return at.replace(microsecond=0)


def write_contacts(rng: random.Random, people: list[dict], folder: pathlib.Path) -> None:
    rows = []
    for p in people:
        if p["contact_id"] is None:
            continue
        email = p["email"]
        if rng.random() < 0.1:
            email = email.upper()
        elif rng.random() < 0.02:
            email = rng.choice(["test@test.com", "null", "n/a"])
        updated = p["since"] + (END - p["since"]) * rng.random()
        row = {
            "contact_id": p["contact_id"],
            "email": email,
            "phone": p["phone"],
            "first_name": p["first_name"],
            "last_name": p["last_name"],
            "country": p["country"],
            "city": p["city"],
            "birth_date": dt.date(1950, 1, 1) + DAY * rng.randrange(20000) if rng.random() < 0.7 else None,
            "consent": rng.random() < 0.65,
            "created_at": utc(p["since"]),
            "updated_at": utc(updated),
        }
        rows.append(row)
        # A sales rep made a second record for the same person.
        if rng.random() < 0.03:
            rows.append(row | {"contact_id": p["contact_id"] + "-2", "phone": None, "city": None})
    schema = pa.schema([
        ("contact_id", pa.string()), ("email", pa.string()), ("phone", pa.string()),
        ("first_name", pa.string()), ("last_name", pa.string()), ("country", pa.string()), ("city", pa.string()),
        ("birth_date", pa.date32()), ("consent", pa.bool_()), ("created_at", instant()), ("updated_at", instant()),
    ])
    write_parquet(rows, schema, folder / "contacts.parquet")


def write_customers(people: list[dict], folder: pathlib.Path) -> None:
    rows = [
        {"user_id": p["user_id"], "email": p["email"], "first_name": p["first_name"], "last_name": p["last_name"],
         "created_at": utc(p["since"])}
        for p in people if p["user_id"]
    ]
    schema = pa.schema([
        ("user_id", pa.string()), ("email", pa.string()), ("first_name", pa.string()), ("last_name", pa.string()),
        ("created_at", instant()),
    ])
    write_parquet(rows, schema, folder / "customers.parquet")


def write_orders(rng: random.Random, people: list[dict], folder: pathlib.Path) -> list[dict]:
    """One folder for each year, as `year=2025/`; the year stands in the folder's name alone."""
    orders = []
    for p in people:
        for _ in range(min(40, int(p["activity"] * rng.uniform(0, 4)))):
            at = p["since"] + (END - p["since"]) * rng.random()
            guest = p["user_id"] is None or rng.random() < 0.1
            orders.append({
                "user_id": None if guest else p["user_id"],
                "customer_email": p["email"] if guest or rng.random() < 0.5 else None,
                "category": rng.choice(CATEGORIES),
                "amount": decimal.Decimal(round(rng.lognormvariate(3.6, 0.9) * 100)) / 100,
                "status": rng.choices(["paid", "cancelled", "pending"], [90, 7, 3])[0],
                "ordered_at": utc(at),
            })
    orders.sort(key=lambda order: order["ordered_at"])
    schema = pa.schema([
        ("order_id", pa.int64()), ("user_id", pa.string()), ("customer_email", pa.string()), ("category", pa.string()),
        ("amount", pa.decimal128(12, 2)), ("status", pa.string()), ("ordered_at", instant()),
    ])
    for number, order in enumerate(orders):
        order["order_id"] = 500000 + number
    for year in sorted({order["ordered_at"].year for order in orders}):
        rows = [order for order in orders if order["ordered_at"].year == year]
        write_parquet(rows, schema, folder / f"year={year}" / "part-0.parquet")
    return orders


def write_returns(rng: random.Random, orders: list[dict], folder: pathlib.Path) -> None:
    rows = []
    for order in orders:
        if order["status"] != "paid" or rng.random() > 0.08:
            continue
        part = rng.choice([decimal.Decimal(1), decimal.Decimal(1), decimal.Decimal("0.5")])
        rows.append({
            "return_id": 800000 + len(rows),
            "order_id": order["order_id"],
            "refunded": (order["amount"] * part).quantize(decimal.Decimal("0.01")),
            "reason": rng.choice(["damaged", "late", "unwanted"]),
            "returned_at": utc(min(order["ordered_at"] + DAY * rng.uniform(1, 20), END)),
        })
    schema = pa.schema([
        ("return_id", pa.int64()), ("order_id", pa.int64()), ("refunded", pa.decimal128(12, 2)), ("reason", pa.string()),
        ("returned_at", instant()),
    ])
    write_parquet(rows, schema, folder / "returns.parquet")


def write_events(rng: random.Random, people: list[dict], folder: pathlib.Path) -> None:
    """Nested NDJSON, one file a month; before its login a visit knows only its cookie."""
    events = []
    for p in people:
        for _ in range(min(30, int(p["activity"] * rng.uniform(0, 4)))):
            start = END - DAY * rng.uniform(0, 90)
            cookie = "kiosk-berlin-1" if rng.random() < 0.004 else rng.choice(p["cookies"])
            known = p["user_id"] is not None and rng.random() < 0.5
            event = {
                "anonymous_id": cookie,
                "user_id": p["user_id"] if known else None,
                "type": rng.choices(["page", "search", "add_to_cart"], [70, 15, 15])[0],
                "occurred_at": start,
                "page": {"path": f"/{rng.choice(CATEGORIES)}/{rng.randrange(40)}"},
                "device": {"os": rng.choice(["android", "ios", "windows"]), "mobile": rng.random() < 0.6},
            }
            events.append(event)
    events.sort(key=lambda event: event["occurred_at"])
    folder.mkdir(parents=True, exist_ok=True)
    for month in sorted({event["occurred_at"].strftime("%Y-%m") for event in events}):
        with open(folder / f"{month}.ndjson", "w", encoding="utf-8") as file:
            for number, event in enumerate(events):
                if event["occurred_at"].strftime("%Y-%m") != month:
                    continue
                row = {"event_id": 9000000 + number} | event
                row["occurred_at"] = event["occurred_at"].strftime("%Y-%m-%dT%H:%M:%SZ")
                file.write(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n")


def write_subscribers(rng: random.Random, people: list[dict], folder: pathlib.Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "subscribers.csv", "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["email", "status", "topic", "subscribed_at"])
        for p in people:
            if rng.random() < 0.3:
                at = utc(p["since"] + (END - p["since"]) * rng.random())
                status = rng.choices(["subscribed", "unsubscribed"], [85, 15])[0]
                writer.writerow([p["email"].title(), status, rng.choice(CATEGORIES), at.strftime("%Y-%m-%dT%H:%M:%SZ")])


def instant() -> pa.DataType:
    return pa.timestamp("us", tz="UTC")


def write_parquet(rows: list[dict], schema: pa.Schema, path: pathlib.Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    table = pa.Table.from_pylist([{name: row.get(name) for name in schema.names} for row in rows], schema=schema)
    pq.write_table(table, path, compression="zstd")


if __name__ == "__main__":
    main()
