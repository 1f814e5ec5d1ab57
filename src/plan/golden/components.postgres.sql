-- The connected components of the identifiers of customer, as the table "kinfold"."customer_components".
-- Run it with psql --set=ON_ERROR_STOP=1 --file=…
BEGIN;
SET LOCAL client_min_messages = warning;
SET LOCAL TIME ZONE 'UTC';

CREATE TEMPORARY TABLE "_customer_component_rows" ON COMMIT DROP AS
WITH "read" AS (
  SELECT
    CAST(NULL AS VARCHAR) AS "i0",
    CAST("i1" AS VARCHAR) AS "i1",
    CAST("i2" AS VARCHAR) AS "i2",
    CAST("i3" AS VARCHAR) AS "i3",
    CAST(NULL AS VARCHAR) AS "i4"
  FROM
    (
      WITH "rows" AS (
        SELECT
          "id" AS "raw_crm_id",
          "email" AS "raw_email",
          "phone" AS "raw_phone",
          CAST("updated_at" AS TIMESTAMP(6) WITH TIME ZONE) AS "at"
        FROM
          "crm"."contacts"
      ), "normalised" AS (
        SELECT
          kinfold_digits(CAST("raw_crm_id" AS VARCHAR)) AS "id_crm_id",
          CASE
            WHEN (kinfold_email(CAST("raw_email" AS VARCHAR)) IN (kinfold_email('Test@test.com'))) OR (CAST("raw_email" AS VARCHAR) ~ '^(null|n/?a)$') THEN
              NULL
            ELSE
              kinfold_email(CAST("raw_email" AS VARCHAR))
          END AS "id_email",
          kinfold_phone(CAST("raw_phone" AS VARCHAR), 'TR') AS "id_phone",
          "at",
          (kinfold_digits(CAST("raw_crm_id" AS VARCHAR)) IS NULL) AND (CAST("raw_crm_id" AS VARCHAR) ~ '\S') AS "unusable_crm_id",
          (kinfold_email(CAST("raw_email" AS VARCHAR)) IS NULL) AND (CAST("raw_email" AS VARCHAR) ~ '\S') AND (NOT ((lower(btrim(CAST("raw_email" AS VARCHAR))) IN ('test@test.com')) OR (CAST("raw_email" AS VARCHAR) ~ '^(null|n/?a)$'))) AS "unusable_email",
          (kinfold_phone(CAST("raw_phone" AS VARCHAR), 'TR') IS NULL) AND (CAST("raw_phone" AS VARCHAR) ~ '\S') AS "unusable_phone"
        FROM
          "rows"
      )
      SELECT
        "id_crm_id",
        "id_email",
        "id_phone",
        "at" AS "first_seen_at",
        "at" AS "last_seen_at",
        1 AS "row_count",
        "unusable_crm_id",
        "unusable_email",
        "unusable_phone"
      FROM
        "normalised"
    ) AS "r" ("i1", "i2", "i3", "first_seen_at", "last_seen_at", "row_count", "unusable_i1", "unusable_i2", "unusable_i3")
  UNION ALL
  SELECT
    CAST("i0" AS VARCHAR) AS "i0",
    CAST(NULL AS VARCHAR) AS "i1",
    CAST(NULL AS VARCHAR) AS "i2",
    CAST(NULL AS VARCHAR) AS "i3",
    CAST("i4" AS VARCHAR) AS "i4"
  FROM
    (
      WITH "rows" AS (
        SELECT
          "user_id" AS "raw_user_id",
          "anonymous_id" AS "raw_cookie",
          CAST("occurred_at" AS TIMESTAMP(6) WITH TIME ZONE) AS "at"
        FROM
          "web"."events"
      ), "normalised" AS (
        SELECT
          kinfold_exact(CAST("raw_user_id" AS VARCHAR)) AS "id_user_id",
          kinfold_exact(CAST("raw_cookie" AS VARCHAR)) AS "id_cookie",
          "at",
          (kinfold_exact(CAST("raw_user_id" AS VARCHAR)) IS NULL) AND (CAST("raw_user_id" AS VARCHAR) ~ '\S') AS "unusable_user_id",
          (kinfold_exact(CAST("raw_cookie" AS VARCHAR)) IS NULL) AND (CAST("raw_cookie" AS VARCHAR) ~ '\S') AS "unusable_cookie"
        FROM
          "rows"
      )
      SELECT
        "id_user_id",
        "id_cookie",
        "at" AS "first_seen_at",
        "at" AS "last_seen_at",
        1 AS "row_count",
        "unusable_user_id",
        "unusable_cookie"
      FROM
        "normalised"
    ) AS "r" ("i0", "i4", "first_seen_at", "last_seen_at", "row_count", "unusable_i0", "unusable_i4")
  UNION ALL
  SELECT
    CAST("i0" AS VARCHAR) AS "i0",
    CAST(NULL AS VARCHAR) AS "i1",
    CAST("i2" AS VARCHAR) AS "i2",
    CAST(NULL AS VARCHAR) AS "i3",
    CAST(NULL AS VARCHAR) AS "i4"
  FROM
    (
      WITH "rows" AS (
        SELECT
          "user_id" AS "raw_user_id",
          "email" AS "raw_email",
          CAST(NULL AS TIMESTAMP(6) WITH TIME ZONE) AS "at"
        FROM
          "shop"."orders"
      ), "normalised" AS (
        SELECT
          kinfold_exact(CAST("raw_user_id" AS VARCHAR)) AS "id_user_id",
          CASE
            WHEN (kinfold_email(CAST("raw_email" AS VARCHAR)) IN (kinfold_email('Test@test.com'))) OR (CAST("raw_email" AS VARCHAR) ~ '^(null|n/?a)$') THEN
              NULL
            ELSE
              kinfold_email(CAST("raw_email" AS VARCHAR))
          END AS "id_email",
          "at",
          (kinfold_exact(CAST("raw_user_id" AS VARCHAR)) IS NULL) AND (CAST("raw_user_id" AS VARCHAR) ~ '\S') AS "unusable_user_id",
          (kinfold_email(CAST("raw_email" AS VARCHAR)) IS NULL) AND (CAST("raw_email" AS VARCHAR) ~ '\S') AND (NOT ((lower(btrim(CAST("raw_email" AS VARCHAR))) IN ('test@test.com')) OR (CAST("raw_email" AS VARCHAR) ~ '^(null|n/?a)$'))) AS "unusable_email"
        FROM
          "rows"
      )
      SELECT
        "id_user_id",
        "id_email",
        "at" AS "first_seen_at",
        "at" AS "last_seen_at",
        1 AS "row_count",
        "unusable_user_id",
        "unusable_email"
      FROM
        "normalised"
    ) AS "r" ("i0", "i2", "first_seen_at", "last_seen_at", "row_count", "unusable_i0", "unusable_i2")
)
SELECT
  "i0",
  "i1",
  "i2",
  "i3",
  "i4"
FROM
  "read"
GROUP BY
  "i0", "i1", "i2", "i3", "i4";
ANALYZE "_customer_component_rows";

CREATE TEMPORARY TABLE "_customer_component_values" ON COMMIT DROP AS
WITH "found" AS (
  SELECT
    0 AS "identifier",
    "i0" AS "value"
  FROM
    "_customer_component_rows" AS "r"
  WHERE
    "i0" IS NOT NULL
  UNION ALL
  SELECT
    1 AS "identifier",
    "i1" AS "value"
  FROM
    "_customer_component_rows" AS "r"
  WHERE
    "i1" IS NOT NULL
  UNION ALL
  SELECT
    2 AS "identifier",
    "i2" AS "value"
  FROM
    "_customer_component_rows" AS "r"
  WHERE
    "i2" IS NOT NULL
  UNION ALL
  SELECT
    3 AS "identifier",
    "i3" AS "value"
  FROM
    "_customer_component_rows" AS "r"
  WHERE
    "i3" IS NOT NULL
  UNION ALL
  SELECT
    4 AS "identifier",
    "i4" AS "value"
  FROM
    "_customer_component_rows" AS "r"
  WHERE
    "i4" IS NOT NULL
), "distinct_values" AS (
  SELECT
    "identifier",
    "value"
  FROM
    "found"
  GROUP BY
    "identifier", "value"
)
SELECT
  CAST(CAST(row_number() OVER (ORDER BY "identifier", "value") AS INTEGER) AS BIGINT) AS "vertex",
  "identifier",
  "value"
FROM
  "distinct_values";
ANALYZE "_customer_component_values";

CREATE TEMPORARY TABLE "_customer_component_links" ON COMMIT DROP AS
WITH "pairs" AS (
  SELECT
    CASE
      WHEN "i0" IS NOT NULL THEN
        0
    END AS "identifier_a",
    coalesce("i0") AS "value_a",
    1 AS "identifier_b",
    "i1" AS "value_b"
  FROM
    "_customer_component_rows" AS "r"
  WHERE
    ("i1" IS NOT NULL) AND (coalesce("i0") IS NOT NULL)
  UNION ALL
  SELECT
    CASE
      WHEN "i0" IS NOT NULL THEN
        0
      WHEN "i1" IS NOT NULL THEN
        1
    END AS "identifier_a",
    coalesce("i0", "i1") AS "value_a",
    2 AS "identifier_b",
    "i2" AS "value_b"
  FROM
    "_customer_component_rows" AS "r"
  WHERE
    ("i2" IS NOT NULL) AND (coalesce("i0", "i1") IS NOT NULL)
  UNION ALL
  SELECT
    CASE
      WHEN "i0" IS NOT NULL THEN
        0
      WHEN "i1" IS NOT NULL THEN
        1
      WHEN "i2" IS NOT NULL THEN
        2
    END AS "identifier_a",
    coalesce("i0", "i1", "i2") AS "value_a",
    3 AS "identifier_b",
    "i3" AS "value_b"
  FROM
    "_customer_component_rows" AS "r"
  WHERE
    ("i3" IS NOT NULL) AND (coalesce("i0", "i1", "i2") IS NOT NULL)
  UNION ALL
  SELECT
    CASE
      WHEN "i0" IS NOT NULL THEN
        0
      WHEN "i1" IS NOT NULL THEN
        1
      WHEN "i2" IS NOT NULL THEN
        2
      WHEN "i3" IS NOT NULL THEN
        3
    END AS "identifier_a",
    coalesce("i0", "i1", "i2", "i3") AS "value_a",
    4 AS "identifier_b",
    "i4" AS "value_b"
  FROM
    "_customer_component_rows" AS "r"
  WHERE
    ("i4" IS NOT NULL) AND (coalesce("i0", "i1", "i2", "i3") IS NOT NULL)
), "numbered" AS (
  SELECT
    "a"."vertex" AS "v",
    "b"."vertex" AS "w"
  FROM
    "pairs" AS "p"
    JOIN "_customer_component_values" AS "a" ON ("a"."identifier" = "p"."identifier_a") AND ("a"."value" = "p"."value_a")
    JOIN "_customer_component_values" AS "b" ON ("b"."identifier" = "p"."identifier_b") AND ("b"."value" = "p"."value_b")
), "both" AS (
  SELECT
    "v",
    "w"
  FROM
    "numbered"
  UNION ALL
  SELECT
    "w" AS "v",
    "v" AS "w"
  FROM
    "numbered"
)
SELECT
  "v",
  "w"
FROM
  "both"
GROUP BY
  "v", "w";
ANALYZE "_customer_component_links";

CREATE TEMPORARY TABLE "_customer_component_edges" ON COMMIT DROP AS
SELECT
  "v",
  "w"
FROM
  "_customer_component_links" AS "t";
ANALYZE "_customer_component_edges";

CREATE TEMPORARY TABLE "_customer_component_labels" ON COMMIT DROP AS
SELECT
  "vertex",
  "vertex" AS "representative"
FROM
  "_customer_component_values" AS "t";
ANALYZE "_customer_component_labels";

CREATE TEMPORARY TABLE "_customer_component_round" ON COMMIT DROP AS
SELECT
  CAST(314159265 AS BIGINT) AS "a",
  CAST(271828182 AS BIGINT) AS "b";
ANALYZE "_customer_component_round";

DO $contraction$
BEGIN
WHILE (
SELECT
  count(*) AS "edges_left"
FROM
  "_customer_component_edges" AS "e"
) > 0 LOOP

CREATE TEMPORARY TABLE "_customer_component_round_next" ON COMMIT DROP AS
SELECT
  ("a" * 742938285) % 2147483647 AS "a",
  ("b" * 950706376) % 2147483647 AS "b"
FROM
  "_customer_component_round" AS "t";
ANALYZE "_customer_component_round_next";
DROP TABLE "_customer_component_round";
ALTER TABLE "_customer_component_round_next" RENAME TO "_customer_component_round";

CREATE TEMPORARY TABLE "_customer_component_nearest" ON COMMIT DROP AS
WITH "keyed" AS (
  SELECT
    "e"."v" AS "vertex",
    least((((("r"."a" * "e"."v") + "r"."b") % 2147483647) * 2147483648) + "e"."v", (((("r"."a" * "e"."w") + "r"."b") % 2147483647) * 2147483648) + "e"."w") AS "key"
  FROM
    "_customer_component_edges" AS "e"
    JOIN "_customer_component_round" AS "r" ON true
)
SELECT
  "vertex",
  min("key") % 2147483648 AS "representative"
FROM
  "keyed"
GROUP BY
  "vertex";
ANALYZE "_customer_component_nearest";

CREATE TEMPORARY TABLE "_customer_component_labels_next" ON COMMIT DROP AS
SELECT
  "l"."vertex" AS "vertex",
  coalesce("n"."representative", "l"."representative") AS "representative"
FROM
  "_customer_component_labels" AS "l"
  LEFT JOIN "_customer_component_nearest" AS "n" ON "n"."vertex" = "l"."representative";
ANALYZE "_customer_component_labels_next";
DROP TABLE "_customer_component_labels";
ALTER TABLE "_customer_component_labels_next" RENAME TO "_customer_component_labels";

CREATE TEMPORARY TABLE "_customer_component_edges_next" ON COMMIT DROP AS
WITH "moved" AS (
  SELECT
    "a"."representative" AS "v",
    "b"."representative" AS "w"
  FROM
    "_customer_component_edges" AS "e"
    JOIN "_customer_component_nearest" AS "a" ON "a"."vertex" = "e"."v"
    JOIN "_customer_component_nearest" AS "b" ON "b"."vertex" = "e"."w"
  WHERE
    "a"."representative" <> "b"."representative"
)
SELECT
  "v",
  "w"
FROM
  "moved"
GROUP BY
  "v", "w";
ANALYZE "_customer_component_edges_next";
DROP TABLE "_customer_component_edges";
ALTER TABLE "_customer_component_edges_next" RENAME TO "_customer_component_edges";

DROP TABLE "_customer_component_nearest";
END LOOP;

IF (
SELECT
  count(*) AS "split_links"
FROM
  "_customer_component_links" AS "l"
  JOIN "_customer_component_labels" AS "a" ON "a"."vertex" = "l"."v"
  JOIN "_customer_component_labels" AS "b" ON "b"."vertex" = "l"."w"
WHERE
  "a"."representative" <> "b"."representative"
) > 0 THEN
  RAISE EXCEPTION 'linked values are in different components';
END IF;
END
$contraction$;

DROP TABLE IF EXISTS "kinfold"."customer_components";
CREATE TABLE "kinfold"."customer_components" AS
WITH "smallest" AS (
  SELECT
    "representative",
    min("vertex") AS "component"
  FROM
    "_customer_component_labels" AS "l"
  GROUP BY
    "representative"
)
SELECT
  CASE "v"."identifier"
    WHEN 0 THEN
      'user_id'
    WHEN 1 THEN
      'crm_id'
    WHEN 2 THEN
      'email'
    WHEN 3 THEN
      'phone'
    WHEN 4 THEN
      'cookie'
  END AS "identifier",
  "v"."value" AS "value",
  "s"."component" AS "component"
FROM
  "_customer_component_values" AS "v"
  JOIN "_customer_component_labels" AS "l" ON "l"."vertex" = "v"."vertex"
  JOIN "smallest" AS "s" ON "s"."representative" = "l"."representative";

COMMIT;
