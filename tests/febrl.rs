//! FEBRL's people: clusters, traits, segments and what PostgreSQL was sent equal hand-written SQL.

use crate::harness::{Postgres, Project, python};

#[test]
fn febrl_equals_hand_written_sql_for_every_person() {
    let (Some(project), Some(postgres)) = (Project::prepared("febrl"), Postgres::schema("febrl")) else { return };
    let project = project.with("KINFOLD_TEST_POSTGRES", &postgres.url);
    let ran = project.run();
    let [added, updated, removed] = ran.changes("people");
    assert_eq!((updated, removed), (0, 0));

    let sent = project.path("people.csv");
    postgres.to_csv("select profile_id, records, surname, state, postcodes, smallest_postcode from people", &sent);
    let (people, lake) = (project.path("data/people.parquet"), project.path("lake"));
    let words = [&people, &lake, &sent].map(|path| path.to_str().unwrap());
    assert_eq!(python("check_febrl.py", &words).unwrap().trim(), added.to_string());
    assert!((5_000..10_000).contains(&added), "{added} people of 10,000 records");

    assert_eq!(project.run().changes("people"), [0; 3]);
}
