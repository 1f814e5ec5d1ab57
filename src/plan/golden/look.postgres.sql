-- what two records hold
WITH "rows_0" AS (
  SELECT
    'crm_id' AS "_identifier",
    kinfold_digits(CAST("id" AS VARCHAR)) AS "_value",
    'crm.contacts' AS "_table",
    0 AS "_part",
    nullif(CAST(lower("name") AS VARCHAR), '') AS "first",
    nullif(CAST("family" AS VARCHAR), '') AS "last",
    CAST(CAST("born" AS DATE) AS VARCHAR) AS "born",
    CAST(CAST("lat" AS DOUBLE PRECISION) AS VARCHAR) AS "lat",
    CAST(CAST("lon" AS DOUBLE PRECISION) AS VARCHAR) AS "lon",
    CAST(NULL AS VARCHAR) AS "tags"
  FROM
    "crm"."contacts"
), "found" AS (
  SELECT
    "rows_0".*
  FROM
    "rows_0"
  WHERE
    "_value" IN ('a', 'it''s')
), "distinct" AS (
  SELECT
    "_identifier",
    "_value",
    "_table",
    "_part",
    "first",
    "last",
    "born",
    "lat",
    "lon",
    "tags"
  FROM
    "found"
  GROUP BY
    "_identifier", "_value", "_table", "_part", "first", "last", "born", "lat", "lon", "tags"
), "placed" AS (
  SELECT
    "_identifier",
    "_value",
    "_table",
    "_part",
    "first",
    "last",
    "born",
    "lat",
    "lon",
    "tags",
    row_number() OVER (
      PARTITION BY "_identifier", "_value"
      ORDER BY "_part", "first", "last", "born", "lat", "lon", "tags"
    ) AS "_place"
  FROM
    "distinct"
)
SELECT
  "_identifier",
  "_value",
  "_table",
  "first",
  "last",
  "born",
  "lat",
  "lon",
  "tags"
FROM
  "placed"
WHERE
  "_place" <= 3 ORDER BY "_identifier", "_value", "_place";

-- the third page of pairs, the likelier first
WITH "undecided" AS (
  SELECT
    "r"."identifier_a" AS "identifier_a",
    "r"."value_a" AS "value_a",
    "r"."identifier_b" AS "identifier_b",
    "r"."value_b" AS "value_b",
    "r"."weight" AS "weight",
    "r"."probability" AS "probability",
    "r"."levels" AS "levels",
    "r"."weights" AS "weights"
  FROM
    "kinfold"."customer_review" AS "r"
    LEFT JOIN "kinfold"."customer_identifiers" AS "a" ON ("r"."identifier_a" = "a"."identifier") AND ("r"."value_a" = "a"."value")
    LEFT JOIN "kinfold"."customer_identifiers" AS "b" ON ("r"."identifier_b" = "b"."identifier") AND ("r"."value_b" = "b"."value")
  WHERE
    NOT coalesce("a"."profile_id" = "b"."profile_id", false)
)
SELECT
  "identifier_a",
  "value_a",
  "identifier_b",
  "value_b",
  "weight",
  "probability",
  "levels",
  "weights"
FROM
  "undecided" ORDER BY "weight" DESC NULLS LAST, "value_a", "value_b", "identifier_a", "identifier_b" LIMIT 20 OFFSET 40;

-- the pairs that are most in doubt
WITH "undecided" AS (
  SELECT
    "r"."identifier_a" AS "identifier_a",
    "r"."value_a" AS "value_a",
    "r"."identifier_b" AS "identifier_b",
    "r"."value_b" AS "value_b",
    "r"."weight" AS "weight",
    "r"."probability" AS "probability",
    "r"."levels" AS "levels",
    "r"."weights" AS "weights"
  FROM
    "kinfold"."customer_review" AS "r"
    LEFT JOIN "kinfold"."customer_identifiers" AS "a" ON ("r"."identifier_a" = "a"."identifier") AND ("r"."value_a" = "a"."value")
    LEFT JOIN "kinfold"."customer_identifiers" AS "b" ON ("r"."identifier_b" = "b"."identifier") AND ("r"."value_b" = "b"."value")
  WHERE
    NOT coalesce("a"."profile_id" = "b"."profile_id", false)
)
SELECT
  "identifier_a",
  "value_a",
  "identifier_b",
  "value_b",
  "weight",
  "probability",
  "levels",
  "weights"
FROM
  "undecided" ORDER BY abs("weight"), "value_a", "value_b", "identifier_a", "identifier_b" LIMIT 20 OFFSET 0;

-- all pairs
SELECT
  "r"."identifier_a" AS "identifier_a",
  "r"."value_a" AS "value_a",
  "r"."identifier_b" AS "identifier_b",
  "r"."value_b" AS "value_b"
FROM
  "kinfold"."customer_review" AS "r"
  LEFT JOIN "kinfold"."customer_identifiers" AS "a" ON ("r"."identifier_a" = "a"."identifier") AND ("r"."value_a" = "a"."value")
  LEFT JOIN "kinfold"."customer_identifiers" AS "b" ON ("r"."identifier_b" = "b"."identifier") AND ("r"."value_b" = "b"."value")
WHERE
  NOT coalesce("a"."profile_id" = "b"."profile_id", false);

