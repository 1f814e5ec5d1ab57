//! CDNOW's purchases: profiles, segments and what PostgreSQL was sent equal hand-written SQL, for every customer.

use crate::harness::{Postgres, Project, python};

#[test]
fn cdnow_equals_hand_written_sql_for_every_customer() {
    let (Some(project), Some(postgres)) = (Project::prepared("cdnow"), Postgres::schema("cdnow")) else { return };
    postgres.sql(
        "create table customers (customer_id text primary key, orders bigint, disks bigint, revenue numeric(20, 2),
             first_at timestamptz, last_at timestamptz, per_order numeric(20, 2));
         create table lost (customer_id text primary key, last_at timestamptz)",
    );
    let project = project.with("KINFOLD_TEST_POSTGRES", &postgres.url);
    let ran = project.kinfold(&["run", "--as-of", "1998-07-01T00:00:00Z"]).expect(0);
    assert_eq!(ran.changes("customers"), [23570, 0, 0]);
    assert_eq!(ran.sync("customers")["acknowledged"], 23570);

    let (customers, lost) = (project.path("customers.csv"), project.path("lost.csv"));
    postgres.to_csv("select * from customers", &customers);
    postgres.to_csv("select * from lost", &lost);
    let transactions = project.path("data/transactions.parquet");
    let lake = project.path("lake");
    let words = [&transactions, &lake, &customers, &lost].map(|path| path.to_str().unwrap());
    assert_eq!(python("check_cdnow.py", &words).unwrap().trim(), "23570");

    let again = project.kinfold(&["run", "--as-of", "1998-07-01T00:00:00Z"]).expect(0);
    assert_eq!([again.changes("customers"), again.changes("lost")], [[0; 3]; 2]);
}
