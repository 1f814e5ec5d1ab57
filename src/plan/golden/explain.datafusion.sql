-- value
SELECT
  "given"."value" AS "value",
  "given"."blocked" AS "blocked",
  "known"."profile_id" AS "profile_id",
  "shared"."linked_identifier" AS "linked_identifier",
  "shared"."degree" AS "degree"
FROM
  (
    SELECT
      kinfold_email(CAST('Ada@x.org' AS VARCHAR)) AS "value",
      CAST(CASE WHEN (kinfold_email(CAST('Ada@x.org' AS VARCHAR)) IN (kinfold_email('Test@test.com'))) OR (CAST('Ada@x.org' AS VARCHAR) ~ '^(null|n/?a)$') THEN NULL ELSE kinfold_email(CAST('Ada@x.org' AS VARCHAR)) END AS VARCHAR) IS NULL AS "blocked"
  ) AS "given"
  LEFT JOIN (SELECT "value", "identifier", "profile_id" FROM "kinfold"."customer_identifiers" AS "t" WHERE "identifier" = 'email') AS "known" ON "known"."value" = "given"."value"
  LEFT JOIN (SELECT "value", "linked_identifier", "degree" FROM "kinfold"."customer_shared" AS "t" WHERE "identifier" = 'email') AS "shared" ON "shared"."value" = "given"."value";

-- rows of crm.contacts by ["id", "country"]
WITH "rows" AS (
  SELECT
    "id" AS "raw_crm_id",
    "email" AS "raw_email",
    "phone" AS "raw_phone",
    CAST("updated_at" AS TIMESTAMP(6) WITH TIME ZONE) AS "at",
    coalesce(CAST("id" AS VARCHAR), '') || '' || coalesce(CAST("country" AS VARCHAR), '') AS "row_key"
  FROM
    "crm"."contacts"
), "keyed" AS (
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
    "row_key"
  FROM
    "rows"
), "known_crm_id" AS (
  SELECT
    "value"
  FROM
    "kinfold"."customer_identifiers" AS "i"
  WHERE
    ("identifier" = 'crm_id') AND ("profile_id" IN ('p1'))
), "held_crm_id" AS (
  SELECT
    "keyed"."id_crm_id" AS "id_crm_id",
    "keyed"."id_email" AS "id_email",
    "keyed"."id_phone" AS "id_phone",
    "keyed"."at" AS "at",
    "keyed"."row_key" AS "row_key",
    "known_crm_id"."value" IS NOT NULL AS "held"
  FROM
    "known_crm_id"
    RIGHT JOIN "keyed" ON "known_crm_id"."value" = "keyed"."id_crm_id"
), "known_email" AS (
  SELECT
    "value"
  FROM
    "kinfold"."customer_identifiers" AS "i"
  WHERE
    ("identifier" = 'email') AND ("profile_id" IN ('p1'))
), "held_email" AS (
  SELECT
    "held_crm_id"."id_crm_id" AS "id_crm_id",
    "held_crm_id"."id_email" AS "id_email",
    "held_crm_id"."id_phone" AS "id_phone",
    "held_crm_id"."at" AS "at",
    "held_crm_id"."row_key" AS "row_key",
    "held_crm_id"."held" OR ("known_email"."value" IS NOT NULL) AS "held"
  FROM
    "known_email"
    RIGHT JOIN "held_crm_id" ON "known_email"."value" = "held_crm_id"."id_email"
), "known_phone" AS (
  SELECT
    "value"
  FROM
    "kinfold"."customer_identifiers" AS "i"
  WHERE
    ("identifier" = 'phone') AND ("profile_id" IN ('p1'))
), "held_phone" AS (
  SELECT
    "held_email"."id_crm_id" AS "id_crm_id",
    "held_email"."id_email" AS "id_email",
    "held_email"."id_phone" AS "id_phone",
    "held_email"."at" AS "at",
    "held_email"."row_key" AS "row_key",
    "held_email"."held" OR ("known_phone"."value" IS NOT NULL) AS "held"
  FROM
    "known_phone"
    RIGHT JOIN "held_email" ON "known_phone"."value" = "held_email"."id_phone"
), "found" AS (
  SELECT
    "id_crm_id",
    "id_email",
    "id_phone",
    count(*) AS "rows",
    min("at") AS "first_seen_at",
    max("at") AS "last_seen_at",
    kinfold_first("row_key", "at") AS "row_key"
  FROM
    "held_phone"
  WHERE
    "held"
  GROUP BY
    "id_crm_id", "id_email", "id_phone"
)
SELECT
  "found"."id_crm_id" AS "id_crm_id",
  "found"."id_email" AS "id_email",
  "found"."id_phone" AS "id_phone",
  "found"."rows" AS "rows",
  "found"."first_seen_at" AS "first_seen_at",
  "found"."last_seen_at" AS "last_seen_at",
  "found"."row_key" AS "row_key",
  CAST(NULL AS VARCHAR) AS "linked_crm_id",
  NULL AS "degree_crm_id",
  CAST(NULL AS VARCHAR) AS "linked_email",
  NULL AS "degree_email",
  CAST(NULL AS VARCHAR) AS "linked_phone",
  NULL AS "degree_phone"
FROM
  "found" ORDER BY "rows" DESC NULLS LAST, "id_crm_id", "id_email", "id_phone" LIMIT 100001;

-- rows of web.events by []
WITH "rows" AS (
  SELECT
    "user_id" AS "raw_user_id",
    "anonymous_id" AS "raw_cookie",
    CAST("occurred_at" AS TIMESTAMP(6) WITH TIME ZONE) AS "at",
    CAST(NULL AS VARCHAR) AS "row_key"
  FROM
    "web"."events"
), "keyed" AS (
  SELECT
    kinfold_exact(CAST("raw_user_id" AS VARCHAR)) AS "id_user_id",
    kinfold_exact(CAST("raw_cookie" AS VARCHAR)) AS "id_cookie",
    "at",
    "row_key"
  FROM
    "rows"
), "known_user_id" AS (
  SELECT
    "value"
  FROM
    "kinfold"."customer_identifiers" AS "i"
  WHERE
    ("identifier" = 'user_id') AND ("profile_id" IN ('p1'))
), "held_user_id" AS (
  SELECT
    "keyed"."id_user_id" AS "id_user_id",
    "keyed"."id_cookie" AS "id_cookie",
    "keyed"."at" AS "at",
    "keyed"."row_key" AS "row_key",
    "known_user_id"."value" IS NOT NULL AS "held"
  FROM
    "known_user_id"
    RIGHT JOIN "keyed" ON "known_user_id"."value" = "keyed"."id_user_id"
), "known_cookie" AS (
  SELECT
    "value"
  FROM
    "kinfold"."customer_identifiers" AS "i"
  WHERE
    ("identifier" = 'cookie') AND ("profile_id" IN ('p1'))
), "held_cookie" AS (
  SELECT
    "held_user_id"."id_user_id" AS "id_user_id",
    "held_user_id"."id_cookie" AS "id_cookie",
    "held_user_id"."at" AS "at",
    "held_user_id"."row_key" AS "row_key",
    "held_user_id"."held" OR ("known_cookie"."value" IS NOT NULL) AS "held"
  FROM
    "known_cookie"
    RIGHT JOIN "held_user_id" ON "known_cookie"."value" = "held_user_id"."id_cookie"
), "found" AS (
  SELECT
    "id_user_id",
    "id_cookie",
    count(*) AS "rows",
    min("at") AS "first_seen_at",
    max("at") AS "last_seen_at",
    kinfold_first("row_key", "at") AS "row_key"
  FROM
    "held_cookie"
  WHERE
    "held"
  GROUP BY
    "id_user_id", "id_cookie"
)
SELECT
  "found"."id_user_id" AS "id_user_id",
  "found"."id_cookie" AS "id_cookie",
  "found"."rows" AS "rows",
  "found"."first_seen_at" AS "first_seen_at",
  "found"."last_seen_at" AS "last_seen_at",
  "found"."row_key" AS "row_key",
  CAST(NULL AS VARCHAR) AS "linked_user_id",
  NULL AS "degree_user_id",
  "shared_cookie"."linked_identifier" AS "linked_cookie",
  "shared_cookie"."degree" AS "degree_cookie"
FROM
  "found"
  LEFT JOIN (SELECT "value", "linked_identifier", "degree" FROM "kinfold"."customer_shared" AS "t" WHERE "identifier" = 'cookie') AS "shared_cookie" ON "shared_cookie"."value" = "found"."id_cookie" ORDER BY "rows" DESC NULLS LAST, "id_user_id", "id_cookie" LIMIT 100001;

-- rows of shop.orders by ["order_id"]
WITH "rows" AS (
  SELECT
    "user_id" AS "raw_user_id",
    "email" AS "raw_email",
    CAST(NULL AS TIMESTAMP(6) WITH TIME ZONE) AS "at",
    coalesce(CAST("order_id" AS VARCHAR), '') AS "row_key"
  FROM
    "shop"."orders"
), "keyed" AS (
  SELECT
    kinfold_exact(CAST("raw_user_id" AS VARCHAR)) AS "id_user_id",
    CASE
      WHEN (kinfold_email(CAST("raw_email" AS VARCHAR)) IN (kinfold_email('Test@test.com'))) OR (CAST("raw_email" AS VARCHAR) ~ '^(null|n/?a)$') THEN
        NULL
      ELSE
        kinfold_email(CAST("raw_email" AS VARCHAR))
    END AS "id_email",
    "at",
    "row_key"
  FROM
    "rows"
), "known_user_id" AS (
  SELECT
    "value"
  FROM
    "kinfold"."customer_identifiers" AS "i"
  WHERE
    ("identifier" = 'user_id') AND ("profile_id" IN ('p1'))
), "held_user_id" AS (
  SELECT
    "keyed"."id_user_id" AS "id_user_id",
    "keyed"."id_email" AS "id_email",
    "keyed"."at" AS "at",
    "keyed"."row_key" AS "row_key",
    "known_user_id"."value" IS NOT NULL AS "held"
  FROM
    "known_user_id"
    RIGHT JOIN "keyed" ON "known_user_id"."value" = "keyed"."id_user_id"
), "known_email" AS (
  SELECT
    "value"
  FROM
    "kinfold"."customer_identifiers" AS "i"
  WHERE
    ("identifier" = 'email') AND ("profile_id" IN ('p1'))
), "held_email" AS (
  SELECT
    "held_user_id"."id_user_id" AS "id_user_id",
    "held_user_id"."id_email" AS "id_email",
    "held_user_id"."at" AS "at",
    "held_user_id"."row_key" AS "row_key",
    "held_user_id"."held" OR ("known_email"."value" IS NOT NULL) AS "held"
  FROM
    "known_email"
    RIGHT JOIN "held_user_id" ON "known_email"."value" = "held_user_id"."id_email"
), "found" AS (
  SELECT
    "id_user_id",
    "id_email",
    count(*) AS "rows",
    min("at") AS "first_seen_at",
    max("at") AS "last_seen_at",
    kinfold_first("row_key", "at") AS "row_key"
  FROM
    "held_email"
  WHERE
    "held"
  GROUP BY
    "id_user_id", "id_email"
)
SELECT
  "found"."id_user_id" AS "id_user_id",
  "found"."id_email" AS "id_email",
  "found"."rows" AS "rows",
  "found"."first_seen_at" AS "first_seen_at",
  "found"."last_seen_at" AS "last_seen_at",
  "found"."row_key" AS "row_key",
  CAST(NULL AS VARCHAR) AS "linked_user_id",
  NULL AS "degree_user_id",
  CAST(NULL AS VARCHAR) AS "linked_email",
  NULL AS "degree_email"
FROM
  "found" ORDER BY "rows" DESC NULLS LAST, "id_user_id", "id_email" LIMIT 100001;

-- refused
WITH "own" AS (
  SELECT
    "identifier",
    "value",
    "profile_id"
  FROM
    "kinfold"."customer_identifiers" AS "i"
  WHERE
    "profile_id" IN ('p1', 'p2')
), "by_a" AS (
  SELECT
    "c"."identifier_a" AS "identifier_a",
    "c"."value_a" AS "value_a",
    "c"."identifier_b" AS "identifier_b",
    "c"."value_b" AS "value_b",
    "c"."rule" AS "rule",
    "c"."source" AS "source",
    "c"."first_seen_at" AS "first_seen_at",
    "own"."profile_id" AS "profile_a",
    "other"."profile_id" AS "profile_b"
  FROM
    "own"
    JOIN "kinfold"."customer_conflicts" AS "c" ON ("c"."identifier_a" = "own"."identifier") AND ("c"."value_a" = "own"."value")
    LEFT JOIN "kinfold"."customer_identifiers" AS "other" ON ("c"."identifier_b" = "other"."identifier") AND ("c"."value_b" = "other"."value")
), "by_b" AS (
  SELECT
    "c"."identifier_a" AS "identifier_a",
    "c"."value_a" AS "value_a",
    "c"."identifier_b" AS "identifier_b",
    "c"."value_b" AS "value_b",
    "c"."rule" AS "rule",
    "c"."source" AS "source",
    "c"."first_seen_at" AS "first_seen_at",
    "other"."profile_id" AS "profile_a",
    "own"."profile_id" AS "profile_b"
  FROM
    "own"
    JOIN "kinfold"."customer_conflicts" AS "c" ON ("c"."identifier_b" = "own"."identifier") AND ("c"."value_b" = "own"."value")
    LEFT JOIN "kinfold"."customer_identifiers" AS "other" ON ("c"."identifier_a" = "other"."identifier") AND ("c"."value_a" = "other"."value")
), "refused" AS (
  SELECT
    "by_a".*
  FROM
    "by_a"
  UNION ALL
  SELECT
    "by_b".*
  FROM
    "by_b"
)
SELECT
  "identifier_a",
  "value_a",
  "identifier_b",
  "value_b",
  "rule",
  "source",
  "first_seen_at",
  "profile_a",
  "profile_b"
FROM
  "refused" ORDER BY "first_seen_at", "identifier_a", "value_a", "identifier_b", "value_b" LIMIT 10001;

-- pins
SELECT
  "pin",
  "side",
  CAST(kinfold_email(CAST("value" AS VARCHAR)) AS VARCHAR) AS "value"
FROM
  (
    VALUES
      (0, 0, 'Ada@X.org'),
      (1, 0, 'ada@x.org'),
      (1, 1, 'O''Ada@x.org')
  ) AS "pinned" ("pin", "side", "value")
UNION ALL
SELECT
  "pin",
  "side",
  CAST(kinfold_phone(CAST("value" AS VARCHAR), 'TR') AS VARCHAR) AS "value"
FROM
  (
    VALUES
      (0, 1, '0532 123 45 67')
  ) AS "pinned" ("pin", "side", "value");

