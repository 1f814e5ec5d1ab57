#!/usr/bin/env python3
"""Makes the identity benchmark's data: seeded Parquet files in which it is hard to tell who is who, and the truth.

    python3 bench/identity_data.py --out DIR [--customers 1000000] [--seed 1]

| file | rows at 1 million customers |
|---|---|
| `data/crm/contacts.parquet` | 0.9 M: user id, e-mail, phone, time |
| `data/shop/orders/*.parquet` | 1.5 M: user id or guest, e-mail, phone, time |
| `data/web/sessions/*.parquet` | 8.5 M: cookie, user id where logged in, time |
| `data/app/installs.parquet` | 0.85 M: device, user id or e-mail, time |
| `truth.parquet` | every identifier value, normalised, and the person that owns it |

What makes it hard, each with its share below:

- hubs: addresses such as info@… that thousands of orders carry; they belong to nobody;
- kiosks: cookies on which hundreds of people log in; they belong to nobody;
- families: two to four people with one e-mail address; it belongs to the first of them;
- chains: people who go on from one e-mail address and device to the next, 50 values one after the other;
- recycled phone numbers: given to somebody else two years after the first holder left them; they belong to the present holder.

Nobody is in two of families, chains and recycled numbers. A value that belongs to nobody has no person in the truth.
"""

import argparse
import json
import pathlib

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from generate import DAY_US, END_US, ROWS_A_FILE, drawn, instants, joined, random_hex, where, write, write_parts

YEAR_US = 365 * DAY_US
START_US = END_US - 4 * YEAR_US
# The newest person came so long before the end.
NEWEST_US = 60 * DAY_US

# Shares are of people, or of what the name says; numbers of values have a share each.
REGISTERED = 0.85
HAVE_PHONE = 0.65
COOKIES_OF = {1: 0.08, 2: 0.1, 3: 0.12, 4: 0.15, 5: 0.15, 6: 0.12, 8: 0.15, 12: 0.13}
COOKIE_LIVES_US = 45 * DAY_US
DEVICES_OF = {0: 0.4, 1: 0.4, 2: 0.2}

IN_CRM = 0.9
CRM_KNOWS_USER_ID = 0.7
ORDERS_A_PERSON = 1.5
GUEST_ORDERS = 0.1
# Of orders with a user id; guests always give their address.
ORDERS_WITH_EMAIL = 0.6
ORDERS_WITH_PHONE = 0.5
SESSIONS_A_PERSON = 8.5
LOGGED_IN = 0.85
INSTALLS_WITH_USER_ID = 0.7
INSTALLS_WITH_EMAIL = 0.4

HUB_ORDERS = 0.002
ORDERS_A_HUB = 3000
KIOSK_SESSIONS = 0.0015
SESSIONS_A_KIOSK = 300
IN_FAMILIES = 0.06
FAMILY_SIZES = [2, 3, 4]
IN_CHAINS = 0.001
CHAIN_VALUES = 50
RECYCLED_PHONES = 0.02
RECYCLED_AFTER_US = 2 * YEAR_US

NOBODY = -1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", required=True)
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    out = pathlib.Path(args.out)
    data = out / "data"
    rng = np.random.default_rng(args.seed)
    people = People(rng, args.customers)
    values = Values(rng, people)
    write_contacts(rng, people, values, data / "crm")
    write_orders(rng, people, values, data / "shop" / "orders")
    write_sessions(rng, people, values, data / "web" / "sessions")
    write_installs(rng, people, values, data / "app")
    write_truth(people, values, out)
    (out / "generated.json").write_text(json.dumps({"customers": args.customers, "seed": args.seed}))


class People:
    """Who there is, and what they have. An e-mail address or phone number is the number of the person it was first made for."""

    def __init__(self, rng: np.random.Generator, count: int) -> None:
        self.count = count
        self.since = START_US + (rng.random(count) * (END_US - NEWEST_US - START_US)).astype("int64")
        self.registered = rng.random(count) < REGISTERED
        self.activity = np.cumsum(rng.lognormal(0, 1, count))
        self.email = np.arange(count)
        self.phone = np.where(rng.random(count) < HAVE_PHONE, np.arange(count), NOBODY)
        self.phone_from = np.full(count, START_US)
        self.phone_until = np.full(count, END_US)
        self.phone_owner = np.arange(count)
        mixed = rng.permutation(count)
        in_families, in_chains, recycled = (int(share * count) for share in (IN_FAMILIES, IN_CHAINS, RECYCLED_PHONES))
        families, self.chained, first, present, _ = np.split(mixed, np.cumsum([in_families, in_chains, recycled, recycled]))
        self.share_inboxes(rng, families)
        self.since[self.chained] = START_US
        self.recycle_phones(rng, first, present)

    def share_inboxes(self, rng: np.random.Generator, members: np.ndarray) -> None:
        sizes = rng.choice(FAMILY_SIZES, len(members))
        family = np.repeat(np.arange(len(sizes)), sizes)[:len(members)]
        starts = np.cumsum(sizes) - sizes
        self.email[members] = members[starts[family]]

    def recycle_phones(self, rng: np.random.Generator, first: np.ndarray, present: np.ndarray) -> None:
        left = START_US + ((0.5 + rng.random(len(first))) * YEAR_US).astype("int64")
        self.since[first] = left - (rng.random(len(first)) * 0.5 * YEAR_US).astype("int64")
        self.phone_until[first] = left
        self.since[present] = self.phone_from[present] = left + RECYCLED_AFTER_US
        self.phone[first] = self.phone[present] = first
        self.phone_owner[first] = present

    def pick(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """People drawn by how active they are."""
        return drawn(rng, self.activity, count)

    def phone_at(self, person: np.ndarray, at: np.ndarray) -> np.ndarray:
        held = (self.phone_from[person] <= at) & (at <= self.phone_until[person])
        return np.where(held, self.phone[person], NOBODY)


class Values:
    """All values of all identifiers in their normal form, and who owns them."""

    def __init__(self, rng: np.random.Generator, people: People) -> None:
        number = np.arange(people.count)
        self.user_ids = joined("u", number + 10_000_000)
        # As many as a hundred million, no two the same, and those of neighbours far apart.
        self.phones = joined("+90", 5_300_000_000 + number * 48_271 % 100_000_000)

        chains, steps = len(people.chained), CHAIN_VALUES // 2
        moved = np.arange(chains * (steps - 1))
        hubs = np.arange(max(1, round(ORDERS_A_PERSON * HUB_ORDERS * people.count / ORDERS_A_HUB)))
        self.emails = pa.concat_arrays([address("person", number), address("moved", moved), address("info", hubs)])
        self.email_owner = np.concatenate([number, np.repeat(people.chained, steps - 1), np.full(len(hubs), NOBODY)])
        self.hubs = people.count + len(moved) + hubs
        # Of each chain its addresses in order; the first is the person's own.
        self.chain_emails = np.column_stack([people.chained, people.count + moved.reshape(chains, steps - 1)])

        cookies_of = rng.choice(list(COOKIES_OF), people.count, p=list(COOKIES_OF.values()))
        kiosks = max(1, round(SESSIONS_A_PERSON * KIOSK_SESSIONS * people.count / SESSIONS_A_KIOSK))
        self.cookie_owner = np.concatenate([np.repeat(number, cookies_of), np.full(kiosks, NOBODY)])
        self.own_cookies = len(self.cookie_owner) - kiosks
        self.cookies = random_hex(rng, len(self.cookie_owner))

        devices_of = rng.choice(list(DEVICES_OF), people.count, p=list(DEVICES_OF.values()))
        devices_of[people.chained] = 0
        own = int(devices_of.sum())
        self.device_owner = np.concatenate([np.repeat(number, devices_of), np.repeat(people.chained, steps)])
        self.own_devices = own
        self.chain_devices = own + np.arange(chains * steps).reshape(chains, steps)
        self.devices = random_hex(rng, len(self.device_owner)).cast(pa.string())


def address(name: str, numbers: np.ndarray) -> pa.Array:
    host = pc.binary_join_element_wise(joined("mail", numbers % 97), "example", ".")
    return pc.binary_join_element_wise(joined(f"{name}.", numbers), host, "@")


def taken(values: pa.Array, index: np.ndarray) -> pa.Array:
    """The values of an index, null where it is NOBODY's."""
    return values.take(pa.array(index, mask=index == NOBODY))


def typed_emails(rng: np.random.Generator, emails: pa.Array) -> pa.Array:
    """As people type them: some in capitals, some with a space behind."""
    dice = rng.random(len(emails))
    emails = pc.if_else(pa.array(dice < 0.1), pc.utf8_upper(emails), emails)
    return pc.if_else(pa.array(dice > 0.98), pc.binary_join_element_wise(emails, " ", ""), emails)


def typed_phones(rng: np.random.Generator, phones: pa.Array) -> pa.Array:
    """In one of four ways, with the country's code or without it."""
    area, rest = pc.utf8_slice_codeunits(phones, 3, 6), pc.utf8_slice_codeunits(phones, 6)
    three, four = pc.utf8_slice_codeunits(rest, 0, 3), pc.utf8_slice_codeunits(rest, 3)
    national = pc.binary_join_element_wise("0", area, rest, "")
    spaced = pc.binary_join_element_wise(pc.binary_join_element_wise("0", area, ""), three, four, " ")
    international = pc.binary_join_element_wise("+90", area, three, four, " ")
    return pc.choose(pa.array(rng.integers(0, 4, len(phones))), phones, national, spaced, international)


def between(rng: np.random.Generator, start: np.ndarray, end: np.ndarray | int) -> np.ndarray:
    return start + (rng.random(len(start)) * (end - start)).astype("int64")


def write_contacts(rng: np.random.Generator, people: People, values: Values, folder: pathlib.Path) -> None:
    person = np.flatnonzero(rng.random(people.count) < IN_CRM)
    # Nobody tells the CRM that a number is no longer theirs.
    at = between(rng, people.since[person], people.phone_until[person])
    known = people.registered[person] & (rng.random(len(person)) < CRM_KNOWS_USER_ID)
    write(folder / "contacts.parquet", {
        "user_id": where(known, values.user_ids.take(pa.array(person))),
        "email": typed_emails(rng, values.emails.take(pa.array(people.email[person]))),
        "phone": typed_phones(rng, taken(values.phones, people.phone_at(person, at))),
        "updated_at": instants(at),
    })


def write_orders(rng: np.random.Generator, people: People, values: Values, folder: pathlib.Path) -> None:
    count = int(ORDERS_A_PERSON * people.count)
    person = people.pick(rng, count)
    at = between(rng, people.since[person], END_US)
    guest = ~people.registered[person] | (rng.random(count) < GUEST_ORDERS)
    email = np.where(guest | (rng.random(count) < ORDERS_WITH_EMAIL), people.email[person], NOBODY)
    email = np.where(rng.random(count) < HUB_ORDERS, rng.choice(values.hubs, count), email)
    phone = np.where(rng.random(count) < ORDERS_WITH_PHONE, people.phone_at(person, at), NOBODY)
    order = np.argsort(at)
    write_parts(folder, {
        "user_id": where(~guest[order], values.user_ids.take(pa.array(person[order]))),
        "email": typed_emails(rng, taken(values.emails, email[order])),
        "phone": typed_phones(rng, taken(values.phones, phone[order])),
        "ordered_at": instants(at[order]),
    }, count)


def write_sessions(rng: np.random.Generator, people: People, values: Values, folder: pathlib.Path) -> None:
    """Every cookie has a session; those of kiosks are of registered people who log in."""
    kiosks = np.arange(values.own_cookies, len(values.cookies))
    at_kiosks = int(SESSIONS_A_PERSON * KIOSK_SESSIONS * people.count)
    again = max(0, int(SESSIONS_A_PERSON * people.count) - values.own_cookies - at_kiosks)
    own = np.concatenate([np.arange(values.own_cookies), rng.integers(0, values.own_cookies, again)])
    owner = values.cookie_owner[own]
    visitor = rng.choice(np.flatnonzero(people.registered), at_kiosks)
    born = between(rng, people.since[values.cookie_owner[:values.own_cookies]], END_US)[own]

    cookie = np.concatenate([own, rng.choice(kiosks, at_kiosks)])
    person = np.concatenate([owner, visitor])
    at = np.concatenate([
        between(rng, born, np.minimum(born + COOKIE_LIVES_US, END_US)), between(rng, people.since[visitor], END_US),
    ])
    logged_in = people.registered[person] & (rng.random(len(person)) < LOGGED_IN)
    logged_in[len(own):] = True
    order = np.argsort(at)
    for part, start in enumerate(range(0, len(order), ROWS_A_FILE)):
        rows = order[start:start + ROWS_A_FILE]
        write(folder / f"part-{part:03}.parquet", {
            "anonymous_id": values.cookies.take(pa.array(cookie[rows])).cast(pa.string()),
            "user_id": where(logged_in[rows], values.user_ids.take(pa.array(person[rows]))),
            "began_at": instants(at[rows]),
        })


def write_installs(rng: np.random.Generator, people: People, values: Values, folder: pathlib.Path) -> None:
    """One row a device, and those of the chains: each device is seen with an address, and later with the next one."""
    own = np.arange(values.own_devices)
    person = values.device_owner[own]
    known = people.registered[person] & (rng.random(len(own)) < INSTALLS_WITH_USER_ID)
    email = np.where(rng.random(len(own)) < INSTALLS_WITH_EMAIL, people.email[person], NOBODY)

    chains, links = len(people.chained), CHAIN_VALUES - 1
    link = np.tile(np.arange(links), chains)
    step = np.arange(links)
    chain_device = values.chain_devices[:, step // 2].ravel()
    chain_email = values.chain_emails[:, (step + 1) // 2].ravel()
    chain_at = START_US + (link * 2 + 1) * (END_US - START_US) // (2 * links)

    device = np.concatenate([own, chain_device])
    user_id = np.concatenate([np.where(known, person, NOBODY), np.full(len(link), NOBODY)])
    write(folder / "installs.parquet", {
        "device_id": values.devices.take(pa.array(device)),
        "user_id": taken(values.user_ids, user_id),
        "email": typed_emails(rng, taken(values.emails, np.concatenate([email, chain_email]))),
        "installed_at": instants(np.concatenate([between(rng, people.since[person], END_US), chain_at])),
    })


def write_truth(people: People, values: Values, out: pathlib.Path) -> None:
    kinds = [
        ("user_id", values.user_ids, np.arange(people.count)), ("email", values.emails, values.email_owner),
        ("phone", values.phones, people.phone_owner), ("device", values.devices, values.device_owner),
        ("cookie", values.cookies.cast(pa.string()), values.cookie_owner),
    ]
    tables = [
        pa.table({
            "identifier": pa.array([name]).take(pa.array(np.zeros(len(owner), "int64"))),
            "value": column,
            "person": pa.array(owner, mask=owner == NOBODY),
        })
        for name, column, owner in kinds
    ]
    pq.write_table(pa.concat_tables(tables), out / "truth.parquet", compression="zstd")


if __name__ == "__main__":
    main()
