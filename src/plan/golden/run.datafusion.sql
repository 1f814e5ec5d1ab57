-- error shop.orders.unique_key: `shop.orders` has rows with the same `unique_key` (order_id)
WITH "counted" AS (
  SELECT
    count(*) AS "rows"
  FROM
    "shop"."orders"
), "keys" AS (
  SELECT
    "order_id"
  FROM
    "shop"."orders"
  GROUP BY
    "order_id"
), "counted_keys" AS (
  SELECT
    count(*) AS "keys"
  FROM
    "keys"
)
SELECT
  "counted"."rows" - "counted_keys"."keys" AS "broken_rows"
FROM
  "counted"
  JOIN "counted_keys" ON "counted"."rows" > "counted_keys"."keys";

-- error shop.orders.freshness.error_after: the newest row of `shop.orders` is older than 2d (`error_after`)
SELECT
  count(*) AS "broken_rows",
  CAST(max("ordered_at") AS VARCHAR) AS "newest"
FROM
  "shop"."orders"
HAVING
  (max("ordered_at") IS NULL) OR (CAST(max("ordered_at") AS TIMESTAMP(6) WITH TIME ZONE) <= TIMESTAMP(6) WITH TIME ZONE '2026-02-27T00:00:00Z');

-- warning shop.orders.freshness.warn_after: the newest row of `shop.orders` is older than 12h (`warn_after`)
SELECT
  count(*) AS "broken_rows",
  CAST(max("ordered_at") AS VARCHAR) AS "newest"
FROM
  "shop"."orders"
HAVING
  (max("ordered_at") IS NULL) OR (CAST(max("ordered_at") AS TIMESTAMP(6) WITH TIME ZONE) <= TIMESTAMP(6) WITH TIME ZONE '2026-02-28T12:00:00Z');

-- error shop.orders.order_id.not_null: `shop.orders.order_id` has missing values
SELECT
  count(*) AS "broken_rows"
FROM
  "shop"."orders"
WHERE
  "order_id" IS NULL
HAVING
  count(*) > 0;

-- error shop.orders.order_id.unique: `shop.orders.order_id` has values that occur more than once
WITH "counted" AS (
  SELECT
    count(*) AS "rows"
  FROM
    "shop"."orders"
  WHERE
    "order_id" IS NOT NULL
), "keys" AS (
  SELECT
    "order_id"
  FROM
    "shop"."orders"
  WHERE
    "order_id" IS NOT NULL
  GROUP BY
    "order_id"
), "counted_keys" AS (
  SELECT
    count(*) AS "keys"
  FROM
    "keys"
)
SELECT
  "counted"."rows" - "counted_keys"."keys" AS "broken_rows"
FROM
  "counted"
  JOIN "counted_keys" ON "counted"."rows" > "counted_keys"."keys";

-- error shop.orders.amount.at_least: `shop.orders.amount` has values below 0
SELECT
  count(*) AS "broken_rows"
FROM
  "shop"."orders"
WHERE
  "amount" < 0
HAVING
  count(*) > 0;

-- error shop.orders.amount.at_most: `shop.orders.amount` has values above 99999.5
SELECT
  count(*) AS "broken_rows"
FROM
  "shop"."orders"
WHERE
  "amount" > 99999.5
HAVING
  count(*) > 0;

-- error shop.orders.status.one_of: `shop.orders.status` has values that are not in its list of 2
SELECT
  count(*) AS "broken_rows"
FROM
  "shop"."orders"
WHERE
  "status" NOT IN ('paid', 'won''t pay')
HAVING
  count(*) > 0;

-- error web.events.score.at_most: `web.events.score` has values above 8.05
SELECT
  count(*) AS "broken_rows"
FROM
  "web"."events"
WHERE
  "score" > CAST(8.05 AS DOUBLE PRECISION)
HAVING
  count(*) > 0;

-- view paid_orders
SELECT
  *
FROM
  "shop"."orders"
WHERE
  "status" = 'paid';

-- table _customer_2_events_rows (Scratch)
WITH "rows" AS (
  SELECT
    "user_id" AS "raw_user_id",
    "anonymous_id" AS "raw_cookie",
    "seconds" AS "v0",
    "country" AS "v1",
    CAST("occurred_at" AS TIMESTAMP(6) WITH TIME ZONE) AS "t2",
    ("type" = 'read') AND (CAST("occurred_at" AS TIMESTAMP(6) WITH TIME ZONE) > TIMESTAMP(6) WITH TIME ZONE '2026-01-30T00:00:00Z') AND (CAST("occurred_at" AS TIMESTAMP(6) WITH TIME ZONE) <= TIMESTAMP(6) WITH TIME ZONE '2026-03-01T00:00:00Z') AS "c3",
    ("type" = 'page') AND (CAST("occurred_at" AS TIMESTAMP(6) WITH TIME ZONE) > TIMESTAMP(6) WITH TIME ZONE '2026-01-30T00:00:00Z') AND (CAST("occurred_at" AS TIMESTAMP(6) WITH TIME ZONE) <= TIMESTAMP(6) WITH TIME ZONE '2026-03-01T00:00:00Z') AS "c4",
    CAST("occurred_at" AS TIMESTAMP(6) WITH TIME ZONE) AS "at"
  FROM
    "web"."events"
), "grouped" AS (
  SELECT
    "raw_user_id",
    "raw_cookie",
    min("at") AS "first_seen_at",
    max("at") AS "last_seen_at",
    count(*) AS "row_count",
    sum("v0") AS "a0_sum",
    count("v0") AS "a0_count",
    sum("v0") AS "a1",
    kinfold_last("v1", "t2") AS "a2",
    max("t2") FILTER (WHERE "v1" IS NOT NULL) AS "a2_at",
    kinfold_first("v1", "t2") AS "a3",
    min("t2") FILTER (WHERE "v1" IS NOT NULL) AS "a3_at",
    count(*) FILTER (WHERE "c3") AS "a4",
    count(*) FILTER (WHERE "c4") AS "a5"
  FROM
    "rows"
  GROUP BY
    "raw_user_id", "raw_cookie"
), "keyed" AS (
  SELECT
    kinfold_exact(CAST("raw_user_id" AS VARCHAR)) AS "id_user_id",
    kinfold_exact(CAST("raw_cookie" AS VARCHAR)) AS "id_cookie",
    "first_seen_at",
    "last_seen_at",
    "row_count",
    "a0_sum",
    "a0_count",
    "a1",
    "a2",
    "a2_at",
    "a3",
    "a3_at",
    "a4",
    "a5",
    (kinfold_exact(CAST("raw_user_id" AS VARCHAR)) IS NULL) AND (CAST("raw_user_id" AS VARCHAR) ~ '\S') AS "unusable_user_id",
    (kinfold_exact(CAST("raw_cookie" AS VARCHAR)) IS NULL) AND (CAST("raw_cookie" AS VARCHAR) ~ '\S') AS "unusable_cookie"
  FROM
    "grouped"
)
SELECT
  "keyed".*
FROM
  "keyed"
WHERE
  ("id_user_id" IS NOT NULL) OR ("id_cookie" IS NOT NULL) OR "unusable_user_id" OR "unusable_cookie";

-- table _customer_9_contacts_rows (Scratch)
WITH "rows" AS (
  SELECT
    "id" AS "raw_crm_id",
    "email" AS "raw_email",
    "phone" AS "raw_phone",
    "first_name" AS "v0",
    CAST("updated_at" AS TIMESTAMP(6) WITH TIME ZONE) AS "t1",
    "country" AS "v2",
    "nickname" AS "v3",
    CAST("updated_at" AS TIMESTAMP(6) WITH TIME ZONE) AS "at"
  FROM
    "crm"."contacts"
), "grouped" AS (
  SELECT
    "raw_crm_id",
    "raw_email",
    "raw_phone",
    min("at") AS "first_seen_at",
    max("at") AS "last_seen_at",
    count(*) AS "row_count",
    kinfold_last("v0", "t1") AS "a0",
    max("t1") FILTER (WHERE "v0" IS NOT NULL) AS "a0_at",
    kinfold_last("v2", "t1") AS "a1",
    max("t1") FILTER (WHERE "v2" IS NOT NULL) AS "a1_at",
    kinfold_first("v2", "t1") AS "a2",
    min("t1") FILTER (WHERE "v2" IS NOT NULL) AS "a2_at",
    kinfold_last("v3", "t1") AS "a3",
    max("t1") FILTER (WHERE "v3" IS NOT NULL) AS "a3_at"
  FROM
    "rows"
  GROUP BY
    "raw_crm_id", "raw_email", "raw_phone"
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
    "first_seen_at",
    "last_seen_at",
    "row_count",
    "a0",
    "a0_at",
    "a1",
    "a1_at",
    "a2",
    "a2_at",
    "a3",
    "a3_at",
    (kinfold_digits(CAST("raw_crm_id" AS VARCHAR)) IS NULL) AND (CAST("raw_crm_id" AS VARCHAR) ~ '\S') AS "unusable_crm_id",
    (kinfold_email(CAST("raw_email" AS VARCHAR)) IS NULL) AND (CAST("raw_email" AS VARCHAR) ~ '\S') AND (NOT ((lower(btrim(CAST("raw_email" AS VARCHAR))) IN ('test@test.com')) OR (CAST("raw_email" AS VARCHAR) ~ '^(null|n/?a)$'))) AS "unusable_email",
    (kinfold_phone(CAST("raw_phone" AS VARCHAR), 'TR') IS NULL) AND (CAST("raw_phone" AS VARCHAR) ~ '\S') AS "unusable_phone"
  FROM
    "grouped"
)
SELECT
  "keyed".*
FROM
  "keyed"
WHERE
  ("id_crm_id" IS NOT NULL) OR ("id_email" IS NOT NULL) OR ("id_phone" IS NOT NULL) OR "unusable_crm_id" OR "unusable_email" OR "unusable_phone";

-- identity customer from crm.contacts
SELECT
  "id_crm_id",
  "id_email",
  "id_phone",
  "first_seen_at",
  "last_seen_at",
  "row_count",
  "unusable_crm_id",
  "unusable_email",
  "unusable_phone"
FROM
  "kinfold"."_customer_9_contacts_rows" AS "k";

-- identity customer from web.events
SELECT
  "id_user_id",
  "id_cookie",
  "first_seen_at",
  "last_seen_at",
  "row_count",
  "unusable_user_id",
  "unusable_cookie"
FROM
  "kinfold"."_customer_2_events_rows" AS "k";

-- identity customer from shop.orders
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
  "normalised";

-- table customer_aliases (Replace)
WITH "moved" AS (
  SELECT
    "other_profile_id" AS "old_profile_id",
    "profile_id",
    "identifier",
    "value"
  FROM
    "kinfold"."customer_history" AS "h"
  WHERE
    ("run_id" = '20260301T000000Z-00000000') AND ("change" IN ('merged'))
  UNION ALL
  SELECT
    "profile_id" AS "old_profile_id",
    CAST(NULL AS VARCHAR) AS "profile_id",
    "identifier",
    "value"
  FROM
    "kinfold"."customer_history" AS "h"
  WHERE
    ("run_id" = '20260301T000000Z-00000000') AND ("change" IN ('gone'))
), "back" AS (
  SELECT
    "profile_id"
  FROM
    "kinfold"."customer_history" AS "h"
  WHERE
    ("run_id" = '20260301T000000Z-00000000') AND ("change" IN ('created', 'split'))
), "aliases" AS (
  SELECT
    "p"."old_profile_id" AS "old_profile_id",
    "p"."identifier" AS "identifier",
    "p"."value" AS "value",
    "p"."profile_id" AS "before",
    CASE
      WHEN "moved"."old_profile_id" IS NOT NULL THEN
        "moved"."profile_id"
      ELSE
        "p"."profile_id"
    END AS "went",
    "p"."changed_at" AS "changed_at"
  FROM
    "previous"."customer_aliases" AS "p"
    LEFT JOIN "moved" ON "moved"."old_profile_id" = "p"."profile_id"
  UNION ALL
  SELECT
    "old_profile_id",
    "identifier",
    "value",
    CAST(NULL AS VARCHAR) AS "before",
    "profile_id" AS "went",
    TIMESTAMP(6) WITH TIME ZONE '2026-03-01T00:00:00Z' AS "changed_at"
  FROM
    "moved"
)
SELECT
  "aliases"."old_profile_id" AS "old_profile_id",
  coalesce("i"."profile_id", "aliases"."went") AS "profile_id",
  "aliases"."identifier" AS "identifier",
  "aliases"."value" AS "value",
  CASE
    WHEN coalesce(coalesce("i"."profile_id", "aliases"."went"), '') <> coalesce("aliases"."before", '') THEN
      TIMESTAMP(6) WITH TIME ZONE '2026-03-01T00:00:00Z'
    ELSE
      "aliases"."changed_at"
  END AS "changed_at"
FROM
  "aliases"
  LEFT JOIN "back" ON "back"."profile_id" = "aliases"."old_profile_id"
  LEFT JOIN "_written"."customer_identifiers" AS "i" ON ("i"."identifier" = "aliases"."identifier") AND ("i"."value" = "aliases"."value")
WHERE
  "back"."profile_id" IS NULL;

-- table _customer_1_paid_orders (Scratch)
WITH "rows" AS (
  SELECT
    "user_id" AS "raw_user_id",
    "email" AS "raw_email",
    "amount" - "refunded" AS "v0",
    (CAST("ordered_at" AS TIMESTAMP(6) WITH TIME ZONE) > TIMESTAMP(6) WITH TIME ZONE '2025-12-01T00:00:00Z') AND (CAST("ordered_at" AS TIMESTAMP(6) WITH TIME ZONE) <= TIMESTAMP(6) WITH TIME ZONE '2026-03-01T00:00:00Z') AS "c1",
    "amount" AS "v2",
    (CAST("ordered_at" AS TIMESTAMP(6) WITH TIME ZONE) >= TIMESTAMP(6) WITH TIME ZONE '2025-01-01T00:00:00Z') AND (CAST("ordered_at" AS TIMESTAMP(6) WITH TIME ZONE) < TIMESTAMP(6) WITH TIME ZONE '2026-01-01T00:00:00Z') AS "c3",
    "amount" = 0 AS "v4",
    "ordered_at" AS "v5",
    "category" AS "v6",
    CAST("ordered_at" AS TIMESTAMP(6) WITH TIME ZONE) AS "t7",
    (CAST("ordered_at" AS TIMESTAMP(6) WITH TIME ZONE) > TIMESTAMP(6) WITH TIME ZONE '2025-03-01T00:00:00Z') AND (CAST("ordered_at" AS TIMESTAMP(6) WITH TIME ZONE) <= TIMESTAMP(6) WITH TIME ZONE '2026-03-01T00:00:00Z') AS "c8"
  FROM
    "kinfold"."paid_orders"
), "grouped" AS (
  SELECT
    "raw_user_id",
    "raw_email",
    sum("v0") AS "a0",
    count(*) AS "a1",
    count(*) FILTER (WHERE "c1") AS "a2",
    sum("v2") FILTER (WHERE "c3") AS "a3",
    sum("v2") AS "a4_sum",
    count("v2") AS "a4_count",
    bool_or("v4") AS "a5",
    min("v5") AS "a6",
    kinfold_last("v6", "t7") AS "a7",
    max("t7") FILTER (WHERE "v6" IS NOT NULL) AS "a7_at",
    kinfold_first("v6", "t7") AS "a8",
    min("t7") FILTER (WHERE "v6" IS NOT NULL) AS "a8_at",
    count(*) FILTER (WHERE "c8") AS "a9"
  FROM
    "rows"
  GROUP BY
    "raw_user_id", "raw_email"
), "keyed" AS (
  SELECT
    kinfold_exact(CAST("raw_user_id" AS VARCHAR)) AS "id_user_id",
    CASE
      WHEN (kinfold_email(CAST("raw_email" AS VARCHAR)) IN (kinfold_email('Test@test.com'))) OR (CAST("raw_email" AS VARCHAR) ~ '^(null|n/?a)$') THEN
        NULL
      ELSE
        kinfold_email(CAST("raw_email" AS VARCHAR))
    END AS "id_email",
    "a0",
    "a1",
    "a2",
    "a3",
    "a4_sum",
    "a4_count",
    "a5",
    "a6",
    "a7",
    "a7_at",
    "a8",
    "a8_at",
    "a9"
  FROM
    "grouped"
), "known" AS (
  SELECT
    "identifier",
    "value",
    "profile_id"
  FROM
    "kinfold"."customer_identifiers" AS "i"
  WHERE
    "identifier" IN ('user_id', 'email')
), "owned" AS (
  SELECT
    "known"."profile_id" AS "profile_id",
    "keyed"."a0" AS "a0",
    "keyed"."a1" AS "a1",
    "keyed"."a2" AS "a2",
    "keyed"."a3" AS "a3",
    "keyed"."a4_sum" AS "a4_sum",
    "keyed"."a4_count" AS "a4_count",
    "keyed"."a5" AS "a5",
    "keyed"."a6" AS "a6",
    "keyed"."a7" AS "a7",
    "keyed"."a7_at" AS "a7_at",
    "keyed"."a8" AS "a8",
    "keyed"."a8_at" AS "a8_at",
    "keyed"."a9" AS "a9"
  FROM
    "keyed"
    JOIN "known" ON ("known"."identifier" = CASE WHEN "keyed"."id_user_id" IS NOT NULL THEN 'user_id' WHEN "keyed"."id_email" IS NOT NULL THEN 'email' END) AND ("known"."value" = coalesce("keyed"."id_user_id", "keyed"."id_email"))
)
SELECT
  "profile_id",
  sum("a0") AS "a0",
  CAST(sum("a1") AS BIGINT) AS "a1",
  CAST(sum("a2") AS BIGINT) AS "a2",
  sum("a3") AS "a3",
  CAST(sum("a4_sum") / nullif(sum("a4_count"), 0) AS DECIMAL(14,6)) AS "a4",
  bool_or("a5") AS "a5",
  min("a6") AS "a6",
  kinfold_last("a7", "a7_at") AS "a7",
  kinfold_first("a8", "a8_at") AS "a8",
  CAST(sum("a9") AS BIGINT) AS "a9"
FROM
  "owned"
GROUP BY
  "profile_id";

-- table _customer_2_events (Scratch)
WITH "keyed" AS (
  SELECT
    "id_user_id",
    "id_cookie",
    "a0_sum",
    "a0_count",
    "a1",
    "a2",
    "a2_at",
    "a3",
    "a3_at",
    "a4",
    "a5"
  FROM
    "kinfold"."_customer_2_events_rows" AS "k"
), "known" AS (
  SELECT
    "identifier",
    "value",
    "profile_id"
  FROM
    "kinfold"."customer_identifiers" AS "i"
  WHERE
    "identifier" IN ('user_id', 'cookie')
), "owned" AS (
  SELECT
    "known"."profile_id" AS "profile_id",
    "keyed"."a0_sum" AS "a0_sum",
    "keyed"."a0_count" AS "a0_count",
    "keyed"."a1" AS "a1",
    "keyed"."a2" AS "a2",
    "keyed"."a2_at" AS "a2_at",
    "keyed"."a3" AS "a3",
    "keyed"."a3_at" AS "a3_at",
    "keyed"."a4" AS "a4",
    "keyed"."a5" AS "a5"
  FROM
    "keyed"
    JOIN "known" ON ("known"."identifier" = CASE WHEN "keyed"."id_user_id" IS NOT NULL THEN 'user_id' WHEN "keyed"."id_cookie" IS NOT NULL THEN 'cookie' END) AND ("known"."value" = coalesce("keyed"."id_user_id", "keyed"."id_cookie"))
)
SELECT
  "profile_id",
  CAST(sum("a0_sum") AS DOUBLE PRECISION) / CAST(nullif(sum("a0_count"), 0) AS DOUBLE PRECISION) AS "a0",
  CAST(sum("a1") AS BIGINT) AS "a1",
  kinfold_last("a2", "a2_at") AS "a2",
  max("a2_at") AS "a2_at",
  kinfold_first("a3", "a3_at") AS "a3",
  min("a3_at") AS "a3_at",
  CAST(sum("a4") AS BIGINT) AS "a4",
  CAST(sum("a5") AS BIGINT) AS "a5"
FROM
  "owned"
GROUP BY
  "profile_id";

-- table _customer_3_paid_orders (Scratch)
WITH "rows" AS (
  SELECT
    "user_id" AS "raw_user_id",
    "email" AS "raw_email",
    "amount" AS "v0"
  FROM
    "kinfold"."paid_orders"
), "keyed" AS (
  SELECT
    kinfold_exact(CAST("raw_user_id" AS VARCHAR)) AS "id_user_id",
    CASE
      WHEN (kinfold_email(CAST("raw_email" AS VARCHAR)) IN (kinfold_email('Test@test.com'))) OR (CAST("raw_email" AS VARCHAR) ~ '^(null|n/?a)$') THEN
        NULL
      ELSE
        kinfold_email(CAST("raw_email" AS VARCHAR))
    END AS "id_email",
    "v0"
  FROM
    "rows"
), "known" AS (
  SELECT
    "identifier",
    "value",
    "profile_id"
  FROM
    "kinfold"."customer_identifiers" AS "i"
  WHERE
    "identifier" IN ('user_id', 'email')
), "owned" AS (
  SELECT
    "known"."profile_id" AS "profile_id",
    "keyed"."v0" AS "v0"
  FROM
    "keyed"
    JOIN "known" ON ("known"."identifier" = CASE WHEN "keyed"."id_user_id" IS NOT NULL THEN 'user_id' WHEN "keyed"."id_email" IS NOT NULL THEN 'email' END) AND ("known"."value" = coalesce("keyed"."id_user_id", "keyed"."id_email"))
)
SELECT
  "profile_id",
  CAST(percentile_cont(CAST(0.5 AS DOUBLE PRECISION)) WITHIN GROUP (ORDER BY CAST("v0" AS DOUBLE PRECISION)) AS DECIMAL(14,6)) AS "a0",
  CAST(percentile_cont(CAST(0.9 AS DOUBLE PRECISION)) WITHIN GROUP (ORDER BY CAST("v0" AS DOUBLE PRECISION)) AS DECIMAL(14,6)) AS "a1"
FROM
  "owned"
GROUP BY
  "profile_id";

-- table _customer_4_events (Scratch)
WITH "rows" AS (
  SELECT
    "user_id" AS "raw_user_id",
    "anonymous_id" AS "raw_cookie",
    "seconds" AS "v0"
  FROM
    "web"."events"
), "keyed" AS (
  SELECT
    kinfold_exact(CAST("raw_user_id" AS VARCHAR)) AS "id_user_id",
    kinfold_exact(CAST("raw_cookie" AS VARCHAR)) AS "id_cookie",
    "v0"
  FROM
    "rows"
), "known" AS (
  SELECT
    "identifier",
    "value",
    "profile_id"
  FROM
    "kinfold"."customer_identifiers" AS "i"
  WHERE
    "identifier" IN ('user_id', 'cookie')
), "owned" AS (
  SELECT
    "known"."profile_id" AS "profile_id",
    "keyed"."v0" AS "v0"
  FROM
    "keyed"
    JOIN "known" ON ("known"."identifier" = CASE WHEN "keyed"."id_user_id" IS NOT NULL THEN 'user_id' WHEN "keyed"."id_cookie" IS NOT NULL THEN 'cookie' END) AND ("known"."value" = coalesce("keyed"."id_user_id", "keyed"."id_cookie"))
)
SELECT
  "profile_id",
  percentile_cont(CAST(0.5 AS DOUBLE PRECISION)) WITHIN GROUP (ORDER BY CAST("v0" AS DOUBLE PRECISION)) AS "a0"
FROM
  "owned"
GROUP BY
  "profile_id";

-- table _customer_5_events (Scratch)
WITH "rows" AS (
  SELECT
    "user_id" AS "raw_user_id",
    "anonymous_id" AS "raw_cookie"
  FROM
    "web"."events"
), "grouped" AS (
  SELECT
    "raw_user_id",
    "raw_cookie",
    count(*) AS "a0"
  FROM
    "rows"
  GROUP BY
    "raw_user_id", "raw_cookie"
), "keyed" AS (
  SELECT
    kinfold_exact(CAST("raw_user_id" AS VARCHAR)) AS "id_user_id",
    kinfold_exact(CAST("raw_cookie" AS VARCHAR)) AS "id_cookie",
    "a0"
  FROM
    "grouped"
), "known_user_id" AS (
  SELECT
    "value",
    "profile_id"
  FROM
    "kinfold"."customer_identifiers" AS "i"
  WHERE
    "identifier" = 'user_id'
), "known_cookie" AS (
  SELECT
    "value",
    "profile_id"
  FROM
    "kinfold"."customer_identifiers" AS "i"
  WHERE
    "identifier" = 'cookie'
), "owned" AS (
  SELECT
    coalesce("known_user_id"."profile_id", "known_cookie"."profile_id") AS "profile_id",
    "keyed"."a0" AS "a0"
  FROM
    "keyed"
    LEFT JOIN "known_user_id" ON "known_user_id"."value" = "keyed"."id_user_id"
    LEFT JOIN "known_cookie" ON "known_cookie"."value" = "keyed"."id_cookie"
  WHERE
    coalesce("known_user_id"."profile_id", "known_cookie"."profile_id") IS NOT NULL
)
SELECT
  "profile_id",
  CAST(sum("a0") AS BIGINT) AS "a0"
FROM
  "owned"
GROUP BY
  "profile_id";

-- table _customer_6_paid_orders (Scratch)
WITH "counts" AS (
  WITH "rows" AS (
    SELECT
      "user_id" AS "raw_user_id",
      "email" AS "raw_email",
      "category" AS "value"
    FROM
      "kinfold"."paid_orders"
    WHERE
      "category" IS NOT NULL
  ), "grouped" AS (
    SELECT
      "raw_user_id",
      "raw_email",
      "value",
      count(*) AS "n"
    FROM
      "rows"
    GROUP BY
      "raw_user_id", "raw_email", "value"
  ), "keyed" AS (
    SELECT
      kinfold_exact(CAST("raw_user_id" AS VARCHAR)) AS "id_user_id",
      CASE
        WHEN (kinfold_email(CAST("raw_email" AS VARCHAR)) IN (kinfold_email('Test@test.com'))) OR (CAST("raw_email" AS VARCHAR) ~ '^(null|n/?a)$') THEN
          NULL
        ELSE
          kinfold_email(CAST("raw_email" AS VARCHAR))
      END AS "id_email",
      "value",
      "n"
    FROM
      "grouped"
  ), "known" AS (
    SELECT
      "identifier",
      "value",
      "profile_id"
    FROM
      "kinfold"."customer_identifiers" AS "i"
    WHERE
      "identifier" IN ('user_id', 'email')
  ), "owned" AS (
    SELECT
      "known"."profile_id" AS "profile_id",
      "keyed"."value" AS "value",
      "keyed"."n" AS "n"
    FROM
      "keyed"
      JOIN "known" ON ("known"."identifier" = CASE WHEN "keyed"."id_user_id" IS NOT NULL THEN 'user_id' WHEN "keyed"."id_email" IS NOT NULL THEN 'email' END) AND ("known"."value" = coalesce("keyed"."id_user_id", "keyed"."id_email"))
  )
  SELECT
    "profile_id",
    "value",
    "n"
  FROM
    "owned"
), "totals" AS (
  SELECT
    "profile_id",
    "value",
    CAST(sum("n") AS BIGINT) AS "n"
  FROM
    "counts"
  GROUP BY
    "profile_id", "value"
)
SELECT
  "profile_id",
  count(*) AS "distinct"
FROM
  "totals"
GROUP BY
  "profile_id";

-- table _customer_7_paid_orders (Scratch)
WITH "counts" AS (
  WITH "rows" AS (
    SELECT
      "user_id" AS "raw_user_id",
      "email" AS "raw_email",
      "category" AS "value"
    FROM
      "kinfold"."paid_orders"
    WHERE
      ((CAST("ordered_at" AS TIMESTAMP(6) WITH TIME ZONE) > TIMESTAMP(6) WITH TIME ZONE '2025-03-01T00:00:00Z') AND (CAST("ordered_at" AS TIMESTAMP(6) WITH TIME ZONE) <= TIMESTAMP(6) WITH TIME ZONE '2026-03-01T00:00:00Z')) AND ("category" IS NOT NULL)
  ), "grouped" AS (
    SELECT
      "raw_user_id",
      "raw_email",
      "value",
      count(*) AS "n"
    FROM
      "rows"
    GROUP BY
      "raw_user_id", "raw_email", "value"
  ), "keyed" AS (
    SELECT
      kinfold_exact(CAST("raw_user_id" AS VARCHAR)) AS "id_user_id",
      CASE
        WHEN (kinfold_email(CAST("raw_email" AS VARCHAR)) IN (kinfold_email('Test@test.com'))) OR (CAST("raw_email" AS VARCHAR) ~ '^(null|n/?a)$') THEN
          NULL
        ELSE
          kinfold_email(CAST("raw_email" AS VARCHAR))
      END AS "id_email",
      "value",
      "n"
    FROM
      "grouped"
  ), "known" AS (
    SELECT
      "identifier",
      "value",
      "profile_id"
    FROM
      "kinfold"."customer_identifiers" AS "i"
    WHERE
      "identifier" IN ('user_id', 'email')
  ), "owned" AS (
    SELECT
      "known"."profile_id" AS "profile_id",
      "keyed"."value" AS "value",
      "keyed"."n" AS "n"
    FROM
      "keyed"
      JOIN "known" ON ("known"."identifier" = CASE WHEN "keyed"."id_user_id" IS NOT NULL THEN 'user_id' WHEN "keyed"."id_email" IS NOT NULL THEN 'email' END) AND ("known"."value" = coalesce("keyed"."id_user_id", "keyed"."id_email"))
  )
  SELECT
    "profile_id",
    "value",
    "n"
  FROM
    "owned"
), "totals" AS (
  SELECT
    "profile_id",
    "value",
    CAST(sum("n") AS BIGINT) AS "n"
  FROM
    "counts"
  GROUP BY
    "profile_id", "value"
)
SELECT
  "profile_id",
  kinfold_last("value", "n") AS "most"
FROM
  "totals"
GROUP BY
  "profile_id";

-- table _customer_8_events (Scratch)
WITH "counts" AS (
  WITH "rows" AS (
    SELECT
      "user_id" AS "raw_user_id",
      "anonymous_id" AS "raw_cookie",
      "page" AS "value"
    FROM
      "web"."events"
    WHERE
      ("seconds" > 5 OR "type" = 'read') AND ("page" IS NOT NULL)
  ), "grouped" AS (
    SELECT
      "raw_user_id",
      "raw_cookie",
      "value",
      count(*) AS "n"
    FROM
      "rows"
    GROUP BY
      "raw_user_id", "raw_cookie", "value"
  ), "keyed" AS (
    SELECT
      kinfold_exact(CAST("raw_user_id" AS VARCHAR)) AS "id_user_id",
      kinfold_exact(CAST("raw_cookie" AS VARCHAR)) AS "id_cookie",
      "value",
      "n"
    FROM
      "grouped"
  ), "known" AS (
    SELECT
      "identifier",
      "value",
      "profile_id"
    FROM
      "kinfold"."customer_identifiers" AS "i"
    WHERE
      "identifier" IN ('user_id', 'cookie')
  ), "owned" AS (
    SELECT
      "known"."profile_id" AS "profile_id",
      "keyed"."value" AS "value",
      "keyed"."n" AS "n"
    FROM
      "keyed"
      JOIN "known" ON ("known"."identifier" = CASE WHEN "keyed"."id_user_id" IS NOT NULL THEN 'user_id' WHEN "keyed"."id_cookie" IS NOT NULL THEN 'cookie' END) AND ("known"."value" = coalesce("keyed"."id_user_id", "keyed"."id_cookie"))
  )
  SELECT
    "profile_id",
    "value",
    "n"
  FROM
    "owned"
), "totals" AS (
  SELECT
    "profile_id",
    "value",
    CAST(sum("n") AS BIGINT) AS "n"
  FROM
    "counts"
  GROUP BY
    "profile_id", "value"
)
SELECT
  "profile_id",
  (array_agg("value" ORDER BY "n" DESC NULLS LAST, "value"))[1:3] AS "top_3"
FROM
  "totals"
GROUP BY
  "profile_id";

-- table _customer_9_contacts (Scratch)
WITH "keyed" AS (
  SELECT
    "id_crm_id",
    "id_email",
    "id_phone",
    "a0",
    "a0_at",
    "a1",
    "a1_at",
    "a2",
    "a2_at",
    "a3",
    "a3_at"
  FROM
    "kinfold"."_customer_9_contacts_rows" AS "k"
), "known" AS (
  SELECT
    "identifier",
    "value",
    "profile_id"
  FROM
    "kinfold"."customer_identifiers" AS "i"
  WHERE
    "identifier" IN ('crm_id', 'email', 'phone')
), "owned" AS (
  SELECT
    "known"."profile_id" AS "profile_id",
    "keyed"."a0" AS "a0",
    "keyed"."a0_at" AS "a0_at",
    "keyed"."a1" AS "a1",
    "keyed"."a1_at" AS "a1_at",
    "keyed"."a2" AS "a2",
    "keyed"."a2_at" AS "a2_at",
    "keyed"."a3" AS "a3",
    "keyed"."a3_at" AS "a3_at"
  FROM
    "keyed"
    JOIN "known" ON ("known"."identifier" = CASE WHEN "keyed"."id_crm_id" IS NOT NULL THEN 'crm_id' WHEN "keyed"."id_email" IS NOT NULL THEN 'email' WHEN "keyed"."id_phone" IS NOT NULL THEN 'phone' END) AND ("known"."value" = coalesce("keyed"."id_crm_id", "keyed"."id_email", "keyed"."id_phone"))
)
SELECT
  "profile_id",
  kinfold_last("a0", "a0_at") AS "a0",
  kinfold_last("a1", "a1_at") AS "a1",
  max("a1_at") AS "a1_at",
  kinfold_first("a2", "a2_at") AS "a2",
  min("a2_at") AS "a2_at",
  kinfold_last("a3", "a3_at") AS "a3"
FROM
  "owned"
GROUP BY
  "profile_id";

-- table _customer_10_contacts (Scratch)
WITH "counts" AS (
  SELECT
    "profile_id",
    "value",
    "n"
  FROM
    (
      WITH "rows" AS (
        SELECT
          "id" AS "raw_crm_id",
          "email" AS "raw_email",
          "phone" AS "raw_phone",
          "country" AS "value"
        FROM
          "crm"."contacts"
        WHERE
          "country" IS NOT NULL
      ), "grouped" AS (
        SELECT
          "raw_crm_id",
          "raw_email",
          "raw_phone",
          "value",
          count(*) AS "n"
        FROM
          "rows"
        GROUP BY
          "raw_crm_id", "raw_email", "raw_phone", "value"
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
          "value",
          "n"
        FROM
          "grouped"
      ), "known" AS (
        SELECT
          "identifier",
          "value",
          "profile_id"
        FROM
          "kinfold"."customer_identifiers" AS "i"
        WHERE
          "identifier" IN ('crm_id', 'email', 'phone')
      ), "owned" AS (
        SELECT
          "known"."profile_id" AS "profile_id",
          "keyed"."value" AS "value",
          "keyed"."n" AS "n"
        FROM
          "keyed"
          JOIN "known" ON ("known"."identifier" = CASE WHEN "keyed"."id_crm_id" IS NOT NULL THEN 'crm_id' WHEN "keyed"."id_email" IS NOT NULL THEN 'email' WHEN "keyed"."id_phone" IS NOT NULL THEN 'phone' END) AND ("known"."value" = coalesce("keyed"."id_crm_id", "keyed"."id_email", "keyed"."id_phone"))
      )
      SELECT
        "profile_id",
        "value",
        "n"
      FROM
        "owned"
    ) AS "part"
  UNION ALL
  SELECT
    "profile_id",
    "value",
    "n"
  FROM
    (
      WITH "rows" AS (
        SELECT
          "user_id" AS "raw_user_id",
          "anonymous_id" AS "raw_cookie",
          "country" AS "value"
        FROM
          "web"."events"
        WHERE
          "country" IS NOT NULL
      ), "grouped" AS (
        SELECT
          "raw_user_id",
          "raw_cookie",
          "value",
          count(*) AS "n"
        FROM
          "rows"
        GROUP BY
          "raw_user_id", "raw_cookie", "value"
      ), "keyed" AS (
        SELECT
          kinfold_exact(CAST("raw_user_id" AS VARCHAR)) AS "id_user_id",
          kinfold_exact(CAST("raw_cookie" AS VARCHAR)) AS "id_cookie",
          "value",
          "n"
        FROM
          "grouped"
      ), "known" AS (
        SELECT
          "identifier",
          "value",
          "profile_id"
        FROM
          "kinfold"."customer_identifiers" AS "i"
        WHERE
          "identifier" IN ('user_id', 'cookie')
      ), "owned" AS (
        SELECT
          "known"."profile_id" AS "profile_id",
          "keyed"."value" AS "value",
          "keyed"."n" AS "n"
        FROM
          "keyed"
          JOIN "known" ON ("known"."identifier" = CASE WHEN "keyed"."id_user_id" IS NOT NULL THEN 'user_id' WHEN "keyed"."id_cookie" IS NOT NULL THEN 'cookie' END) AND ("known"."value" = coalesce("keyed"."id_user_id", "keyed"."id_cookie"))
      )
      SELECT
        "profile_id",
        "value",
        "n"
      FROM
        "owned"
    ) AS "part"
), "totals" AS (
  SELECT
    "profile_id",
    "value",
    CAST(sum("n") AS BIGINT) AS "n"
  FROM
    "counts"
  GROUP BY
    "profile_id", "value"
)
SELECT
  "profile_id",
  kinfold_last("value", "n") AS "most"
FROM
  "totals"
GROUP BY
  "profile_id";

-- table customer (Replace)
WITH "traits_0" AS (
  SELECT
    "p"."profile_id" AS "profile_id",
    CAST(coalesce("s1"."a0", 8.05) AS DECIMAL(21,2)) AS "lifetime_value",
    CAST(coalesce("s1"."a1", 0) AS BIGINT) AS "orders",
    CAST(coalesce("s1"."a2", 0) AS BIGINT) AS "orders_90d",
    CAST("s1"."a3" AS DECIMAL(20,2)) AS "spent_2025",
    CAST(round("s1"."a4", 2) AS DECIMAL(14,6)) AS "basket",
    CAST("s2"."a0" AS DOUBLE PRECISION) AS "visit_seconds",
    CAST("s2"."a0" AS DECIMAL(5,2)) AS "visit_score",
    CAST(coalesce("s2"."a1", 0) AS BIGINT) AS "all_seconds",
    CAST("s3"."a0" AS DECIMAL(14,6)) AS "median_basket",
    CAST("s3"."a1" AS DECIMAL(14,6)) AS "p90_basket",
    CAST("s4"."a0" AS DOUBLE PRECISION) AS "median_visit",
    "s1"."a5" AS "ever_free",
    CAST(coalesce("s5"."a0", 0) AS BIGINT) AS "visits_by_any",
    CAST(coalesce("s6"."distinct", 0) AS BIGINT) AS "categories",
    CAST("s1"."a6" AS TIMESTAMP(6) WITH TIME ZONE) AS "first_order_at",
    "s1"."a7" AS "last_category",
    "s1"."a8" AS "first_category",
    "s7"."most" AS "favourite_category",
    "s8"."top_3" AS "top_pages",
    "s9"."a0" AS "first_name",
    CASE greatest("s9"."a1_at", "s2"."a2_at")
      WHEN "s9"."a1_at" THEN
        "s9"."a1"
      WHEN "s2"."a2_at" THEN
        "s2"."a2"
      ELSE
        coalesce("s9"."a1", "s2"."a2")
    END AS "country",
    CASE least("s9"."a2_at", "s2"."a3_at")
      WHEN "s9"."a2_at" THEN
        "s9"."a2"
      WHEN "s2"."a3_at" THEN
        "s2"."a3"
      ELSE
        coalesce("s9"."a2", "s2"."a3")
    END AS "first_country",
    "s10"."most" AS "home_country",
    coalesce("s9"."a3", "s9"."a0") AS "called"
  FROM
    "kinfold"."_customer_profiles" AS "p"
    LEFT JOIN "kinfold"."_customer_1_paid_orders" AS "s1" ON "s1"."profile_id" = "p"."profile_id"
    LEFT JOIN "kinfold"."_customer_2_events" AS "s2" ON "s2"."profile_id" = "p"."profile_id"
    LEFT JOIN "kinfold"."_customer_3_paid_orders" AS "s3" ON "s3"."profile_id" = "p"."profile_id"
    LEFT JOIN "kinfold"."_customer_4_events" AS "s4" ON "s4"."profile_id" = "p"."profile_id"
    LEFT JOIN "kinfold"."_customer_5_events" AS "s5" ON "s5"."profile_id" = "p"."profile_id"
    LEFT JOIN "kinfold"."_customer_6_paid_orders" AS "s6" ON "s6"."profile_id" = "p"."profile_id"
    LEFT JOIN "kinfold"."_customer_7_paid_orders" AS "s7" ON "s7"."profile_id" = "p"."profile_id"
    LEFT JOIN "kinfold"."_customer_8_events" AS "s8" ON "s8"."profile_id" = "p"."profile_id"
    LEFT JOIN "kinfold"."_customer_9_contacts" AS "s9" ON "s9"."profile_id" = "p"."profile_id"
    LEFT JOIN "kinfold"."_customer_10_contacts" AS "s10" ON "s10"."profile_id" = "p"."profile_id"
), "traits_1" AS (
  SELECT
    "traits_0".*,
    "lifetime_value" >= 500 AS "is_vip"
  FROM
    "traits_0"
), "traits_2" AS (
  SELECT
    "traits_1".*,
    CASE
      WHEN "is_vip" THEN
        'gold'
      ELSE
        'basic'
    END AS "tier"
  FROM
    "traits_1"
)
SELECT
  "profile_id",
  "is_vip",
  "lifetime_value",
  "orders",
  "orders_90d",
  "spent_2025",
  "basket",
  "visit_seconds",
  "visit_score",
  "all_seconds",
  "median_basket",
  "p90_basket",
  "median_visit",
  "ever_free",
  "visits_by_any",
  "categories",
  "first_order_at",
  "last_category",
  "first_category",
  "favourite_category",
  "top_pages",
  "first_name",
  "country",
  "first_country",
  "home_country",
  "called",
  "tier"
FROM
  "traits_2";

-- table customer_segments (Replace)
WITH "layer_0" AS (
  SELECT
    "c"."profile_id" AS "profile_id",
    "c"."basket" AS "basket",
    "c"."called" AS "called",
    "c"."country" AS "country",
    "c"."first_order_at" AS "first_order_at",
    "c"."is_vip" AS "is_vip",
    "c"."lifetime_value" AS "lifetime_value",
    "c"."orders" AS "orders",
    "c"."spent_2025" AS "spent_2025",
    "c"."tier" AS "tier",
    "c"."top_pages" AS "top_pages",
    CASE
      WHEN abs("c"."visit_seconds") < CAST('Infinity' AS DOUBLE PRECISION) THEN
        "c"."visit_seconds"
    END AS "visit_seconds",
    coalesce("s2"."a4", 0) AS "_rows_1",
    coalesce("s1"."a9", 0) AS "_rows_2",
    coalesce("s2"."a5", 0) AS "_rows_3"
  FROM
    "kinfold"."customer" AS "c"
    LEFT JOIN "kinfold"."_customer_1_paid_orders" AS "s1" ON "s1"."profile_id" = "c"."profile_id"
    LEFT JOIN "kinfold"."_customer_2_events" AS "s2" ON "s2"."profile_id" = "c"."profile_id"
), "layer_1" AS (
  SELECT
    "layer_0".*,
    ("called" LIKE '%@acme%') IS TRUE AS "_in_1",
    ("_rows_1" >= 3) OR (('/blog' = ANY("top_pages")) IS TRUE) OR ((strpos("called", 'O''') > 0) IS TRUE) AS "_in_2",
    (("orders" > 0) IS TRUE) AND ("lifetime_value" IS NOT NULL) AS "_candidate_4",
    CASE
      WHEN abs(ln("orders")) < CAST('Infinity' AS DOUBLE PRECISION) THEN
        ln("orders")
    END AS "_by_5",
    (("orders" > 3 AND "is_vip") IS TRUE) AND (("country" NOT IN ('US')) IS TRUE) AND (("country" <> 'FR') IS TRUE) AND (("first_order_at" < TIMESTAMP(6) WITH TIME ZONE '2026-01-01T00:00:00Z') IS TRUE) AND (("basket" BETWEEN 10 AND 20.5) IS TRUE) AND (("is_vip" = true) IS TRUE) AND (("visit_seconds" >= CAST(8.05 AS DOUBLE PRECISION)) IS TRUE) AND ("tier" IS NOT NULL) AND (("spent_2025" <= (-1)) IS TRUE) AS "_in_6"
  FROM
    "layer_0"
), "layer_2" AS (
  SELECT
    "layer_1".*,
    ((("lifetime_value" >= 499.50) IS TRUE) AND (("_rows_2" >= 2) AND ("_rows_2" <= 10)) AND (NOT ("_rows_3" >= 1)) AND ((("country" IN ('TR', 'DE')) IS TRUE) OR "_in_2")) AND (NOT "_in_1") AS "_in_3",
    row_number() OVER (
      PARTITION BY "_candidate_4"
      ORDER BY "lifetime_value" DESC NULLS LAST, "profile_id"
    ) AS "_rank_4"
  FROM
    "layer_1"
), "layer_3" AS (
  SELECT
    "layer_2".*,
    "_candidate_4" AND ("_rank_4" <= 100) AS "_in_4"
  FROM
    "layer_2"
), "layer_4" AS (
  SELECT
    "layer_3".*,
    ((NOT ("country" IS NULL)) AND (NOT "_in_4")) AND ("_by_5" IS NOT NULL) AS "_candidate_5"
  FROM
    "layer_3"
), "layer_5" AS (
  SELECT
    "layer_4".*,
    row_number() OVER (
      PARTITION BY "_candidate_5"
      ORDER BY "_by_5" DESC NULLS LAST, "profile_id"
    ) AS "_rank_5",
    count(*) OVER (
      PARTITION BY "_candidate_5"
    ) AS "_total_5"
  FROM
    "layer_4"
), "layer_6" AS (
  SELECT
    "layer_5".*,
    "_candidate_5" AND ((("_rank_5" - 1) * 1000) < ("_total_5" * 125)) AS "_in_5"
  FROM
    "layer_5"
), "matched" AS (
  SELECT
    "profile_id",
    array_compact(ARRAY[CASE WHEN "_in_1" THEN 'employees' END, CASE WHEN "_in_2" THEN 'readers' END, CASE WHEN "_in_3" THEN 'vip_at_risk' END, CASE WHEN "_in_4" THEN 'best_100' END, CASE WHEN "_in_5" THEN 'next_best' END, CASE WHEN "_in_6" THEN 'odd' END]) AS "segments"
  FROM
    "layer_6"
  WHERE
    "_in_1" OR "_in_2" OR "_in_3" OR "_in_4" OR "_in_5" OR "_in_6"
), "members" AS (
  SELECT
    unnest("segments") AS "segment",
    "profile_id"
  FROM
    "matched"
)
SELECT
  "members"."segment" AS "segment",
  "members"."profile_id" AS "profile_id",
  CAST(NULL AS VARCHAR) AS "arm",
  coalesce("p"."entered_at", TIMESTAMP(6) WITH TIME ZONE '2026-03-01T00:00:00Z') AS "entered_at"
FROM
  "members"
  LEFT JOIN "previous"."customer_segments" AS "p" ON ("p"."segment" = "members"."segment") AND ("p"."profile_id" = "members"."profile_id");

-- table customer_segment_changes (Append)
SELECT
  coalesce("now"."segment", "before"."segment") AS "segment",
  coalesce("now"."profile_id", "before"."profile_id") AS "profile_id",
  CASE
    WHEN "before"."profile_id" IS NULL THEN
      'entered'
    ELSE
      'left'
  END AS "change",
  '20260301T000000Z-00000000' AS "run_id",
  TIMESTAMP(6) WITH TIME ZONE '2026-03-01T00:00:00Z' AS "at"
FROM
  "kinfold"."customer_segments" AS "now"
  FULL JOIN "previous"."customer_segments" AS "before" ON ("now"."segment" = "before"."segment") AND ("now"."profile_id" = "before"."profile_id")
WHERE
  ("before"."profile_id" IS NULL) OR ("now"."profile_id" IS NULL);

