#!/usr/bin/env python3
"""Compares Kinfold's tables over CDNOW, and what PostgreSQL was sent, with SQL written by hand, for every customer:
`check_cdnow.py TRANSACTIONS LAKE CUSTOMERS_CSV LOST_CSV`. Prints the number of customers."""

import sys

from tables import connect, expect_same

BY_HAND = """
create view by_hand as
select customer_id, count(*) as orders, sum(disks) as disks, sum(amount) as revenue, max(amount) as largest,
  min(bought_at) as first_at, max(bought_at) as last_at,
  count(*) filter (year(bought_at) = 1998) as orders_1998,
  count(*) filter (bought_at > timestamptz '1998-07-01 00:00:00Z' - interval 90 days) as orders_90d,
  count(*) filter (amount >= 50) as big_orders,
  count(*) filter (bought_at > timestamptz '1998-07-01 00:00:00Z' - interval 365 days) as orders_365d,
  count(*) filter (bought_at > timestamptz '1998-07-01 00:00:00Z' - interval 180 days) as orders_180d,
  count(*) filter (amount > 100) as orders_over_100
from transactions group by customer_id
"""
SEGMENTS = {
    "spenders": "revenue >= 200",
    "regulars": "orders_365d >= 3",
    "lost": "orders >= 2 and orders_180d = 0",
    "once_big": "orders = 1 and orders_over_100 = 1 and not revenue >= 200",
}
COLUMNS = "customer_id, orders, disks, revenue, largest, first_at, last_at, orders_1998, orders_90d, big_orders"


def main() -> None:
    transactions, lake, customers_csv, lost_csv = sys.argv[1:]
    db = connect(lake, ["customer", "customer_identifiers", "customer_segments"])
    db.execute(f"create view transactions as from read_parquet('{transactions}')")
    db.execute(BY_HAND)
    db.execute("""create view profiles as select i.value as customer_id, c.* from customer as c
        join customer_identifiers as i using (profile_id) where i.identifier = 'customer_id'""")
    expect_same(db, "profiles", f"select {COLUMNS} from profiles", f"select {COLUMNS} from by_hand")
    expect_same(db, "revenue per order", "select customer_id from profiles where abs(per_order::double - revenue / orders) > 0.0051",
                "select customer_id from profiles where false")
    for name, rule in SEGMENTS.items():
        expect_same(
            db, f"segment {name}",
            f"select customer_id from customer_segments join profiles using (profile_id) where segment = '{name}'",
            f"select customer_id from by_hand where {rule}",
        )
    sent = """{customer_id: 'varchar', orders: 'bigint', disks: 'bigint', revenue: 'decimal(20,2)', first_at: 'timestamptz',
        last_at: 'timestamptz', per_order: 'decimal(20,2)'}"""
    columns = "customer_id, orders, disks, revenue, first_at, last_at"
    expect_same(db, "customers in PostgreSQL", f"select {columns} from read_csv('{customers_csv}', columns = {sent})",
                f"select {columns} from by_hand")
    expect_same(db, "lost customers in PostgreSQL",
                f"select * from read_csv('{lost_csv}', columns = {{customer_id: 'varchar', last_at: 'timestamptz'}})",
                f"select customer_id, last_at from by_hand where {SEGMENTS['lost']}")
    print(db.execute("select count(*) from customer").fetchall()[0][0])


if __name__ == "__main__":
    main()
