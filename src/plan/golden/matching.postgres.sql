-- _customer_records
WITH "rows" AS (
  SELECT
    'crm_id' AS "_identifier",
    kinfold_digits(CAST("id" AS VARCHAR)) AS "_value",
    0 AS "_part",
    nullif(CAST(lower("name") AS VARCHAR), '') AS "first",
    nullif(CAST("family" AS VARCHAR), '') AS "last",
    CAST("born" AS DATE) AS "born",
    CAST("lat" AS DOUBLE PRECISION) AS "lat",
    CAST("lon" AS DOUBLE PRECISION) AS "lon",
    NULL AS "tags"
  FROM
    "crm"."contacts"
  UNION ALL
  SELECT
    'user_id' AS "_identifier",
    kinfold_exact(CAST("user_id" AS VARCHAR)) AS "_value",
    1 AS "_part",
    nullif(CAST("first" AS VARCHAR), '') AS "first",
    nullif(CAST("last" AS VARCHAR), '') AS "last",
    CAST("born" AS DATE) AS "born",
    CAST(NULL AS DOUBLE PRECISION) AS "lat",
    CAST(NULL AS DOUBLE PRECISION) AS "lon",
    CASE
      WHEN cardinality("tags") = 0 THEN
        NULL
      ELSE
        "tags"
    END AS "tags"
  FROM
    "kinfold"."paid_orders"
), "records" AS (
  SELECT
    "_identifier",
    "_value",
    "_part",
    "first",
    "last",
    "born",
    "lat",
    "lon",
    "tags"
  FROM
    "rows"
  WHERE
    "_value" IS NOT NULL
  GROUP BY
    "_identifier", "_value", "_part", "first", "last", "born", "lat", "lon", "tags"
), "keyed" AS (
  SELECT
    "_identifier",
    "_value",
    "_part",
    "first",
    "last",
    "born",
    "lat",
    "lon",
    "tags",
    CAST("born" AS VARCHAR) AS "_text_born",
    kinfold_key("last", "born") AS "_key_0",
    kinfold_key("born") AS "_key_1",
    kinfold_key(left("first", 3)) AS "_key_2",
    kinfold_key(md5(CAST(jsonb_build_array('0e5edb0ac9b2ac1b', "_part", "first", "last", "born", "lat", "lon", "tags") AS TEXT))) AS "_hash"
  FROM
    "records"
)
SELECT
  row_number() OVER (
    
  ) AS "_row",
  "_identifier",
  "_value",
  "_part",
  "first",
  "last",
  "born",
  "lat",
  "lon",
  "tags",
  "_text_born",
  "_key_0",
  "_key_1",
  "_key_2",
  "_hash"
FROM
  "keyed";

-- _customer_blocks
SELECT
  0 AS "_rule",
  "_key_0" AS "_key",
  count(*) AS "_n"
FROM
  "kinfold"."_customer_records" AS "r"
WHERE
  "_key_0" IS NOT NULL
GROUP BY
  "_key_0"
HAVING
  count(*) > 1
UNION ALL
SELECT
  2 AS "_rule",
  "_key_2" AS "_key",
  count(*) AS "_n"
FROM
  "kinfold"."_customer_records" AS "r"
WHERE
  "_key_2" IS NOT NULL
GROUP BY
  "_key_2"
HAVING
  count(*) > 1;

-- _customer_keys
WITH "keyed" AS (
  SELECT
    "_row",
    "_identifier",
    "_value",
    "_part",
    "first",
    "lat",
    "_key_0",
    "_key_1",
    "_key_2",
    "first" AS "_key_1_0_l",
    "last" AS "_key_1_0_r",
    "last" AS "_key_1_1_l",
    "first" AS "_key_1_1_r"
  FROM
    "kinfold"."_customer_records" AS "r"
), "_frequency_0" AS (
  SELECT
    "first" AS "_of",
    CAST(count(*) AS DOUBLE PRECISION) / CAST(sum(count(*)) OVER () AS DOUBLE PRECISION) AS "_share"
  FROM
    "kinfold"."_customer_records" AS "r"
  WHERE
    "first" IS NOT NULL
  GROUP BY
    "first"
), "with__frequency_0" AS (
  SELECT
    "keyed"."_row" AS "_row",
    "keyed"."_identifier" AS "_identifier",
    "keyed"."_value" AS "_value",
    "keyed"."_part" AS "_part",
    "keyed"."first" AS "first",
    "keyed"."lat" AS "lat",
    "keyed"."_key_0" AS "_key_0",
    "keyed"."_key_1" AS "_key_1",
    "keyed"."_key_2" AS "_key_2",
    "keyed"."_key_1_0_l" AS "_key_1_0_l",
    "keyed"."_key_1_0_r" AS "_key_1_0_r",
    "keyed"."_key_1_1_l" AS "_key_1_1_l",
    "keyed"."_key_1_1_r" AS "_key_1_1_r",
    "_frequency_0"."_share" AS "_frequency_0"
  FROM
    "_frequency_0"
    RIGHT JOIN "keyed" ON "_frequency_0"."_of" = "keyed"."first"
), "common_key_0" AS (
  SELECT
    "_key"
  FROM
    "kinfold"."_customer_blocks" AS "b"
  WHERE
    ("_rule" = 0) AND ("_n" > 500)
), "with_common_key_0" AS (
  SELECT
    "with__frequency_0"."_row" AS "_row",
    "with__frequency_0"."_identifier" AS "_identifier",
    "with__frequency_0"."_value" AS "_value",
    "with__frequency_0"."_part" AS "_part",
    "with__frequency_0"."first" AS "first",
    "with__frequency_0"."lat" AS "lat",
    "with__frequency_0"."_key_1" AS "_key_1",
    "with__frequency_0"."_key_2" AS "_key_2",
    "with__frequency_0"."_key_1_0_l" AS "_key_1_0_l",
    "with__frequency_0"."_key_1_0_r" AS "_key_1_0_r",
    "with__frequency_0"."_key_1_1_l" AS "_key_1_1_l",
    "with__frequency_0"."_key_1_1_r" AS "_key_1_1_r",
    "with__frequency_0"."_frequency_0" AS "_frequency_0",
    CASE
      WHEN "common_key_0"."_key" IS NULL THEN
        "with__frequency_0"."_key_0"
    END AS "_key_0"
  FROM
    "common_key_0"
    RIGHT JOIN "with__frequency_0" ON "common_key_0"."_key" = "with__frequency_0"."_key_0"
), "common_key_2" AS (
  SELECT
    "_key"
  FROM
    "kinfold"."_customer_blocks" AS "b"
  WHERE
    ("_rule" = 2) AND ("_n" > 500)
), "with_common_key_2" AS (
  SELECT
    "with_common_key_0"."_row" AS "_row",
    "with_common_key_0"."_identifier" AS "_identifier",
    "with_common_key_0"."_value" AS "_value",
    "with_common_key_0"."_part" AS "_part",
    "with_common_key_0"."first" AS "first",
    "with_common_key_0"."lat" AS "lat",
    "with_common_key_0"."_key_1" AS "_key_1",
    "with_common_key_0"."_key_1_0_l" AS "_key_1_0_l",
    "with_common_key_0"."_key_1_0_r" AS "_key_1_0_r",
    "with_common_key_0"."_key_1_1_l" AS "_key_1_1_l",
    "with_common_key_0"."_key_1_1_r" AS "_key_1_1_r",
    "with_common_key_0"."_frequency_0" AS "_frequency_0",
    "with_common_key_0"."_key_0" AS "_key_0",
    CASE
      WHEN "common_key_2"."_key" IS NULL THEN
        "with_common_key_0"."_key_2"
    END AS "_key_2"
  FROM
    "common_key_2"
    RIGHT JOIN "with_common_key_0" ON "common_key_2"."_key" = "with_common_key_0"."_key_2"
)
SELECT
  "_row",
  "_identifier",
  "_value",
  "_part",
  "first",
  "lat",
  "_key_1",
  "_key_1_0_l",
  "_key_1_0_r",
  "_key_1_1_l",
  "_key_1_1_r",
  "_frequency_0",
  "_key_0",
  "_key_2"
FROM
  "with_common_key_2";

-- at most 1000000 pairs
WITH "blocks_0" AS (
  SELECT
    ("_n" * ("_n" - 1)) / 2 AS "_pairs",
    "_key" AS "_words"
  FROM
    "kinfold"."_customer_blocks" AS "b"
  WHERE
    ("_rule" = 0) AND ("_n" <= 500)
), "summed_0" AS (
  SELECT
    coalesce(CAST(sum("_pairs") AS BIGINT), 0) AS "_all",
    (array_agg("_words" ORDER BY "_pairs" DESC NULLS LAST, "_words") FILTER (WHERE "_words" IS NOT NULL))[1] AS "_words",
    coalesce(CAST(max("_pairs") AS BIGINT), 0) AS "_most"
  FROM
    "blocks_0"
), "told_0" AS (
  SELECT
    "_all",
    "_most",
    min(coalesce(CAST("last" AS VARCHAR), '') || ', ' || coalesce(CAST("born" AS VARCHAR), '')) AS "_words"
  FROM
    "summed_0"
    LEFT JOIN "kinfold"."_customer_records" AS "r" ON "r"."_key_0" = "summed_0"."_words"
  GROUP BY
    "_all", "_most"
), "counted_1_0" AS (
  SELECT
    "_key_1" AS "_k0",
    "_key_1_0_l" AS "_k1",
    "_key_1_1_l" AS "_k2",
    count(*) AS "_n"
  FROM
    "kinfold"."_customer_keys" AS "r"
  WHERE
    ("_key_1" IS NOT NULL) AND ("_key_1_0_l" IS NOT NULL) AND ("_key_1_1_l" IS NOT NULL)
  GROUP BY
    "_key_1", "_key_1_0_l", "_key_1_1_l"
), "counted_1_1" AS (
  SELECT
    "_key_1" AS "_k0",
    "_key_1_0_r" AS "_k1",
    "_key_1_1_r" AS "_k2",
    count(*) AS "_n"
  FROM
    "kinfold"."_customer_keys" AS "r"
  WHERE
    ("_key_1" IS NOT NULL) AND ("_key_1_0_r" IS NOT NULL) AND ("_key_1_1_r" IS NOT NULL)
  GROUP BY
    "_key_1", "_key_1_0_r", "_key_1_1_r"
), "blocks_1" AS (
  SELECT
    "counted_1_0"."_n" * "counted_1_1"."_n" AS "_pairs",
    coalesce(CAST("counted_1_0"."_k1" AS VARCHAR), '') || ', ' || coalesce(CAST("counted_1_0"."_k2" AS VARCHAR), '') AS "_words"
  FROM
    "counted_1_0"
    JOIN "counted_1_1" ON ("counted_1_0"."_k0" = "counted_1_1"."_k0") AND ("counted_1_0"."_k1" = "counted_1_1"."_k1") AND ("counted_1_0"."_k2" = "counted_1_1"."_k2")
), "summed_1" AS (
  SELECT
    coalesce(CAST(sum("_pairs") AS BIGINT), 0) AS "_all",
    (array_agg("_words" ORDER BY "_pairs" DESC NULLS LAST, "_words") FILTER (WHERE "_words" IS NOT NULL))[1] AS "_words",
    coalesce(CAST(max("_pairs") AS BIGINT), 0) AS "_most"
  FROM
    "blocks_1"
), "blocks_2" AS (
  SELECT
    ("_n" * ("_n" - 1)) / 2 AS "_pairs",
    "_key" AS "_words"
  FROM
    "kinfold"."_customer_blocks" AS "b"
  WHERE
    ("_rule" = 2) AND ("_n" <= 500)
), "summed_2" AS (
  SELECT
    coalesce(CAST(sum("_pairs") AS BIGINT), 0) AS "_all",
    (array_agg("_words" ORDER BY "_pairs" DESC NULLS LAST, "_words") FILTER (WHERE "_words" IS NOT NULL))[1] AS "_words",
    coalesce(CAST(max("_pairs") AS BIGINT), 0) AS "_most"
  FROM
    "blocks_2"
), "told_2" AS (
  SELECT
    "_all",
    "_most",
    min(coalesce(CAST(left("first", 3) AS VARCHAR), '')) AS "_words"
  FROM
    "summed_2"
    LEFT JOIN "kinfold"."_customer_records" AS "r" ON "r"."_key_2" = "summed_2"."_words"
  GROUP BY
    "_all", "_most"
)
SELECT
  '"last", "born"' AS "rule",
  "_all" AS "pairs",
  "_words" AS "worst",
  "_most" AS "worst_pairs"
FROM
  "told_0"
UNION ALL
SELECT
  'swapped' AS "rule",
  "_all" AS "pairs",
  "_words" AS "worst",
  "_most" AS "worst_pairs"
FROM
  "summed_1"
UNION ALL
SELECT
  'left("first", 3)' AS "rule",
  "_all" AS "pairs",
  "_words" AS "worst",
  "_most" AS "worst_pairs"
FROM
  "told_2";

-- left out
SELECT
  '"last", "born"' AS "rule",
  count(*) AS "blocks",
  CAST(max("_n") AS BIGINT) AS "records"
FROM
  "kinfold"."_customer_blocks" AS "b"
WHERE
  ("_rule" = 0) AND ("_n" > 500)
UNION ALL
SELECT
  'left("first", 3)' AS "rule",
  count(*) AS "blocks",
  CAST(max("_n") AS BIGINT) AS "records"
FROM
  "kinfold"."_customer_blocks" AS "b"
WHERE
  ("_rule" = 2) AND ("_n" > 500);

-- _customer_pairs_0
SELECT
  "l"."_row" AS "_row_l",
  "r"."_row" AS "_row_r",
  "l"."_frequency_0" AS "_frequency_0"
FROM
  "kinfold"."_customer_keys" AS "l"
  JOIN "kinfold"."_customer_keys" AS "r" ON ("l"."_key_0" IS NOT NULL) AND ("r"."_key_0" IS NOT NULL) AND ("l"."_key_0" = "r"."_key_0") AND ((("l"."_part" < "r"."_part") OR (("l"."_part" = "r"."_part") AND ("l"."_value" < "r"."_value"))) AND (NOT (("l"."_identifier" = "r"."_identifier") AND ("l"."_value" = "r"."_value"))));

-- _customer_pairs_1
SELECT
  "l"."_row" AS "_row_l",
  "r"."_row" AS "_row_r",
  "l"."_frequency_0" AS "_frequency_0"
FROM
  "kinfold"."_customer_keys" AS "l"
  JOIN "kinfold"."_customer_keys" AS "r" ON ("l"."_key_1" IS NOT NULL) AND ("r"."_key_1" IS NOT NULL) AND ("l"."_key_1_0_l" IS NOT NULL) AND ("r"."_key_1_0_r" IS NOT NULL) AND ("l"."_key_1_1_l" IS NOT NULL) AND ("r"."_key_1_1_r" IS NOT NULL) AND (("l"."_key_1" = "r"."_key_1") AND ("l"."_key_1_0_l" = "r"."_key_1_0_r") AND ("l"."_key_1_1_l" = "r"."_key_1_1_r") AND ("l"."lat" < 5)) AND ((("l"."_part" < "r"."_part") OR (("l"."_part" = "r"."_part") AND ("l"."_value" < "r"."_value"))) AND (NOT (("l"."_identifier" = "r"."_identifier") AND ("l"."_value" = "r"."_value")))) AND (NOT coalesce("l"."_key_0" = "r"."_key_0", false));

-- _customer_pairs_2
SELECT
  "l"."_row" AS "_row_l",
  "r"."_row" AS "_row_r",
  "l"."_frequency_0" AS "_frequency_0"
FROM
  "kinfold"."_customer_keys" AS "l"
  JOIN "kinfold"."_customer_keys" AS "r" ON ("l"."_key_2" IS NOT NULL) AND ("r"."_key_2" IS NOT NULL) AND ("l"."_key_2" = "r"."_key_2") AND ((("l"."_part" < "r"."_part") OR (("l"."_part" = "r"."_part") AND ("l"."_value" < "r"."_value"))) AND (NOT (("l"."_identifier" = "r"."_identifier") AND ("l"."_value" = "r"."_value")))) AND (NOT coalesce("l"."_key_0" = "r"."_key_0", false)) AND (NOT coalesce(("l"."_key_1" = "r"."_key_1") AND ("l"."_key_1_0_l" = "r"."_key_1_0_r") AND ("l"."_key_1_1_l" = "r"."_key_1_1_r") AND ("l"."lat" < 5), false));

-- _customer_pairs
WITH "found" AS (
  SELECT
    "_row_l",
    "_row_r",
    "_frequency_0"
  FROM
    "kinfold"."_customer_pairs_0" AS "p"
  UNION ALL
  SELECT
    "_row_l",
    "_row_r",
    "_frequency_0"
  FROM
    "kinfold"."_customer_pairs_1" AS "p"
  UNION ALL
  SELECT
    "_row_l",
    "_row_r",
    "_frequency_0"
  FROM
    "kinfold"."_customer_pairs_2" AS "p"
), "records_l" AS (
  SELECT
    "r".*
  FROM
    "kinfold"."_customer_records" AS "r"
  WHERE
    "_row" IN (SELECT "_row_l" FROM "found" WHERE "_row_l" <> "_row_r")
), "records_r" AS (
  SELECT
    "r".*
  FROM
    "kinfold"."_customer_records" AS "r"
  WHERE
    "_row" IN (SELECT "_row_r" FROM "found" WHERE "_row_l" <> "_row_r")
), "pairs" AS (
  SELECT
    "l"."_identifier" AS "_identifier_l",
    "l"."_value" AS "_value_l",
    "r"."_identifier" AS "_identifier_r",
    "r"."_value" AS "_value_r",
    "l"."first" AS "_l_first",
    "r"."first" AS "_r_first",
    "l"."last" AS "_l_last",
    "r"."last" AS "_r_last",
    "l"."born" AS "_l_born",
    "r"."born" AS "_r_born",
    "l"."lat" AS "_l_lat",
    "r"."lat" AS "_r_lat",
    "l"."lon" AS "_l_lon",
    "r"."lon" AS "_r_lon",
    "l"."tags" AS "_l_tags",
    "r"."tags" AS "_r_tags",
    "l"."_text_born" AS "_l__text_born",
    "r"."_text_born" AS "_r__text_born",
    "found"."_frequency_0" AS "_frequency_0"
  FROM
    "found"
    JOIN "records_l" AS "l" ON "found"."_row_l" = "l"."_row"
    JOIN "records_r" AS "r" ON "found"."_row_r" = "r"."_row"
), "measured" AS (
  SELECT
    "_identifier_l",
    "_value_l",
    "_identifier_r",
    "_value_r",
    "_frequency_0",
    ("_l_first" IS NULL) OR ("_r_first" IS NULL) AS "_missing_0",
    "_l_first" = "_r_first" AS "_holds_0_0",
    jaro_winkler("_l_first", "_r_first", CAST(0.8 AS DOUBLE PRECISION)) AS "_jaro_winkler_0",
    ("_l_last" IS NULL) OR ("_r_last" IS NULL) AS "_missing_1",
    "_l_last" = "_r_last" AS "_holds_1_0",
    ("_l_last" = "_r_first") AND ("_l_first" = "_r_last") AS "_holds_1_1",
    (left("_l_last", 3) = left("_r_last", 3)) AND (length("_l_last") >= 3) AND (length("_r_last") >= 3) AS "_holds_1_2",
    (split_part("_l_last", '-', 1) = split_part("_r_last", '-', 1)) AND (split_part("_l_last", '-', 1) <> '') AS "_holds_1_3",
    CASE
      WHEN "_l_last" = "_r_last" THEN
        0
      ELSE
        levenshtein("_l_last", "_r_last")
    END AS "_levenshtein_1",
    "_l_first" LIKE "_r_last" AS "_holds_1_5",
    ("_l_born" IS NULL) OR ("_r_born" IS NULL) AS "_missing_2",
    "_l_born" = "_r_born" AS "_holds_2_0",
    day_month_swapped("_l_born", "_r_born") AS "_holds_2_1",
    damerau_levenshtein("_l__text_born", "_r__text_born", 1) AS "_damerau_levenshtein_2",
    abs(date_part('epoch', "_l_born") - date_part('epoch', "_r_born")) AS "_seconds_2",
    ("_l_lat" IS NULL) OR ("_r_lat" IS NULL) OR ("_l_lon" IS NULL) OR ("_r_lon" IS NULL) AS "_missing_3",
    distance_km(CAST("_l_lat" AS DOUBLE PRECISION), CAST("_l_lon" AS DOUBLE PRECISION), CAST("_r_lat" AS DOUBLE PRECISION), CAST("_r_lon" AS DOUBLE PRECISION)) AS "_km_3",
    ("_l_lat" IS NULL) OR ("_r_lat" IS NULL) AS "_missing_4",
    abs("_l_lat" - "_r_lat") - (CASE WHEN abs(abs("_l_lat") + abs("_r_lat")) < CAST('Infinity' AS DOUBLE PRECISION) THEN abs("_l_lat") + abs("_r_lat") END * CAST(2.3e-16 AS DOUBLE PRECISION)) AS "_difference_4",
    ("_l_tags" IS NULL) OR ("_r_tags" IS NULL) AS "_missing_5",
    cardinality(array_intersect("_l_tags", "_r_tags")) - CASE WHEN array_position(array_intersect("_l_tags", "_r_tags"), NULL) IS NULL THEN 0 ELSE 1 END AS "_common_5"
  FROM
    "pairs"
), "leveled" AS (
  SELECT
    "_identifier_l",
    "_value_l",
    "_identifier_r",
    "_value_r",
    "_frequency_0",
    CAST(CASE WHEN "_missing_0" THEN NULL WHEN "_holds_0_0" THEN 0 WHEN "_jaro_winkler_0" >= CAST(0.92 AS DOUBLE PRECISION) THEN 1 WHEN "_jaro_winkler_0" >= CAST(0.8 AS DOUBLE PRECISION) THEN 2 ELSE 3 END AS SMALLINT) AS "_level_0",
    CAST(CASE WHEN "_missing_1" THEN NULL WHEN "_holds_1_0" THEN 0 WHEN "_holds_1_1" THEN 1 WHEN "_holds_1_2" THEN 2 WHEN "_holds_1_3" THEN 3 WHEN "_levenshtein_1" <= 2 THEN 4 WHEN "_holds_1_5" THEN 5 ELSE 6 END AS SMALLINT) AS "_level_1",
    CAST(CASE WHEN "_missing_2" THEN NULL WHEN "_holds_2_0" THEN 0 WHEN "_holds_2_1" THEN 1 WHEN "_damerau_levenshtein_2" <= 1 THEN 2 WHEN "_seconds_2" <= 86400 THEN 3 ELSE 4 END AS SMALLINT) AS "_level_2",
    CAST(CASE WHEN "_missing_3" THEN NULL WHEN "_km_3" <= CAST(5 AS DOUBLE PRECISION) THEN 0 ELSE 1 END AS SMALLINT) AS "_level_3",
    CAST(CASE WHEN "_missing_4" THEN NULL WHEN "_difference_4" <= CAST(0.5 AS DOUBLE PRECISION) THEN 0 ELSE 1 END AS SMALLINT) AS "_level_4",
    CAST(CASE WHEN "_missing_5" THEN NULL WHEN "_common_5" >= 2 THEN 0 WHEN "_common_5" >= 1 THEN 1 ELSE 2 END AS SMALLINT) AS "_level_5"
  FROM
    "measured"
), "weighed" AS (
  SELECT
    "_identifier_l",
    "_value_l",
    "_identifier_r",
    "_value_r",
    "_level_0",
    "_level_1",
    "_level_2",
    "_level_3",
    "_level_4",
    "_level_5",
    "_frequency_0",
    kinfold_once((((((CAST(-9.964340867792 AS DOUBLE PRECISION) + CASE "_level_0" WHEN 0 THEN CAST(-1.000000000000 AS DOUBLE PRECISION) - log2("_frequency_0") WHEN 1 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 2 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 3 THEN CAST(1.000000000000 AS DOUBLE PRECISION) ELSE CAST(0.000000000000 AS DOUBLE PRECISION) END) + CASE "_level_1" WHEN 0 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 1 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 2 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 3 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 4 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 5 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 6 THEN CAST(1.000000000000 AS DOUBLE PRECISION) ELSE CAST(0.000000000000 AS DOUBLE PRECISION) END) + CASE "_level_2" WHEN 0 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 1 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 2 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 3 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 4 THEN CAST(1.000000000000 AS DOUBLE PRECISION) ELSE CAST(0.000000000000 AS DOUBLE PRECISION) END) + CASE "_level_3" WHEN 0 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 1 THEN CAST(1.000000000000 AS DOUBLE PRECISION) ELSE CAST(0.000000000000 AS DOUBLE PRECISION) END) + CASE "_level_4" WHEN 0 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 1 THEN CAST(1.000000000000 AS DOUBLE PRECISION) ELSE CAST(0.000000000000 AS DOUBLE PRECISION) END) + CASE "_level_5" WHEN 0 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 1 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 2 THEN CAST(1.000000000000 AS DOUBLE PRECISION) ELSE CAST(0.000000000000 AS DOUBLE PRECISION) END) AS "_weight"
  FROM
    "leveled"
), "likely" AS (
  SELECT
    "_identifier_l",
    "_value_l",
    "_identifier_r",
    "_value_r",
    ARRAY[CAST("_level_0" AS BIGINT), CAST("_level_1" AS BIGINT), CAST("_level_2" AS BIGINT), CAST("_level_3" AS BIGINT), CAST("_level_4" AS BIGINT), CAST("_level_5" AS BIGINT)] AS "_levels",
    ARRAY[CASE "_level_0" WHEN 0 THEN CAST(-1.000000000000 AS DOUBLE PRECISION) - log2("_frequency_0") WHEN 1 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 2 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 3 THEN CAST(1.000000000000 AS DOUBLE PRECISION) ELSE CAST(0.000000000000 AS DOUBLE PRECISION) END, CASE "_level_1" WHEN 0 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 1 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 2 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 3 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 4 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 5 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 6 THEN CAST(1.000000000000 AS DOUBLE PRECISION) ELSE CAST(0.000000000000 AS DOUBLE PRECISION) END, CASE "_level_2" WHEN 0 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 1 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 2 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 3 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 4 THEN CAST(1.000000000000 AS DOUBLE PRECISION) ELSE CAST(0.000000000000 AS DOUBLE PRECISION) END, CASE "_level_3" WHEN 0 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 1 THEN CAST(1.000000000000 AS DOUBLE PRECISION) ELSE CAST(0.000000000000 AS DOUBLE PRECISION) END, CASE "_level_4" WHEN 0 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 1 THEN CAST(1.000000000000 AS DOUBLE PRECISION) ELSE CAST(0.000000000000 AS DOUBLE PRECISION) END, CASE "_level_5" WHEN 0 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 1 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 2 THEN CAST(1.000000000000 AS DOUBLE PRECISION) ELSE CAST(0.000000000000 AS DOUBLE PRECISION) END] AS "_weights",
    "_weight" AS "_weight"
  FROM
    "weighed"
  WHERE
    "_weight" >= CAST(0.000000000000 AS DOUBLE PRECISION)
)
SELECT
  "_identifier_l",
  "_value_l",
  "_identifier_r",
  "_value_r",
  (array_agg("_levels" ORDER BY "_weight" DESC NULLS LAST, "_levels") FILTER (WHERE "_levels" IS NOT NULL))[1] AS "_levels",
  (array_agg("_weights" ORDER BY "_weight" DESC NULLS LAST, "_weights") FILTER (WHERE "_weights" IS NOT NULL))[1] AS "_weights",
  max("_weight") AS "_weight"
FROM
  "likely"
GROUP BY
  "_identifier_l", "_value_l", "_identifier_r", "_value_r";

-- customer_matches
SELECT
  "_identifier_l" AS "identifier_a",
  "_value_l" AS "value_a",
  "_identifier_r" AS "identifier_b",
  "_value_r" AS "value_b",
  "_weight" AS "weight",
  CAST(1.000000000000 AS DOUBLE PRECISION) / (CAST(1.000000000000 AS DOUBLE PRECISION) + power(CAST(2.000000000000 AS DOUBLE PRECISION), CAST(0.000000000000 AS DOUBLE PRECISION) - "_weight")) AS "probability",
  "_levels" AS "levels",
  "_weights" AS "weights"
FROM
  "kinfold"."_customer_pairs" AS "p"
WHERE
  "_weight" >= CAST(6.629356620080 AS DOUBLE PRECISION);

-- customer_review
SELECT
  "_identifier_l" AS "identifier_a",
  "_value_l" AS "value_a",
  "_identifier_r" AS "identifier_b",
  "_value_r" AS "value_b",
  "_weight" AS "weight",
  CAST(1.000000000000 AS DOUBLE PRECISION) / (CAST(1.000000000000 AS DOUBLE PRECISION) + power(CAST(2.000000000000 AS DOUBLE PRECISION), CAST(0.000000000000 AS DOUBLE PRECISION) - "_weight")) AS "probability",
  "_levels" AS "levels",
  "_weights" AS "weights"
FROM
  "kinfold"."_customer_pairs" AS "p"
WHERE
  "_weight" < CAST(6.629356620080 AS DOUBLE PRECISION);

-- customer_records
WITH "of_ids" AS (
  SELECT
    "_identifier",
    "_value",
    md5(CAST(jsonb_build_array(count(*), bit_xor("_hash")) AS TEXT)) AS "_hash"
  FROM
    "kinfold"."_customer_records" AS "r"
  GROUP BY
    "_identifier", "_value"
)
SELECT
  "_identifier" AS "identifier",
  "_value" AS "value",
  "_hash" AS "record_hash"
FROM
  "of_ids";

-- matches
SELECT
  "_identifier_l",
  "_value_l",
  "_identifier_r",
  "_value_r",
  "_weight" AS "weight"
FROM
  "kinfold"."_customer_pairs" AS "p"
WHERE
  "_weight" >= CAST(0.000000000000 AS DOUBLE PRECISION);

-- matches that changed
WITH "pairs" AS (
  SELECT
    "_identifier_l",
    "_value_l",
    "_identifier_r",
    "_value_r",
    "_weight" AS "weight",
    1 AS "times"
  FROM
    "kinfold"."_customer_pairs" AS "p"
  WHERE
    "_weight" >= CAST(0.000000000000 AS DOUBLE PRECISION)
  UNION ALL
  SELECT
    "identifier_a" AS "_identifier_l",
    "value_a" AS "_value_l",
    "identifier_b" AS "_identifier_r",
    "value_b" AS "_value_r",
    "weight",
    -1 AS "times"
  FROM
    "previous"."customer_matches" AS "b"
  WHERE
    "weight" >= CAST(0.000000000000 AS DOUBLE PRECISION)
  UNION ALL
  SELECT
    "identifier_a" AS "_identifier_l",
    "value_a" AS "_value_l",
    "identifier_b" AS "_identifier_r",
    "value_b" AS "_value_r",
    "weight",
    -1 AS "times"
  FROM
    "previous"."customer_review" AS "b"
  WHERE
    "weight" >= CAST(0.000000000000 AS DOUBLE PRECISION)
)
SELECT
  "_identifier_l",
  "_value_l",
  "_identifier_r",
  "_value_r",
  "weight",
  CAST(sum("times") AS BIGINT) AS "times"
FROM
  "pairs"
GROUP BY
  "_identifier_l", "_value_l", "_identifier_r", "_value_r", "weight"
HAVING
  sum("times") <> 0;

-- onward: _customer_keys
WITH "keyed" AS (
  SELECT
    "_row",
    "_identifier",
    "_value",
    "_part",
    "first",
    "lat",
    "_key_0",
    "_key_1",
    "_key_2",
    "first" AS "_key_1_0_l",
    "last" AS "_key_1_0_r",
    "last" AS "_key_1_1_l",
    "first" AS "_key_1_1_r"
  FROM
    "kinfold"."_customer_records" AS "r"
), "_frequency_0" AS (
  SELECT
    "first" AS "_of",
    CAST(count(*) AS DOUBLE PRECISION) / CAST(sum(count(*)) OVER () AS DOUBLE PRECISION) AS "_share"
  FROM
    "kinfold"."_customer_records" AS "r"
  WHERE
    "first" IS NOT NULL
  GROUP BY
    "first"
), "with__frequency_0" AS (
  SELECT
    "keyed"."_row" AS "_row",
    "keyed"."_identifier" AS "_identifier",
    "keyed"."_value" AS "_value",
    "keyed"."_part" AS "_part",
    "keyed"."first" AS "first",
    "keyed"."lat" AS "lat",
    "keyed"."_key_0" AS "_key_0",
    "keyed"."_key_1" AS "_key_1",
    "keyed"."_key_2" AS "_key_2",
    "keyed"."_key_1_0_l" AS "_key_1_0_l",
    "keyed"."_key_1_0_r" AS "_key_1_0_r",
    "keyed"."_key_1_1_l" AS "_key_1_1_l",
    "keyed"."_key_1_1_r" AS "_key_1_1_r",
    "_frequency_0"."_share" AS "_frequency_0"
  FROM
    "_frequency_0"
    RIGHT JOIN "keyed" ON "_frequency_0"."_of" = "keyed"."first"
), "common_key_0" AS (
  SELECT
    "_key"
  FROM
    "kinfold"."_customer_blocks" AS "b"
  WHERE
    ("_rule" = 0) AND ("_n" > 500)
), "with_common_key_0" AS (
  SELECT
    "with__frequency_0"."_row" AS "_row",
    "with__frequency_0"."_identifier" AS "_identifier",
    "with__frequency_0"."_value" AS "_value",
    "with__frequency_0"."_part" AS "_part",
    "with__frequency_0"."first" AS "first",
    "with__frequency_0"."lat" AS "lat",
    "with__frequency_0"."_key_1" AS "_key_1",
    "with__frequency_0"."_key_2" AS "_key_2",
    "with__frequency_0"."_key_1_0_l" AS "_key_1_0_l",
    "with__frequency_0"."_key_1_0_r" AS "_key_1_0_r",
    "with__frequency_0"."_key_1_1_l" AS "_key_1_1_l",
    "with__frequency_0"."_key_1_1_r" AS "_key_1_1_r",
    "with__frequency_0"."_frequency_0" AS "_frequency_0",
    CASE
      WHEN "common_key_0"."_key" IS NULL THEN
        "with__frequency_0"."_key_0"
    END AS "_key_0"
  FROM
    "common_key_0"
    RIGHT JOIN "with__frequency_0" ON "common_key_0"."_key" = "with__frequency_0"."_key_0"
), "common_key_2" AS (
  SELECT
    "_key"
  FROM
    "kinfold"."_customer_blocks" AS "b"
  WHERE
    ("_rule" = 2) AND ("_n" > 500)
), "with_common_key_2" AS (
  SELECT
    "with_common_key_0"."_row" AS "_row",
    "with_common_key_0"."_identifier" AS "_identifier",
    "with_common_key_0"."_value" AS "_value",
    "with_common_key_0"."_part" AS "_part",
    "with_common_key_0"."first" AS "first",
    "with_common_key_0"."lat" AS "lat",
    "with_common_key_0"."_key_1" AS "_key_1",
    "with_common_key_0"."_key_1_0_l" AS "_key_1_0_l",
    "with_common_key_0"."_key_1_0_r" AS "_key_1_0_r",
    "with_common_key_0"."_key_1_1_l" AS "_key_1_1_l",
    "with_common_key_0"."_key_1_1_r" AS "_key_1_1_r",
    "with_common_key_0"."_frequency_0" AS "_frequency_0",
    "with_common_key_0"."_key_0" AS "_key_0",
    CASE
      WHEN "common_key_2"."_key" IS NULL THEN
        "with_common_key_0"."_key_2"
    END AS "_key_2"
  FROM
    "common_key_2"
    RIGHT JOIN "with_common_key_0" ON "common_key_2"."_key" = "with_common_key_0"."_key_2"
), "before" AS (
  SELECT
    "identifier",
    "value",
    max("record_hash") AS "record_hash"
  FROM
    "previous"."customer_records" AS "b"
  GROUP BY
    "identifier", "value"
  HAVING
    count(*) = 1
), "of_ids" AS (
  SELECT
    "_identifier",
    "_value",
    md5(CAST(jsonb_build_array(count(*), bit_xor("_hash")) AS TEXT)) AS "_hash"
  FROM
    "kinfold"."_customer_records" AS "r"
  GROUP BY
    "_identifier", "_value"
), "fresh" AS (
  SELECT
    "of_ids"."_identifier" AS "_identifier",
    "of_ids"."_value" AS "_value",
    "before"."value" IS NULL AS "_fresh"
  FROM
    "before"
    RIGHT JOIN "of_ids" ON ("before"."identifier" = "of_ids"."_identifier") AND ("before"."value" = "of_ids"."_value") AND ("before"."record_hash" = "of_ids"."_hash")
), "with_fresh" AS (
  SELECT
    "with_common_key_2"."_row" AS "_row",
    "with_common_key_2"."_identifier" AS "_identifier",
    "with_common_key_2"."_value" AS "_value",
    "with_common_key_2"."_part" AS "_part",
    "with_common_key_2"."first" AS "first",
    "with_common_key_2"."lat" AS "lat",
    "with_common_key_2"."_key_1" AS "_key_1",
    "with_common_key_2"."_key_1_0_l" AS "_key_1_0_l",
    "with_common_key_2"."_key_1_0_r" AS "_key_1_0_r",
    "with_common_key_2"."_key_1_1_l" AS "_key_1_1_l",
    "with_common_key_2"."_key_1_1_r" AS "_key_1_1_r",
    "with_common_key_2"."_frequency_0" AS "_frequency_0",
    "with_common_key_2"."_key_0" AS "_key_0",
    "with_common_key_2"."_key_2" AS "_key_2",
    "fresh"."_fresh" AS "_fresh"
  FROM
    "fresh"
    RIGHT JOIN "with_common_key_2" ON ("fresh"."_identifier" = "with_common_key_2"."_identifier") AND ("fresh"."_value" = "with_common_key_2"."_value")
)
SELECT
  "_row",
  "_identifier",
  "_value",
  "_part",
  "first",
  "lat",
  "_key_1",
  "_key_1_0_l",
  "_key_1_0_r",
  "_key_1_1_l",
  "_key_1_1_r",
  "_frequency_0",
  "_key_0",
  "_key_2",
  "_fresh"
FROM
  "with_fresh";

-- onward: _customer_pairs_0
SELECT
  "l"."_row" AS "_row_l",
  "r"."_row" AS "_row_r",
  "l"."_frequency_0" AS "_frequency_0"
FROM
  "kinfold"."_customer_keys" AS "l"
  JOIN "kinfold"."_customer_keys" AS "r" ON ("l"."_key_0" IS NOT NULL) AND ("r"."_key_0" IS NOT NULL) AND ("l"."_key_0" = "r"."_key_0") AND ((("l"."_part" < "r"."_part") OR (("l"."_part" = "r"."_part") AND ("l"."_value" < "r"."_value"))) AND (NOT (("l"."_identifier" = "r"."_identifier") AND ("l"."_value" = "r"."_value"))))
WHERE
  "l"."_fresh"
UNION ALL
SELECT
  "l"."_row" AS "_row_l",
  "r"."_row" AS "_row_r",
  "l"."_frequency_0" AS "_frequency_0"
FROM
  "kinfold"."_customer_keys" AS "l"
  JOIN "kinfold"."_customer_keys" AS "r" ON ("l"."_key_0" IS NOT NULL) AND ("r"."_key_0" IS NOT NULL) AND ("l"."_key_0" = "r"."_key_0") AND ((("l"."_part" < "r"."_part") OR (("l"."_part" = "r"."_part") AND ("l"."_value" < "r"."_value"))) AND (NOT (("l"."_identifier" = "r"."_identifier") AND ("l"."_value" = "r"."_value"))))
WHERE
  (NOT "l"."_fresh") AND "r"."_fresh";

-- onward: _customer_pairs
WITH "found" AS (
  SELECT
    "_row_l",
    "_row_r",
    "_frequency_0"
  FROM
    "kinfold"."_customer_pairs_0" AS "p"
  UNION ALL
  SELECT
    "_row_l",
    "_row_r",
    "_frequency_0"
  FROM
    "kinfold"."_customer_pairs_1" AS "p"
  UNION ALL
  SELECT
    "_row_l",
    "_row_r",
    "_frequency_0"
  FROM
    "kinfold"."_customer_pairs_2" AS "p"
), "records_l" AS (
  SELECT
    "r".*
  FROM
    "kinfold"."_customer_records" AS "r"
  WHERE
    "_row" IN (SELECT "_row_l" FROM "found" WHERE "_row_l" <> "_row_r")
), "records_r" AS (
  SELECT
    "r".*
  FROM
    "kinfold"."_customer_records" AS "r"
  WHERE
    "_row" IN (SELECT "_row_r" FROM "found" WHERE "_row_l" <> "_row_r")
), "pairs" AS (
  SELECT
    "l"."_identifier" AS "_identifier_l",
    "l"."_value" AS "_value_l",
    "r"."_identifier" AS "_identifier_r",
    "r"."_value" AS "_value_r",
    "l"."first" AS "_l_first",
    "r"."first" AS "_r_first",
    "l"."last" AS "_l_last",
    "r"."last" AS "_r_last",
    "l"."born" AS "_l_born",
    "r"."born" AS "_r_born",
    "l"."lat" AS "_l_lat",
    "r"."lat" AS "_r_lat",
    "l"."lon" AS "_l_lon",
    "r"."lon" AS "_r_lon",
    "l"."tags" AS "_l_tags",
    "r"."tags" AS "_r_tags",
    "l"."_text_born" AS "_l__text_born",
    "r"."_text_born" AS "_r__text_born",
    "found"."_frequency_0" AS "_frequency_0"
  FROM
    "found"
    JOIN "records_l" AS "l" ON "found"."_row_l" = "l"."_row"
    JOIN "records_r" AS "r" ON "found"."_row_r" = "r"."_row"
), "measured" AS (
  SELECT
    "_identifier_l",
    "_value_l",
    "_identifier_r",
    "_value_r",
    "_frequency_0",
    ("_l_first" IS NULL) OR ("_r_first" IS NULL) AS "_missing_0",
    "_l_first" = "_r_first" AS "_holds_0_0",
    jaro_winkler("_l_first", "_r_first", CAST(0.8 AS DOUBLE PRECISION)) AS "_jaro_winkler_0",
    ("_l_last" IS NULL) OR ("_r_last" IS NULL) AS "_missing_1",
    "_l_last" = "_r_last" AS "_holds_1_0",
    ("_l_last" = "_r_first") AND ("_l_first" = "_r_last") AS "_holds_1_1",
    (left("_l_last", 3) = left("_r_last", 3)) AND (length("_l_last") >= 3) AND (length("_r_last") >= 3) AS "_holds_1_2",
    (split_part("_l_last", '-', 1) = split_part("_r_last", '-', 1)) AND (split_part("_l_last", '-', 1) <> '') AS "_holds_1_3",
    CASE
      WHEN "_l_last" = "_r_last" THEN
        0
      ELSE
        levenshtein("_l_last", "_r_last")
    END AS "_levenshtein_1",
    "_l_first" LIKE "_r_last" AS "_holds_1_5",
    ("_l_born" IS NULL) OR ("_r_born" IS NULL) AS "_missing_2",
    "_l_born" = "_r_born" AS "_holds_2_0",
    day_month_swapped("_l_born", "_r_born") AS "_holds_2_1",
    damerau_levenshtein("_l__text_born", "_r__text_born", 1) AS "_damerau_levenshtein_2",
    abs(date_part('epoch', "_l_born") - date_part('epoch', "_r_born")) AS "_seconds_2",
    ("_l_lat" IS NULL) OR ("_r_lat" IS NULL) OR ("_l_lon" IS NULL) OR ("_r_lon" IS NULL) AS "_missing_3",
    distance_km(CAST("_l_lat" AS DOUBLE PRECISION), CAST("_l_lon" AS DOUBLE PRECISION), CAST("_r_lat" AS DOUBLE PRECISION), CAST("_r_lon" AS DOUBLE PRECISION)) AS "_km_3",
    ("_l_lat" IS NULL) OR ("_r_lat" IS NULL) AS "_missing_4",
    abs("_l_lat" - "_r_lat") - (CASE WHEN abs(abs("_l_lat") + abs("_r_lat")) < CAST('Infinity' AS DOUBLE PRECISION) THEN abs("_l_lat") + abs("_r_lat") END * CAST(2.3e-16 AS DOUBLE PRECISION)) AS "_difference_4",
    ("_l_tags" IS NULL) OR ("_r_tags" IS NULL) AS "_missing_5",
    cardinality(array_intersect("_l_tags", "_r_tags")) - CASE WHEN array_position(array_intersect("_l_tags", "_r_tags"), NULL) IS NULL THEN 0 ELSE 1 END AS "_common_5"
  FROM
    "pairs"
), "leveled" AS (
  SELECT
    "_identifier_l",
    "_value_l",
    "_identifier_r",
    "_value_r",
    "_frequency_0",
    CAST(CASE WHEN "_missing_0" THEN NULL WHEN "_holds_0_0" THEN 0 WHEN "_jaro_winkler_0" >= CAST(0.92 AS DOUBLE PRECISION) THEN 1 WHEN "_jaro_winkler_0" >= CAST(0.8 AS DOUBLE PRECISION) THEN 2 ELSE 3 END AS SMALLINT) AS "_level_0",
    CAST(CASE WHEN "_missing_1" THEN NULL WHEN "_holds_1_0" THEN 0 WHEN "_holds_1_1" THEN 1 WHEN "_holds_1_2" THEN 2 WHEN "_holds_1_3" THEN 3 WHEN "_levenshtein_1" <= 2 THEN 4 WHEN "_holds_1_5" THEN 5 ELSE 6 END AS SMALLINT) AS "_level_1",
    CAST(CASE WHEN "_missing_2" THEN NULL WHEN "_holds_2_0" THEN 0 WHEN "_holds_2_1" THEN 1 WHEN "_damerau_levenshtein_2" <= 1 THEN 2 WHEN "_seconds_2" <= 86400 THEN 3 ELSE 4 END AS SMALLINT) AS "_level_2",
    CAST(CASE WHEN "_missing_3" THEN NULL WHEN "_km_3" <= CAST(5 AS DOUBLE PRECISION) THEN 0 ELSE 1 END AS SMALLINT) AS "_level_3",
    CAST(CASE WHEN "_missing_4" THEN NULL WHEN "_difference_4" <= CAST(0.5 AS DOUBLE PRECISION) THEN 0 ELSE 1 END AS SMALLINT) AS "_level_4",
    CAST(CASE WHEN "_missing_5" THEN NULL WHEN "_common_5" >= 2 THEN 0 WHEN "_common_5" >= 1 THEN 1 ELSE 2 END AS SMALLINT) AS "_level_5"
  FROM
    "measured"
), "weighed" AS (
  SELECT
    "_identifier_l",
    "_value_l",
    "_identifier_r",
    "_value_r",
    "_level_0",
    "_level_1",
    "_level_2",
    "_level_3",
    "_level_4",
    "_level_5",
    "_frequency_0",
    kinfold_once((((((CAST(-9.964340867792 AS DOUBLE PRECISION) + CASE "_level_0" WHEN 0 THEN CAST(-1.000000000000 AS DOUBLE PRECISION) - log2("_frequency_0") WHEN 1 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 2 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 3 THEN CAST(1.000000000000 AS DOUBLE PRECISION) ELSE CAST(0.000000000000 AS DOUBLE PRECISION) END) + CASE "_level_1" WHEN 0 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 1 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 2 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 3 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 4 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 5 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 6 THEN CAST(1.000000000000 AS DOUBLE PRECISION) ELSE CAST(0.000000000000 AS DOUBLE PRECISION) END) + CASE "_level_2" WHEN 0 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 1 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 2 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 3 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 4 THEN CAST(1.000000000000 AS DOUBLE PRECISION) ELSE CAST(0.000000000000 AS DOUBLE PRECISION) END) + CASE "_level_3" WHEN 0 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 1 THEN CAST(1.000000000000 AS DOUBLE PRECISION) ELSE CAST(0.000000000000 AS DOUBLE PRECISION) END) + CASE "_level_4" WHEN 0 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 1 THEN CAST(1.000000000000 AS DOUBLE PRECISION) ELSE CAST(0.000000000000 AS DOUBLE PRECISION) END) + CASE "_level_5" WHEN 0 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 1 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 2 THEN CAST(1.000000000000 AS DOUBLE PRECISION) ELSE CAST(0.000000000000 AS DOUBLE PRECISION) END) AS "_weight"
  FROM
    "leveled"
), "likely" AS (
  SELECT
    "_identifier_l",
    "_value_l",
    "_identifier_r",
    "_value_r",
    ARRAY[CAST("_level_0" AS BIGINT), CAST("_level_1" AS BIGINT), CAST("_level_2" AS BIGINT), CAST("_level_3" AS BIGINT), CAST("_level_4" AS BIGINT), CAST("_level_5" AS BIGINT)] AS "_levels",
    ARRAY[CASE "_level_0" WHEN 0 THEN CAST(-1.000000000000 AS DOUBLE PRECISION) - log2("_frequency_0") WHEN 1 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 2 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 3 THEN CAST(1.000000000000 AS DOUBLE PRECISION) ELSE CAST(0.000000000000 AS DOUBLE PRECISION) END, CASE "_level_1" WHEN 0 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 1 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 2 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 3 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 4 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 5 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 6 THEN CAST(1.000000000000 AS DOUBLE PRECISION) ELSE CAST(0.000000000000 AS DOUBLE PRECISION) END, CASE "_level_2" WHEN 0 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 1 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 2 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 3 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 4 THEN CAST(1.000000000000 AS DOUBLE PRECISION) ELSE CAST(0.000000000000 AS DOUBLE PRECISION) END, CASE "_level_3" WHEN 0 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 1 THEN CAST(1.000000000000 AS DOUBLE PRECISION) ELSE CAST(0.000000000000 AS DOUBLE PRECISION) END, CASE "_level_4" WHEN 0 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 1 THEN CAST(1.000000000000 AS DOUBLE PRECISION) ELSE CAST(0.000000000000 AS DOUBLE PRECISION) END, CASE "_level_5" WHEN 0 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 1 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 2 THEN CAST(1.000000000000 AS DOUBLE PRECISION) ELSE CAST(0.000000000000 AS DOUBLE PRECISION) END] AS "_weights",
    "_weight" AS "_weight"
  FROM
    "weighed"
  WHERE
    "_weight" >= CAST(0.000000000000 AS DOUBLE PRECISION)
), "before" AS (
  SELECT
    "identifier_a" AS "_identifier_l",
    "value_a" AS "_value_l",
    "identifier_b" AS "_identifier_r",
    "value_b" AS "_value_r",
    "levels" AS "_levels",
    "weights" AS "_weights",
    "weight" AS "_weight"
  FROM
    "previous"."customer_matches" AS "b"
  UNION ALL
  SELECT
    "identifier_a" AS "_identifier_l",
    "value_a" AS "_value_l",
    "identifier_b" AS "_identifier_r",
    "value_b" AS "_value_r",
    "levels" AS "_levels",
    "weights" AS "_weights",
    "weight" AS "_weight"
  FROM
    "previous"."customer_review" AS "b"
), "settled" AS (
  SELECT
    "_identifier",
    "_value"
  FROM
    "kinfold"."_customer_keys" AS "r"
  WHERE
    NOT "_fresh"
  GROUP BY
    "_identifier", "_value"
)
SELECT
  "_identifier_l",
  "_value_l",
  "_identifier_r",
  "_value_r",
  (array_agg("_levels" ORDER BY "_weight" DESC NULLS LAST, "_levels") FILTER (WHERE "_levels" IS NOT NULL))[1] AS "_levels",
  (array_agg("_weights" ORDER BY "_weight" DESC NULLS LAST, "_weights") FILTER (WHERE "_weights" IS NOT NULL))[1] AS "_weights",
  max("_weight") AS "_weight"
FROM
  "likely"
GROUP BY
  "_identifier_l", "_value_l", "_identifier_r", "_value_r"
UNION ALL
SELECT
  "before"."_identifier_l" AS "_identifier_l",
  "before"."_value_l" AS "_value_l",
  "before"."_identifier_r" AS "_identifier_r",
  "before"."_value_r" AS "_value_r",
  "before"."_levels" AS "_levels",
  "before"."_weights" AS "_weights",
  "before"."_weight" AS "_weight"
FROM
  "before"
  JOIN "settled" AS "l" ON ("l"."_identifier" = "before"."_identifier_l") AND ("l"."_value" = "before"."_value_l")
  JOIN "settled" AS "r" ON ("r"."_identifier" = "before"."_identifier_r") AND ("r"."_value" = "before"."_value_r");

-- training: _customer_records
WITH "rows" AS (
  SELECT
    'crm_id' AS "_identifier",
    kinfold_digits(CAST("id" AS VARCHAR)) AS "_value",
    0 AS "_part",
    nullif(CAST(lower("name") AS VARCHAR), '') AS "first",
    nullif(CAST("family" AS VARCHAR), '') AS "last",
    CAST("born" AS DATE) AS "born",
    CAST("lat" AS DOUBLE PRECISION) AS "lat",
    CAST("lon" AS DOUBLE PRECISION) AS "lon",
    NULL AS "tags"
  FROM
    "crm"."contacts"
  UNION ALL
  SELECT
    'user_id' AS "_identifier",
    kinfold_exact(CAST("user_id" AS VARCHAR)) AS "_value",
    1 AS "_part",
    nullif(CAST("first" AS VARCHAR), '') AS "first",
    nullif(CAST("last" AS VARCHAR), '') AS "last",
    CAST("born" AS DATE) AS "born",
    CAST(NULL AS DOUBLE PRECISION) AS "lat",
    CAST(NULL AS DOUBLE PRECISION) AS "lon",
    CASE
      WHEN cardinality("tags") = 0 THEN
        NULL
      ELSE
        "tags"
    END AS "tags"
  FROM
    "kinfold"."paid_orders"
), "records" AS (
  SELECT
    "_identifier",
    "_value",
    "_part",
    "first",
    "last",
    "born",
    "lat",
    "lon",
    "tags"
  FROM
    "rows"
  WHERE
    "_value" IS NOT NULL
  GROUP BY
    "_identifier", "_value", "_part", "first", "last", "born", "lat", "lon", "tags"
), "keyed" AS (
  SELECT
    "_identifier",
    "_value",
    "_part",
    "first",
    "last",
    "born",
    "lat",
    "lon",
    "tags",
    CAST("born" AS VARCHAR) AS "_text_born",
    kinfold_key("born") AS "_key_0",
    kinfold_key("first", "last", "born") AS "_key_1",
    kinfold_key("tags") AS "_key_2"
  FROM
    "records"
)
SELECT
  row_number() OVER (
    
  ) AS "_row",
  "_identifier",
  "_value",
  "_part",
  "first",
  "last",
  "born",
  "lat",
  "lon",
  "tags",
  "_text_born",
  "_key_0",
  "_key_1",
  "_key_2"
FROM
  "keyed";

-- training: _customer_blocks
SELECT
  0 AS "_rule",
  "_key_0" AS "_key",
  count(*) AS "_n"
FROM
  "kinfold"."_customer_records" AS "r"
WHERE
  "_key_0" IS NOT NULL
GROUP BY
  "_key_0"
HAVING
  count(*) > 1
UNION ALL
SELECT
  1 AS "_rule",
  "_key_1" AS "_key",
  count(*) AS "_n"
FROM
  "kinfold"."_customer_records" AS "r"
WHERE
  "_key_1" IS NOT NULL
GROUP BY
  "_key_1"
HAVING
  count(*) > 1
UNION ALL
SELECT
  2 AS "_rule",
  "_key_2" AS "_key",
  count(*) AS "_n"
FROM
  "kinfold"."_customer_records" AS "r"
WHERE
  "_key_2" IS NOT NULL
GROUP BY
  "_key_2"
HAVING
  count(*) > 1;

-- training: _customer_keys
WITH "keyed" AS (
  SELECT
    "_row",
    "_identifier",
    "_value",
    "_part",
    "_key_0",
    "_key_1",
    "_key_2"
  FROM
    "kinfold"."_customer_records" AS "r"
), "common_key_0" AS (
  SELECT
    "_key"
  FROM
    "kinfold"."_customer_blocks" AS "b"
  WHERE
    ("_rule" = 0) AND ("_n" > 500)
), "with_common_key_0" AS (
  SELECT
    "keyed"."_row" AS "_row",
    "keyed"."_identifier" AS "_identifier",
    "keyed"."_value" AS "_value",
    "keyed"."_part" AS "_part",
    "keyed"."_key_1" AS "_key_1",
    "keyed"."_key_2" AS "_key_2",
    CASE
      WHEN "common_key_0"."_key" IS NULL THEN
        "keyed"."_key_0"
    END AS "_key_0"
  FROM
    "common_key_0"
    RIGHT JOIN "keyed" ON "common_key_0"."_key" = "keyed"."_key_0"
), "common_key_1" AS (
  SELECT
    "_key"
  FROM
    "kinfold"."_customer_blocks" AS "b"
  WHERE
    ("_rule" = 1) AND ("_n" > 500)
), "with_common_key_1" AS (
  SELECT
    "with_common_key_0"."_row" AS "_row",
    "with_common_key_0"."_identifier" AS "_identifier",
    "with_common_key_0"."_value" AS "_value",
    "with_common_key_0"."_part" AS "_part",
    "with_common_key_0"."_key_2" AS "_key_2",
    "with_common_key_0"."_key_0" AS "_key_0",
    CASE
      WHEN "common_key_1"."_key" IS NULL THEN
        "with_common_key_0"."_key_1"
    END AS "_key_1"
  FROM
    "common_key_1"
    RIGHT JOIN "with_common_key_0" ON "common_key_1"."_key" = "with_common_key_0"."_key_1"
), "common_key_2" AS (
  SELECT
    "_key"
  FROM
    "kinfold"."_customer_blocks" AS "b"
  WHERE
    ("_rule" = 2) AND ("_n" > 500)
), "with_common_key_2" AS (
  SELECT
    "with_common_key_1"."_row" AS "_row",
    "with_common_key_1"."_identifier" AS "_identifier",
    "with_common_key_1"."_value" AS "_value",
    "with_common_key_1"."_part" AS "_part",
    "with_common_key_1"."_key_0" AS "_key_0",
    "with_common_key_1"."_key_1" AS "_key_1",
    CASE
      WHEN "common_key_2"."_key" IS NULL THEN
        "with_common_key_1"."_key_2"
    END AS "_key_2"
  FROM
    "common_key_2"
    RIGHT JOIN "with_common_key_1" ON "common_key_2"."_key" = "with_common_key_1"."_key_2"
)
SELECT
  "_row",
  "_identifier",
  "_value",
  "_part",
  "_key_0",
  "_key_1",
  "_key_2"
FROM
  "with_common_key_2";

-- training: sizes
SELECT
  "_part" AS "part",
  count(*) AS "records"
FROM
  "kinfold"."_customer_records" AS "r"
GROUP BY
  "_part";

-- training: how many pairs a pass finds
WITH "of_pass_0" AS (
  SELECT
    0 AS "_pass"
  FROM
    "kinfold"."_customer_keys" AS "l"
    JOIN "kinfold"."_customer_keys" AS "r" ON ("l"."_key_0" IS NOT NULL) AND ("r"."_key_0" IS NOT NULL) AND ("l"."_key_0" = "r"."_key_0") AND ((("l"."_part" < "r"."_part") OR (("l"."_part" = "r"."_part") AND ("l"."_value" < "r"."_value"))) AND (NOT (("l"."_identifier" = "r"."_identifier") AND ("l"."_value" = "r"."_value"))))
  WHERE
    (kinfold_key("l"."_identifier", "l"."_value") % 3) = 0
)
SELECT
  0 AS "_pass",
  count(*) * 3 AS "pairs"
FROM
  "of_pass_0";

-- training: pairs of passes
SELECT
  "l"."_row" AS "_row_l",
  "r"."_row" AS "_row_r",
  0 AS "_pass"
FROM
  "kinfold"."_customer_keys" AS "l"
  JOIN "kinfold"."_customer_keys" AS "r" ON ("l"."_key_0" IS NOT NULL) AND ("r"."_key_0" IS NOT NULL) AND ("l"."_key_0" = "r"."_key_0") AND ((("l"."_part" < "r"."_part") OR (("l"."_part" = "r"."_part") AND ("l"."_value" < "r"."_value"))) AND (NOT (("l"."_identifier" = "r"."_identifier") AND ("l"."_value" = "r"."_value"))));

-- training: the same, of many
SELECT
  "l"."_row" AS "_row_l",
  "r"."_row" AS "_row_r",
  0 AS "_pass"
FROM
  "kinfold"."_customer_keys" AS "l"
  JOIN "kinfold"."_customer_keys" AS "r" ON ("l"."_key_0" IS NOT NULL) AND ("r"."_key_0" IS NOT NULL) AND ("l"."_key_0" = "r"."_key_0") AND ((("l"."_part" < "r"."_part") OR (("l"."_part" = "r"."_part") AND ("l"."_value" < "r"."_value"))) AND (NOT (("l"."_identifier" = "r"."_identifier") AND ("l"."_value" = "r"."_value"))))
WHERE
  (kinfold_key("l"."_identifier", "l"."_value") % 3) = 0;

-- training: their levels
WITH "found" AS (
  SELECT
    "_row_l",
    "_row_r",
    "_pass"
  FROM
    "kinfold"."_customer_passes" AS "p"
), "records_l" AS (
  SELECT
    "r".*
  FROM
    "kinfold"."_customer_records" AS "r"
  WHERE
    "_row" IN (SELECT "_row_l" FROM "found" WHERE "_row_l" <> "_row_r")
), "records_r" AS (
  SELECT
    "r".*
  FROM
    "kinfold"."_customer_records" AS "r"
  WHERE
    "_row" IN (SELECT "_row_r" FROM "found" WHERE "_row_l" <> "_row_r")
), "pairs" AS (
  SELECT
    "l"."_identifier" AS "_identifier_l",
    "l"."_value" AS "_value_l",
    "r"."_identifier" AS "_identifier_r",
    "r"."_value" AS "_value_r",
    "l"."first" AS "_l_first",
    "r"."first" AS "_r_first",
    "l"."last" AS "_l_last",
    "r"."last" AS "_r_last",
    "l"."born" AS "_l_born",
    "r"."born" AS "_r_born",
    "l"."lat" AS "_l_lat",
    "r"."lat" AS "_r_lat",
    "l"."lon" AS "_l_lon",
    "r"."lon" AS "_r_lon",
    "l"."tags" AS "_l_tags",
    "r"."tags" AS "_r_tags",
    "l"."_text_born" AS "_l__text_born",
    "r"."_text_born" AS "_r__text_born",
    "found"."_pass" AS "_pass"
  FROM
    "found"
    JOIN "records_l" AS "l" ON "found"."_row_l" = "l"."_row"
    JOIN "records_r" AS "r" ON "found"."_row_r" = "r"."_row"
), "measured" AS (
  SELECT
    "_identifier_l",
    "_value_l",
    "_identifier_r",
    "_value_r",
    "_pass",
    ("_l_first" IS NULL) OR ("_r_first" IS NULL) AS "_missing_0",
    "_l_first" = "_r_first" AS "_holds_0_0",
    jaro_winkler("_l_first", "_r_first", CAST(0.8 AS DOUBLE PRECISION)) AS "_jaro_winkler_0",
    ("_l_last" IS NULL) OR ("_r_last" IS NULL) AS "_missing_1",
    "_l_last" = "_r_last" AS "_holds_1_0",
    ("_l_last" = "_r_first") AND ("_l_first" = "_r_last") AS "_holds_1_1",
    (left("_l_last", 3) = left("_r_last", 3)) AND (length("_l_last") >= 3) AND (length("_r_last") >= 3) AS "_holds_1_2",
    (split_part("_l_last", '-', 1) = split_part("_r_last", '-', 1)) AND (split_part("_l_last", '-', 1) <> '') AS "_holds_1_3",
    CASE
      WHEN "_l_last" = "_r_last" THEN
        0
      ELSE
        levenshtein("_l_last", "_r_last")
    END AS "_levenshtein_1",
    "_l_first" LIKE "_r_last" AS "_holds_1_5",
    ("_l_born" IS NULL) OR ("_r_born" IS NULL) AS "_missing_2",
    "_l_born" = "_r_born" AS "_holds_2_0",
    day_month_swapped("_l_born", "_r_born") AS "_holds_2_1",
    damerau_levenshtein("_l__text_born", "_r__text_born", 1) AS "_damerau_levenshtein_2",
    abs(date_part('epoch', "_l_born") - date_part('epoch', "_r_born")) AS "_seconds_2",
    ("_l_lat" IS NULL) OR ("_r_lat" IS NULL) OR ("_l_lon" IS NULL) OR ("_r_lon" IS NULL) AS "_missing_3",
    distance_km(CAST("_l_lat" AS DOUBLE PRECISION), CAST("_l_lon" AS DOUBLE PRECISION), CAST("_r_lat" AS DOUBLE PRECISION), CAST("_r_lon" AS DOUBLE PRECISION)) AS "_km_3",
    ("_l_lat" IS NULL) OR ("_r_lat" IS NULL) AS "_missing_4",
    abs("_l_lat" - "_r_lat") - (CASE WHEN abs(abs("_l_lat") + abs("_r_lat")) < CAST('Infinity' AS DOUBLE PRECISION) THEN abs("_l_lat") + abs("_r_lat") END * CAST(2.3e-16 AS DOUBLE PRECISION)) AS "_difference_4",
    ("_l_tags" IS NULL) OR ("_r_tags" IS NULL) AS "_missing_5",
    cardinality(array_intersect("_l_tags", "_r_tags")) - CASE WHEN array_position(array_intersect("_l_tags", "_r_tags"), NULL) IS NULL THEN 0 ELSE 1 END AS "_common_5"
  FROM
    "pairs"
), "leveled" AS (
  SELECT
    "_identifier_l",
    "_value_l",
    "_identifier_r",
    "_value_r",
    "_pass",
    CAST(CASE WHEN "_missing_0" THEN NULL WHEN "_holds_0_0" THEN 0 WHEN "_jaro_winkler_0" >= CAST(0.92 AS DOUBLE PRECISION) THEN 1 WHEN "_jaro_winkler_0" >= CAST(0.8 AS DOUBLE PRECISION) THEN 2 ELSE 3 END AS SMALLINT) AS "_level_0",
    CAST(CASE WHEN "_missing_1" THEN NULL WHEN "_holds_1_0" THEN 0 WHEN "_holds_1_1" THEN 1 WHEN "_holds_1_2" THEN 2 WHEN "_holds_1_3" THEN 3 WHEN "_levenshtein_1" <= 2 THEN 4 WHEN "_holds_1_5" THEN 5 ELSE 6 END AS SMALLINT) AS "_level_1",
    CAST(CASE WHEN "_missing_2" THEN NULL WHEN "_holds_2_0" THEN 0 WHEN "_holds_2_1" THEN 1 WHEN "_damerau_levenshtein_2" <= 1 THEN 2 WHEN "_seconds_2" <= 86400 THEN 3 ELSE 4 END AS SMALLINT) AS "_level_2",
    CAST(CASE WHEN "_missing_3" THEN NULL WHEN "_km_3" <= CAST(5 AS DOUBLE PRECISION) THEN 0 ELSE 1 END AS SMALLINT) AS "_level_3",
    CAST(CASE WHEN "_missing_4" THEN NULL WHEN "_difference_4" <= CAST(0.5 AS DOUBLE PRECISION) THEN 0 ELSE 1 END AS SMALLINT) AS "_level_4",
    CAST(CASE WHEN "_missing_5" THEN NULL WHEN "_common_5" >= 2 THEN 0 WHEN "_common_5" >= 1 THEN 1 ELSE 2 END AS SMALLINT) AS "_level_5"
  FROM
    "measured"
)
SELECT
  "_pass",
  "_level_0",
  "_level_1",
  "_level_2",
  "_level_3",
  "_level_4",
  "_level_5",
  count(*) AS "pairs"
FROM
  "leveled"
GROUP BY
  "_pass", "_level_0", "_level_1", "_level_2", "_level_3", "_level_4", "_level_5";

-- training: certain pairs
WITH "pairs" AS (
  SELECT
    "l"."_row" AS "_row_l",
    "r"."_row" AS "_row_r"
  FROM
    "kinfold"."_customer_keys" AS "l"
    JOIN "kinfold"."_customer_keys" AS "r" ON ("l"."_key_1" IS NOT NULL) AND ("r"."_key_1" IS NOT NULL) AND ("l"."_key_1" = "r"."_key_1") AND ((("l"."_part" < "r"."_part") OR (("l"."_part" = "r"."_part") AND ("l"."_value" < "r"."_value"))) AND (NOT (("l"."_identifier" = "r"."_identifier") AND ("l"."_value" = "r"."_value"))))
  UNION ALL
  SELECT
    "l"."_row" AS "_row_l",
    "r"."_row" AS "_row_r"
  FROM
    "kinfold"."_customer_keys" AS "l"
    JOIN "kinfold"."_customer_keys" AS "r" ON ("l"."_key_2" IS NOT NULL) AND ("r"."_key_2" IS NOT NULL) AND ("l"."_key_2" = "r"."_key_2") AND ((("l"."_part" < "r"."_part") OR (("l"."_part" = "r"."_part") AND ("l"."_value" < "r"."_value"))) AND (NOT (("l"."_identifier" = "r"."_identifier") AND ("l"."_value" = "r"."_value")))) AND (NOT coalesce("l"."_key_1" = "r"."_key_1", false))
)
SELECT
  count(*) AS "pairs"
FROM
  "pairs";

-- training: records drawn
WITH "draw_0" AS (
  SELECT
    "r".*
  FROM
    "kinfold"."_customer_records" AS "r"
  WHERE
    "_part" = 0 ORDER BY md5(CAST(jsonb_build_array("_identifier", "_value") AS TEXT)), "_value" LIMIT 20
), "draw_1" AS (
  SELECT
    "r".*
  FROM
    "kinfold"."_customer_records" AS "r"
  WHERE
    "_part" = 1 ORDER BY md5(CAST(jsonb_build_array("_identifier", "_value") AS TEXT)), "_value" LIMIT 30
)
SELECT
  "draw_0".*,
  strpos('0123456789abcdef', right(md5(CAST(jsonb_build_array("_identifier", "_value") AS TEXT)), 1)) % 8 AS "_slice"
FROM
  "draw_0"
UNION ALL
SELECT
  "draw_1".*,
  strpos('0123456789abcdef', right(md5(CAST(jsonb_build_array("_identifier", "_value") AS TEXT)), 1)) % 8 AS "_slice"
FROM
  "draw_1";

-- training: random pairs
WITH "pairs" AS (
  SELECT
    "l"."_identifier" AS "_identifier_l",
    "l"."_value" AS "_value_l",
    "r"."_identifier" AS "_identifier_r",
    "r"."_value" AS "_value_r",
    "l"."first" AS "_l_first",
    "r"."first" AS "_r_first",
    "l"."last" AS "_l_last",
    "r"."last" AS "_r_last",
    "l"."born" AS "_l_born",
    "r"."born" AS "_r_born",
    "l"."lat" AS "_l_lat",
    "r"."lat" AS "_r_lat",
    "l"."lon" AS "_l_lon",
    "r"."lon" AS "_r_lon",
    "l"."tags" AS "_l_tags",
    "r"."tags" AS "_r_tags",
    "l"."_text_born" AS "_l__text_born",
    "r"."_text_born" AS "_r__text_born"
  FROM
    "kinfold"."_customer_drawn" AS "l"
    JOIN "kinfold"."_customer_drawn" AS "r" ON (("l"."_part" < "r"."_part") OR (("l"."_part" = "r"."_part") AND ("l"."_value" < "r"."_value"))) AND (NOT (("l"."_identifier" = "r"."_identifier") AND ("l"."_value" = "r"."_value")))
  WHERE
    "l"."_slice" = 0
  UNION ALL
  SELECT
    "l"."_identifier" AS "_identifier_l",
    "l"."_value" AS "_value_l",
    "r"."_identifier" AS "_identifier_r",
    "r"."_value" AS "_value_r",
    "l"."first" AS "_l_first",
    "r"."first" AS "_r_first",
    "l"."last" AS "_l_last",
    "r"."last" AS "_r_last",
    "l"."born" AS "_l_born",
    "r"."born" AS "_r_born",
    "l"."lat" AS "_l_lat",
    "r"."lat" AS "_r_lat",
    "l"."lon" AS "_l_lon",
    "r"."lon" AS "_r_lon",
    "l"."tags" AS "_l_tags",
    "r"."tags" AS "_r_tags",
    "l"."_text_born" AS "_l__text_born",
    "r"."_text_born" AS "_r__text_born"
  FROM
    "kinfold"."_customer_drawn" AS "l"
    JOIN "kinfold"."_customer_drawn" AS "r" ON (("l"."_part" < "r"."_part") OR (("l"."_part" = "r"."_part") AND ("l"."_value" < "r"."_value"))) AND (NOT (("l"."_identifier" = "r"."_identifier") AND ("l"."_value" = "r"."_value")))
  WHERE
    "l"."_slice" = 1
  UNION ALL
  SELECT
    "l"."_identifier" AS "_identifier_l",
    "l"."_value" AS "_value_l",
    "r"."_identifier" AS "_identifier_r",
    "r"."_value" AS "_value_r",
    "l"."first" AS "_l_first",
    "r"."first" AS "_r_first",
    "l"."last" AS "_l_last",
    "r"."last" AS "_r_last",
    "l"."born" AS "_l_born",
    "r"."born" AS "_r_born",
    "l"."lat" AS "_l_lat",
    "r"."lat" AS "_r_lat",
    "l"."lon" AS "_l_lon",
    "r"."lon" AS "_r_lon",
    "l"."tags" AS "_l_tags",
    "r"."tags" AS "_r_tags",
    "l"."_text_born" AS "_l__text_born",
    "r"."_text_born" AS "_r__text_born"
  FROM
    "kinfold"."_customer_drawn" AS "l"
    JOIN "kinfold"."_customer_drawn" AS "r" ON (("l"."_part" < "r"."_part") OR (("l"."_part" = "r"."_part") AND ("l"."_value" < "r"."_value"))) AND (NOT (("l"."_identifier" = "r"."_identifier") AND ("l"."_value" = "r"."_value")))
  WHERE
    "l"."_slice" = 2
  UNION ALL
  SELECT
    "l"."_identifier" AS "_identifier_l",
    "l"."_value" AS "_value_l",
    "r"."_identifier" AS "_identifier_r",
    "r"."_value" AS "_value_r",
    "l"."first" AS "_l_first",
    "r"."first" AS "_r_first",
    "l"."last" AS "_l_last",
    "r"."last" AS "_r_last",
    "l"."born" AS "_l_born",
    "r"."born" AS "_r_born",
    "l"."lat" AS "_l_lat",
    "r"."lat" AS "_r_lat",
    "l"."lon" AS "_l_lon",
    "r"."lon" AS "_r_lon",
    "l"."tags" AS "_l_tags",
    "r"."tags" AS "_r_tags",
    "l"."_text_born" AS "_l__text_born",
    "r"."_text_born" AS "_r__text_born"
  FROM
    "kinfold"."_customer_drawn" AS "l"
    JOIN "kinfold"."_customer_drawn" AS "r" ON (("l"."_part" < "r"."_part") OR (("l"."_part" = "r"."_part") AND ("l"."_value" < "r"."_value"))) AND (NOT (("l"."_identifier" = "r"."_identifier") AND ("l"."_value" = "r"."_value")))
  WHERE
    "l"."_slice" = 3
  UNION ALL
  SELECT
    "l"."_identifier" AS "_identifier_l",
    "l"."_value" AS "_value_l",
    "r"."_identifier" AS "_identifier_r",
    "r"."_value" AS "_value_r",
    "l"."first" AS "_l_first",
    "r"."first" AS "_r_first",
    "l"."last" AS "_l_last",
    "r"."last" AS "_r_last",
    "l"."born" AS "_l_born",
    "r"."born" AS "_r_born",
    "l"."lat" AS "_l_lat",
    "r"."lat" AS "_r_lat",
    "l"."lon" AS "_l_lon",
    "r"."lon" AS "_r_lon",
    "l"."tags" AS "_l_tags",
    "r"."tags" AS "_r_tags",
    "l"."_text_born" AS "_l__text_born",
    "r"."_text_born" AS "_r__text_born"
  FROM
    "kinfold"."_customer_drawn" AS "l"
    JOIN "kinfold"."_customer_drawn" AS "r" ON (("l"."_part" < "r"."_part") OR (("l"."_part" = "r"."_part") AND ("l"."_value" < "r"."_value"))) AND (NOT (("l"."_identifier" = "r"."_identifier") AND ("l"."_value" = "r"."_value")))
  WHERE
    "l"."_slice" = 4
  UNION ALL
  SELECT
    "l"."_identifier" AS "_identifier_l",
    "l"."_value" AS "_value_l",
    "r"."_identifier" AS "_identifier_r",
    "r"."_value" AS "_value_r",
    "l"."first" AS "_l_first",
    "r"."first" AS "_r_first",
    "l"."last" AS "_l_last",
    "r"."last" AS "_r_last",
    "l"."born" AS "_l_born",
    "r"."born" AS "_r_born",
    "l"."lat" AS "_l_lat",
    "r"."lat" AS "_r_lat",
    "l"."lon" AS "_l_lon",
    "r"."lon" AS "_r_lon",
    "l"."tags" AS "_l_tags",
    "r"."tags" AS "_r_tags",
    "l"."_text_born" AS "_l__text_born",
    "r"."_text_born" AS "_r__text_born"
  FROM
    "kinfold"."_customer_drawn" AS "l"
    JOIN "kinfold"."_customer_drawn" AS "r" ON (("l"."_part" < "r"."_part") OR (("l"."_part" = "r"."_part") AND ("l"."_value" < "r"."_value"))) AND (NOT (("l"."_identifier" = "r"."_identifier") AND ("l"."_value" = "r"."_value")))
  WHERE
    "l"."_slice" = 5
  UNION ALL
  SELECT
    "l"."_identifier" AS "_identifier_l",
    "l"."_value" AS "_value_l",
    "r"."_identifier" AS "_identifier_r",
    "r"."_value" AS "_value_r",
    "l"."first" AS "_l_first",
    "r"."first" AS "_r_first",
    "l"."last" AS "_l_last",
    "r"."last" AS "_r_last",
    "l"."born" AS "_l_born",
    "r"."born" AS "_r_born",
    "l"."lat" AS "_l_lat",
    "r"."lat" AS "_r_lat",
    "l"."lon" AS "_l_lon",
    "r"."lon" AS "_r_lon",
    "l"."tags" AS "_l_tags",
    "r"."tags" AS "_r_tags",
    "l"."_text_born" AS "_l__text_born",
    "r"."_text_born" AS "_r__text_born"
  FROM
    "kinfold"."_customer_drawn" AS "l"
    JOIN "kinfold"."_customer_drawn" AS "r" ON (("l"."_part" < "r"."_part") OR (("l"."_part" = "r"."_part") AND ("l"."_value" < "r"."_value"))) AND (NOT (("l"."_identifier" = "r"."_identifier") AND ("l"."_value" = "r"."_value")))
  WHERE
    "l"."_slice" = 6
  UNION ALL
  SELECT
    "l"."_identifier" AS "_identifier_l",
    "l"."_value" AS "_value_l",
    "r"."_identifier" AS "_identifier_r",
    "r"."_value" AS "_value_r",
    "l"."first" AS "_l_first",
    "r"."first" AS "_r_first",
    "l"."last" AS "_l_last",
    "r"."last" AS "_r_last",
    "l"."born" AS "_l_born",
    "r"."born" AS "_r_born",
    "l"."lat" AS "_l_lat",
    "r"."lat" AS "_r_lat",
    "l"."lon" AS "_l_lon",
    "r"."lon" AS "_r_lon",
    "l"."tags" AS "_l_tags",
    "r"."tags" AS "_r_tags",
    "l"."_text_born" AS "_l__text_born",
    "r"."_text_born" AS "_r__text_born"
  FROM
    "kinfold"."_customer_drawn" AS "l"
    JOIN "kinfold"."_customer_drawn" AS "r" ON (("l"."_part" < "r"."_part") OR (("l"."_part" = "r"."_part") AND ("l"."_value" < "r"."_value"))) AND (NOT (("l"."_identifier" = "r"."_identifier") AND ("l"."_value" = "r"."_value")))
  WHERE
    "l"."_slice" = 7
), "measured" AS (
  SELECT
    "_identifier_l",
    "_value_l",
    "_identifier_r",
    "_value_r",
    ("_l_first" IS NULL) OR ("_r_first" IS NULL) AS "_missing_0",
    "_l_first" = "_r_first" AS "_holds_0_0",
    jaro_winkler("_l_first", "_r_first", CAST(0.8 AS DOUBLE PRECISION)) AS "_jaro_winkler_0",
    ("_l_last" IS NULL) OR ("_r_last" IS NULL) AS "_missing_1",
    "_l_last" = "_r_last" AS "_holds_1_0",
    ("_l_last" = "_r_first") AND ("_l_first" = "_r_last") AS "_holds_1_1",
    (left("_l_last", 3) = left("_r_last", 3)) AND (length("_l_last") >= 3) AND (length("_r_last") >= 3) AS "_holds_1_2",
    (split_part("_l_last", '-', 1) = split_part("_r_last", '-', 1)) AND (split_part("_l_last", '-', 1) <> '') AS "_holds_1_3",
    CASE
      WHEN "_l_last" = "_r_last" THEN
        0
      ELSE
        levenshtein("_l_last", "_r_last")
    END AS "_levenshtein_1",
    "_l_first" LIKE "_r_last" AS "_holds_1_5",
    ("_l_born" IS NULL) OR ("_r_born" IS NULL) AS "_missing_2",
    "_l_born" = "_r_born" AS "_holds_2_0",
    day_month_swapped("_l_born", "_r_born") AS "_holds_2_1",
    damerau_levenshtein("_l__text_born", "_r__text_born", 1) AS "_damerau_levenshtein_2",
    abs(date_part('epoch', "_l_born") - date_part('epoch', "_r_born")) AS "_seconds_2",
    ("_l_lat" IS NULL) OR ("_r_lat" IS NULL) OR ("_l_lon" IS NULL) OR ("_r_lon" IS NULL) AS "_missing_3",
    distance_km(CAST("_l_lat" AS DOUBLE PRECISION), CAST("_l_lon" AS DOUBLE PRECISION), CAST("_r_lat" AS DOUBLE PRECISION), CAST("_r_lon" AS DOUBLE PRECISION)) AS "_km_3",
    ("_l_lat" IS NULL) OR ("_r_lat" IS NULL) AS "_missing_4",
    abs("_l_lat" - "_r_lat") - (CASE WHEN abs(abs("_l_lat") + abs("_r_lat")) < CAST('Infinity' AS DOUBLE PRECISION) THEN abs("_l_lat") + abs("_r_lat") END * CAST(2.3e-16 AS DOUBLE PRECISION)) AS "_difference_4",
    ("_l_tags" IS NULL) OR ("_r_tags" IS NULL) AS "_missing_5",
    cardinality(array_intersect("_l_tags", "_r_tags")) - CASE WHEN array_position(array_intersect("_l_tags", "_r_tags"), NULL) IS NULL THEN 0 ELSE 1 END AS "_common_5"
  FROM
    "pairs"
), "leveled" AS (
  SELECT
    "_identifier_l",
    "_value_l",
    "_identifier_r",
    "_value_r",
    CAST(CASE WHEN "_missing_0" THEN NULL WHEN "_holds_0_0" THEN 0 WHEN "_jaro_winkler_0" >= CAST(0.92 AS DOUBLE PRECISION) THEN 1 WHEN "_jaro_winkler_0" >= CAST(0.8 AS DOUBLE PRECISION) THEN 2 ELSE 3 END AS SMALLINT) AS "_level_0",
    CAST(CASE WHEN "_missing_1" THEN NULL WHEN "_holds_1_0" THEN 0 WHEN "_holds_1_1" THEN 1 WHEN "_holds_1_2" THEN 2 WHEN "_holds_1_3" THEN 3 WHEN "_levenshtein_1" <= 2 THEN 4 WHEN "_holds_1_5" THEN 5 ELSE 6 END AS SMALLINT) AS "_level_1",
    CAST(CASE WHEN "_missing_2" THEN NULL WHEN "_holds_2_0" THEN 0 WHEN "_holds_2_1" THEN 1 WHEN "_damerau_levenshtein_2" <= 1 THEN 2 WHEN "_seconds_2" <= 86400 THEN 3 ELSE 4 END AS SMALLINT) AS "_level_2",
    CAST(CASE WHEN "_missing_3" THEN NULL WHEN "_km_3" <= CAST(5 AS DOUBLE PRECISION) THEN 0 ELSE 1 END AS SMALLINT) AS "_level_3",
    CAST(CASE WHEN "_missing_4" THEN NULL WHEN "_difference_4" <= CAST(0.5 AS DOUBLE PRECISION) THEN 0 ELSE 1 END AS SMALLINT) AS "_level_4",
    CAST(CASE WHEN "_missing_5" THEN NULL WHEN "_common_5" >= 2 THEN 0 WHEN "_common_5" >= 1 THEN 1 ELSE 2 END AS SMALLINT) AS "_level_5"
  FROM
    "measured"
)
SELECT
  "_level_0",
  "_level_1",
  "_level_2",
  "_level_3",
  "_level_4",
  "_level_5",
  count(*) AS "pairs"
FROM
  "leveled"
GROUP BY
  "_level_0", "_level_1", "_level_2", "_level_3", "_level_4", "_level_5";

