#!/usr/bin/env python3
"""Compares Kinfold's tables over FEBRL's people, and what PostgreSQL was sent, with SQL written by hand:
`check_febrl.py PEOPLE LAKE PEOPLE_CSV`. Prints the number of profiles."""

import sys

from tables import connect, expect_same

BY_HAND = """
create table links as
select rec_id, 's' || regexp_replace(soc_sec_id, '[^0-9]', '', 'g') as value from people
where regexp_replace(soc_sec_id, '[^0-9]', '', 'g') <> ''
union all
select rec_id, 'n' || lower(trim(given_name || '/' || surname || '/' || date_of_birth)) from people
where given_name || surname || date_of_birth is not null;

create table clusters as
with recursive reach(start, rec_id) as (
  select rec_id, rec_id from people
  union
  select reach.start, b.rec_id from reach join links as a on a.rec_id = reach.rec_id join links as b on b.value = a.value
)
select rec_id, min(start) as cluster from reach group by rec_id;

create table frequencies as
select cluster, 'surname' as what, surname as value, count(*) as n from people join clusters using (rec_id)
where surname is not null group by all
union all
select cluster, 'state', state, count(*) from people join clusters using (rec_id) where state is not null group by all;

create table by_hand as
with frequent as (select cluster, what, arg_min(value, (-n, value)) as value from frequencies group by all)
select cluster, count(*) as records, s.value as surname, t.value as state, count(distinct postcode) as postcodes,
  min(postcode) as smallest_postcode
from people join clusters using (rec_id)
left join (from frequent where what = 'surname') as s using (cluster)
left join (from frequent where what = 'state') as t using (cluster)
group by cluster, s.value, t.value;
"""
SEGMENTS = {
    "found_twice": "records >= 2",
    "moved": "records >= 2 and postcodes > 1",
    "not_in_nsw": "coalesce(state, '') <> 'nsw'",
}
COLUMNS = "cluster, records, surname, state, postcodes, smallest_postcode"


def main() -> None:
    people, lake, people_csv = sys.argv[1:]
    db = connect(lake, ["person", "person_identifiers", "person_segments"])
    db.execute(f"create view people as from read_parquet('{people}')")
    db.execute(BY_HAND)
    db.execute("""create view records as select profile_id, value as rec_id from person_identifiers where identifier = 'record';
        create view named as select profile_id, min(rec_id) as cluster from records group by profile_id""")
    expect_same(db, "clusters", "select rec_id, cluster from records join named using (profile_id)", "select rec_id, cluster from clusters")
    expect_same(db, "profiles", f"select {COLUMNS} from person join named using (profile_id)", f"select {COLUMNS} from by_hand")
    for name, rule in SEGMENTS.items():
        expect_same(
            db, f"segment {name}",
            f"select cluster from person_segments join named using (profile_id) where segment = '{name}'",
            f"select cluster from by_hand where {rule}",
        )
    sent = """{profile_id: 'varchar', records: 'bigint', surname: 'varchar', state: 'varchar', postcodes: 'bigint',
        smallest_postcode: 'varchar'}"""
    expect_same(db, "people in PostgreSQL", f"select {COLUMNS} from read_csv('{people_csv}', columns = {sent}) join named using (profile_id)",
                f"select {COLUMNS} from by_hand")
    print(db.execute("select count(*) from person").fetchall()[0][0])


if __name__ == "__main__":
    main()
