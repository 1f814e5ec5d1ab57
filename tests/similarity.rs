//! Similarities and distances of texts equal those of Python's RapidFuzz, for 100,000 random pairs.

use serde_json::json;

use crate::harness::{Project, python};

const CONFIG: &str = "version: 1\nname: similarity\nwarehouse: {lake: {location: ./lake}}\n";
/// The model's SQL is checked with the project; the queries are what a user writes.
const MODELS: &str = "
sources:
  - {name: random, location: ./data, tables: [{name: pairs, path: pairs.parquet}]}
models:
  - name: differences
    sql: |
      select
        jaro(a, b) - their_jaro as jaro,
        jaro_winkler(a, b) - their_jaro_winkler as jaro_winkler,
        damerau_levenshtein(a, b) - their_damerau_levenshtein as damerau_levenshtein,
        levenshtein(a, b) - their_levenshtein as levenshtein
      from random.pairs
";

#[test]
fn similarities_equal_rapidfuzz() {
    let project = Project::of(&[("kinfold.yml", CONFIG), ("models/pairs.yml", MODELS)]);
    if python("similarities.py", &[project.path("data/pairs.parquet").to_str().unwrap()]).is_none() {
        return;
    }
    let differences = project.query(
        "select count(*),
           count(*) - count(*) filter (where abs(jaro) <= 1e-9),
           count(*) - count(*) filter (where abs(jaro_winkler) <= 1e-9),
           count(*) - count(*) filter (where damerau_levenshtein = 0),
           count(*) - count(*) filter (where levenshtein = 0)
         from differences",
    );
    assert_eq!(differences, [[100_000, 0, 0, 0, 0].map(|count| json!(count)).to_vec()]);
    // With a bound, what does not come to it need not be known.
    let bounded = project.query(
        "select
           count(*) filter (where (jaro(a, b, 0.6123) >= 0.6123) is distinct from (jaro(a, b) >= 0.6123)),
           count(*) filter (where jaro(a, b) >= 0.6123 and jaro(a, b, 0.6123) is distinct from jaro(a, b)),
           count(*) filter (where (jaro_winkler(a, b, 0.8123) >= 0.8123) is distinct from (jaro_winkler(a, b) >= 0.8123)),
           count(*) filter (where jaro_winkler(a, b) >= 0.8123 and jaro_winkler(a, b, 0.8123) is distinct from jaro_winkler(a, b)),
           count(*) filter (where (damerau_levenshtein(a, b, 4) <= 4) is distinct from (damerau_levenshtein(a, b) <= 4)),
           count(*) filter (where damerau_levenshtein(a, b) <= 4
             and damerau_levenshtein(a, b, 4) is distinct from damerau_levenshtein(a, b)),
           count(*) filter (where jaro(a, b) >= 0.6123) > 10000 and count(*) filter (where jaro(a, b) < 0.6123) > 10000,
           count(*) filter (where damerau_levenshtein(a, b) <= 4) > 10000
             and count(*) filter (where damerau_levenshtein(a, b) > 4) > 10000
         from random.pairs",
    );
    let expected = [json!(0), json!(0), json!(0), json!(0), json!(0), json!(0), json!(true), json!(true)];
    assert_eq!(bounded, [expected.to_vec()]);
    // Not all of the pairs are equal, nor wholly different.
    let alike = project.query("select count(*) filter (where jaro(a, b) > 0 and a <> b) > 50000 from random.pairs");
    assert_eq!(alike, [[json!(true)].to_vec()]);
}

#[test]
fn text_functions_are_known_to_queries() {
    let project = Project::of(&[("kinfold.yml", CONFIG), ("models/pairs.yml", MODELS)]);
    if python("similarities.py", &[project.path("data/pairs.parquet").to_str().unwrap()]).is_none() {
        return;
    }
    let prepared = project.query(
        "select nickname(clean_name(' Bob. ')), clean_name('Şükrü O’Brien'), soundex('Robert'), strip_accents('Zoë'),
           day_month_swapped(date '1980-03-04', date '1980-04-03'), distance_km(0, 0, 0, 91.5) > 10000, clean_name('-')",
    );
    let expected =
        [json!("robert"), json!("sukru obrien"), json!("R163"), json!("Zoe"), json!(true), json!(true), json!(null)];
    assert_eq!(prepared, [expected.to_vec()]);
}
