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
    "tags" AS "tags"
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
), "frequency_0" AS (
  SELECT
    "first" AS "_of",
    CAST(count(*) AS DOUBLE PRECISION) / CAST(sum(count(*)) OVER () AS DOUBLE PRECISION) AS "_share"
  FROM
    "records"
  WHERE
    "first" IS NOT NULL
  GROUP BY
    "first"
), "with_frequency_0" AS (
  SELECT
    "records"."_identifier" AS "_identifier",
    "records"."_value" AS "_value",
    "records"."_part" AS "_part",
    "records"."first" AS "first",
    "records"."last" AS "last",
    "records"."born" AS "born",
    "records"."lat" AS "lat",
    "records"."lon" AS "lon",
    "records"."tags" AS "tags",
    "frequency_0"."_share" AS "_frequency_0"
  FROM
    "frequency_0"
    RIGHT JOIN "records" ON "frequency_0"."_of" = "records"."first"
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
    "_frequency_0",
    CAST("born" AS VARCHAR) AS "_text_born",
    "first" AS "_key_1_0_l",
    "last" AS "_key_1_0_r",
    "last" AS "_key_1_1_l",
    "first" AS "_key_1_1_r",
    left("first", 3) AS "_key_2_0"
  FROM
    "with_frequency_0"
), "having_common_0" AS (
  SELECT
    "last",
    "born"
  FROM
    "keyed"
  WHERE
    ("last" IS NOT NULL) AND ("born" IS NOT NULL)
  GROUP BY
    "last", "born"
  HAVING
    count(*) > 500
), "with_having_common_0" AS (
  SELECT
    "keyed"."_identifier" AS "_identifier",
    "keyed"."_value" AS "_value",
    "keyed"."_part" AS "_part",
    "keyed"."first" AS "first",
    "keyed"."last" AS "last",
    "keyed"."born" AS "born",
    "keyed"."lat" AS "lat",
    "keyed"."lon" AS "lon",
    "keyed"."tags" AS "tags",
    "keyed"."_frequency_0" AS "_frequency_0",
    "keyed"."_text_born" AS "_text_born",
    "keyed"."_key_1_0_l" AS "_key_1_0_l",
    "keyed"."_key_1_0_r" AS "_key_1_0_r",
    "keyed"."_key_1_1_l" AS "_key_1_1_l",
    "keyed"."_key_1_1_r" AS "_key_1_1_r",
    "keyed"."_key_2_0" AS "_key_2_0",
    "having_common_0"."last" IS NOT NULL AS "_common_0"
  FROM
    "having_common_0"
    RIGHT JOIN "keyed" ON ("having_common_0"."last" = "keyed"."last") AND ("having_common_0"."born" = "keyed"."born")
), "having_common_2" AS (
  SELECT
    "_key_2_0"
  FROM
    "keyed"
  WHERE
    "_key_2_0" IS NOT NULL
  GROUP BY
    "_key_2_0"
  HAVING
    count(*) > 500
), "with_having_common_2" AS (
  SELECT
    "with_having_common_0"."_identifier" AS "_identifier",
    "with_having_common_0"."_value" AS "_value",
    "with_having_common_0"."_part" AS "_part",
    "with_having_common_0"."first" AS "first",
    "with_having_common_0"."last" AS "last",
    "with_having_common_0"."born" AS "born",
    "with_having_common_0"."lat" AS "lat",
    "with_having_common_0"."lon" AS "lon",
    "with_having_common_0"."tags" AS "tags",
    "with_having_common_0"."_frequency_0" AS "_frequency_0",
    "with_having_common_0"."_text_born" AS "_text_born",
    "with_having_common_0"."_key_1_0_l" AS "_key_1_0_l",
    "with_having_common_0"."_key_1_0_r" AS "_key_1_0_r",
    "with_having_common_0"."_key_1_1_l" AS "_key_1_1_l",
    "with_having_common_0"."_key_1_1_r" AS "_key_1_1_r",
    "with_having_common_0"."_key_2_0" AS "_key_2_0",
    "with_having_common_0"."_common_0" AS "_common_0",
    "having_common_2"."_key_2_0" IS NOT NULL AS "_common_2"
  FROM
    "having_common_2"
    RIGHT JOIN "with_having_common_0" ON "having_common_2"."_key_2_0" = "with_having_common_0"."_key_2_0"
), "hashed" AS (
  SELECT
    "_identifier",
    "_value",
    md5(CAST(jsonb_build_array('b44f88e7bf674caa', "_part", "first", "last", "born", "lat", "lon", "tags") AS TEXT)) AS "_row"
  FROM
    "records"
), "of_id" AS (
  SELECT
    "_identifier",
    "_value",
    string_agg("_row", ',' ORDER BY "_row") AS "_rows"
  FROM
    "hashed"
  GROUP BY
    "_identifier", "_value"
), "with_of_id" AS (
  SELECT
    "with_having_common_2"."_identifier" AS "_identifier",
    "with_having_common_2"."_value" AS "_value",
    "with_having_common_2"."_part" AS "_part",
    "with_having_common_2"."first" AS "first",
    "with_having_common_2"."last" AS "last",
    "with_having_common_2"."born" AS "born",
    "with_having_common_2"."lat" AS "lat",
    "with_having_common_2"."lon" AS "lon",
    "with_having_common_2"."tags" AS "tags",
    "with_having_common_2"."_frequency_0" AS "_frequency_0",
    "with_having_common_2"."_text_born" AS "_text_born",
    "with_having_common_2"."_key_1_0_l" AS "_key_1_0_l",
    "with_having_common_2"."_key_1_0_r" AS "_key_1_0_r",
    "with_having_common_2"."_key_1_1_l" AS "_key_1_1_l",
    "with_having_common_2"."_key_1_1_r" AS "_key_1_1_r",
    "with_having_common_2"."_key_2_0" AS "_key_2_0",
    "with_having_common_2"."_common_0" AS "_common_0",
    "with_having_common_2"."_common_2" AS "_common_2",
    md5("of_id"."_rows") AS "_hash"
  FROM
    "of_id"
    RIGHT JOIN "with_having_common_2" ON ("of_id"."_identifier" = "with_having_common_2"."_identifier") AND ("of_id"."_value" = "with_having_common_2"."_value")
)
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
  "_frequency_0",
  "_text_born",
  "_key_1_0_l",
  "_key_1_0_r",
  "_key_1_1_l",
  "_key_1_1_r",
  "_key_2_0",
  "_common_0",
  "_common_2",
  "_hash"
FROM
  "with_of_id";

-- at most 1000000 pairs
WITH "counted_0_0" AS (
  SELECT
    "last" AS "_k0",
    "born" AS "_k1",
    count(*) AS "_n"
  FROM
    "kinfold"."_customer_records" AS "r"
  WHERE
    ("last" IS NOT NULL) AND ("born" IS NOT NULL) AND (NOT "_common_0")
  GROUP BY
    "last", "born"
), "blocks_0" AS (
  SELECT
    ("counted_0_0"."_n" * ("counted_0_0"."_n" - 1)) / 2 AS "_pairs",
    coalesce(CAST("counted_0_0"."_k0" AS VARCHAR), '') || ', ' || coalesce(CAST("counted_0_0"."_k1" AS VARCHAR), '') AS "_words"
  FROM
    "counted_0_0"
), "counted_1_0" AS (
  SELECT
    "born" AS "_k0",
    "_key_1_0_l" AS "_k1",
    "_key_1_1_l" AS "_k2",
    count(*) AS "_n"
  FROM
    "kinfold"."_customer_records" AS "r"
  WHERE
    ("born" IS NOT NULL) AND ("_key_1_0_l" IS NOT NULL) AND ("_key_1_1_l" IS NOT NULL)
  GROUP BY
    "born", "_key_1_0_l", "_key_1_1_l"
), "counted_1_1" AS (
  SELECT
    "born" AS "_k0",
    "_key_1_0_r" AS "_k1",
    "_key_1_1_r" AS "_k2",
    count(*) AS "_n"
  FROM
    "kinfold"."_customer_records" AS "r"
  WHERE
    ("born" IS NOT NULL) AND ("_key_1_0_r" IS NOT NULL) AND ("_key_1_1_r" IS NOT NULL)
  GROUP BY
    "born", "_key_1_0_r", "_key_1_1_r"
), "blocks_1" AS (
  SELECT
    "counted_1_0"."_n" * "counted_1_1"."_n" AS "_pairs",
    (coalesce(CAST("counted_1_0"."_k0" AS VARCHAR), '') || ', ' || coalesce(CAST("counted_1_0"."_k1" AS VARCHAR), '')) || ', ' || coalesce(CAST("counted_1_0"."_k2" AS VARCHAR), '') AS "_words"
  FROM
    "counted_1_0"
    JOIN "counted_1_1" ON ("counted_1_0"."_k0" = "counted_1_1"."_k0") AND ("counted_1_0"."_k1" = "counted_1_1"."_k1") AND ("counted_1_0"."_k2" = "counted_1_1"."_k2")
), "counted_2_0" AS (
  SELECT
    "_key_2_0" AS "_k0",
    count(*) AS "_n"
  FROM
    "kinfold"."_customer_records" AS "r"
  WHERE
    ("_key_2_0" IS NOT NULL) AND (NOT "_common_2")
  GROUP BY
    "_key_2_0"
), "blocks_2" AS (
  SELECT
    ("counted_2_0"."_n" * ("counted_2_0"."_n" - 1)) / 2 AS "_pairs",
    coalesce(CAST("counted_2_0"."_k0" AS VARCHAR), '') AS "_words"
  FROM
    "counted_2_0"
)
SELECT
  '"last", "born"' AS "rule",
  coalesce(CAST(sum("_pairs") AS BIGINT), 0) AS "pairs",
  (array_agg("_words" ORDER BY "_pairs" DESC NULLS LAST, "_words") FILTER (WHERE "_words" IS NOT NULL))[1] AS "worst",
  coalesce(CAST(max("_pairs") AS BIGINT), 0) AS "worst_pairs"
FROM
  "blocks_0"
UNION ALL
SELECT
  'swapped' AS "rule",
  coalesce(CAST(sum("_pairs") AS BIGINT), 0) AS "pairs",
  (array_agg("_words" ORDER BY "_pairs" DESC NULLS LAST, "_words") FILTER (WHERE "_words" IS NOT NULL))[1] AS "worst",
  coalesce(CAST(max("_pairs") AS BIGINT), 0) AS "worst_pairs"
FROM
  "blocks_1"
UNION ALL
SELECT
  'left("first", 3)' AS "rule",
  coalesce(CAST(sum("_pairs") AS BIGINT), 0) AS "pairs",
  (array_agg("_words" ORDER BY "_pairs" DESC NULLS LAST, "_words") FILTER (WHERE "_words" IS NOT NULL))[1] AS "worst",
  coalesce(CAST(max("_pairs") AS BIGINT), 0) AS "worst_pairs"
FROM
  "blocks_2";

-- _customer_pairs_0
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
    "r"."_text_born" AS "_r__text_born",
    "l"."_frequency_0" AS "_frequency_0"
  FROM
    "kinfold"."_customer_records" AS "l"
    JOIN "kinfold"."_customer_records" AS "r" ON (("l"."last" = "r"."last") AND ("l"."born" = "r"."born") AND (NOT "l"."_common_0")) AND ((("l"."_part" < "r"."_part") OR (("l"."_part" = "r"."_part") AND ("l"."_value" < "r"."_value"))) AND (NOT (("l"."_identifier" = "r"."_identifier") AND ("l"."_value" = "r"."_value"))))
), "measured" AS (
  SELECT
    "_identifier_l",
    "_value_l",
    "_identifier_r",
    "_value_r",
    "_frequency_0",
    ("_l_first" IS NULL) OR ("_r_first" IS NULL) AS "_missing_0",
    "_l_first" = "_r_first" AS "_holds_0_0",
    CASE
      WHEN "_l_first" = "_r_first" THEN
        CAST(1 AS DOUBLE PRECISION)
      ELSE
        jaro_winkler("_l_first", "_r_first", CAST(0.8 AS DOUBLE PRECISION))
    END AS "_jaro_winkler_0",
    ("_l_last" IS NULL) OR ("_r_last" IS NULL) AS "_missing_1",
    "_l_last" = "_r_last" AS "_holds_1_0",
    ("_l_last" = "_r_first") AND ("_l_first" = "_r_last") AS "_holds_1_1",
    (left("_l_last", 3) = left("_r_last", 3)) AND (length("_l_last") >= 3) AND (length("_r_last") >= 3) AS "_holds_1_2",
    split_part("_l_last", '-', 1) = split_part("_r_last", '-', 1) AS "_holds_1_3",
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
    CASE
      WHEN "_l_born" = "_r_born" THEN
        0
      ELSE
        damerau_levenshtein("_l__text_born", "_r__text_born", 1)
    END AS "_damerau_levenshtein_2",
    abs(date_part('epoch', "_l_born") - date_part('epoch', "_r_born")) AS "_seconds_2",
    ("_l_lat" IS NULL) OR ("_r_lat" IS NULL) OR ("_l_lon" IS NULL) OR ("_r_lon" IS NULL) AS "_missing_3",
    distance_km(CAST("_l_lat" AS DOUBLE PRECISION), CAST("_l_lon" AS DOUBLE PRECISION), CAST("_r_lat" AS DOUBLE PRECISION), CAST("_r_lon" AS DOUBLE PRECISION)) AS "_km_3",
    ("_l_lat" IS NULL) OR ("_r_lat" IS NULL) AS "_missing_4",
    abs("_l_lat" - "_r_lat") AS "_difference_4",
    ("_l_tags" IS NULL) OR ("_r_tags" IS NULL) AS "_missing_5",
    cardinality(array_intersect("_l_tags", "_r_tags")) AS "_common_5"
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
    (((((CAST(-9.964340867792 AS DOUBLE PRECISION) + CASE "_level_0" WHEN 0 THEN CAST(-1.000000000000 AS DOUBLE PRECISION) - log2("_frequency_0") WHEN 1 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 2 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 3 THEN CAST(1.000000000000 AS DOUBLE PRECISION) ELSE CAST(0.000000000000 AS DOUBLE PRECISION) END) + CASE "_level_1" WHEN 0 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 1 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 2 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 3 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 4 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 5 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 6 THEN CAST(1.000000000000 AS DOUBLE PRECISION) ELSE CAST(0.000000000000 AS DOUBLE PRECISION) END) + CASE "_level_2" WHEN 0 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 1 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 2 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 3 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 4 THEN CAST(1.000000000000 AS DOUBLE PRECISION) ELSE CAST(0.000000000000 AS DOUBLE PRECISION) END) + CASE "_level_3" WHEN 0 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 1 THEN CAST(1.000000000000 AS DOUBLE PRECISION) ELSE CAST(0.000000000000 AS DOUBLE PRECISION) END) + CASE "_level_4" WHEN 0 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 1 THEN CAST(1.000000000000 AS DOUBLE PRECISION) ELSE CAST(0.000000000000 AS DOUBLE PRECISION) END) + CASE "_level_5" WHEN 0 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 1 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 2 THEN CAST(1.000000000000 AS DOUBLE PRECISION) ELSE CAST(0.000000000000 AS DOUBLE PRECISION) END AS "_weight"
  FROM
    "leveled"
)
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
  "_weight" >= CAST(0.000000000000 AS DOUBLE PRECISION);

-- _customer_pairs_1
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
    "r"."_text_born" AS "_r__text_born",
    "l"."_frequency_0" AS "_frequency_0"
  FROM
    "kinfold"."_customer_records" AS "l"
    JOIN "kinfold"."_customer_records" AS "r" ON (("l"."born" = "r"."born") AND ("l"."_key_1_0_l" = "r"."_key_1_0_r") AND ("l"."_key_1_1_l" = "r"."_key_1_1_r") AND ("l"."first" = "r"."last" AND ("l"."last" = "r"."first" AND "l"."born" = "r"."born") AND "l"."lat" < 5)) AND ((("l"."_part" < "r"."_part") OR (("l"."_part" = "r"."_part") AND ("l"."_value" < "r"."_value"))) AND (NOT (("l"."_identifier" = "r"."_identifier") AND ("l"."_value" = "r"."_value")))) AND (NOT coalesce(("l"."last" = "r"."last") AND ("l"."born" = "r"."born") AND (NOT "l"."_common_0"), false))
), "measured" AS (
  SELECT
    "_identifier_l",
    "_value_l",
    "_identifier_r",
    "_value_r",
    "_frequency_0",
    ("_l_first" IS NULL) OR ("_r_first" IS NULL) AS "_missing_0",
    "_l_first" = "_r_first" AS "_holds_0_0",
    CASE
      WHEN "_l_first" = "_r_first" THEN
        CAST(1 AS DOUBLE PRECISION)
      ELSE
        jaro_winkler("_l_first", "_r_first", CAST(0.8 AS DOUBLE PRECISION))
    END AS "_jaro_winkler_0",
    ("_l_last" IS NULL) OR ("_r_last" IS NULL) AS "_missing_1",
    "_l_last" = "_r_last" AS "_holds_1_0",
    ("_l_last" = "_r_first") AND ("_l_first" = "_r_last") AS "_holds_1_1",
    (left("_l_last", 3) = left("_r_last", 3)) AND (length("_l_last") >= 3) AND (length("_r_last") >= 3) AS "_holds_1_2",
    split_part("_l_last", '-', 1) = split_part("_r_last", '-', 1) AS "_holds_1_3",
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
    CASE
      WHEN "_l_born" = "_r_born" THEN
        0
      ELSE
        damerau_levenshtein("_l__text_born", "_r__text_born", 1)
    END AS "_damerau_levenshtein_2",
    abs(date_part('epoch', "_l_born") - date_part('epoch', "_r_born")) AS "_seconds_2",
    ("_l_lat" IS NULL) OR ("_r_lat" IS NULL) OR ("_l_lon" IS NULL) OR ("_r_lon" IS NULL) AS "_missing_3",
    distance_km(CAST("_l_lat" AS DOUBLE PRECISION), CAST("_l_lon" AS DOUBLE PRECISION), CAST("_r_lat" AS DOUBLE PRECISION), CAST("_r_lon" AS DOUBLE PRECISION)) AS "_km_3",
    ("_l_lat" IS NULL) OR ("_r_lat" IS NULL) AS "_missing_4",
    abs("_l_lat" - "_r_lat") AS "_difference_4",
    ("_l_tags" IS NULL) OR ("_r_tags" IS NULL) AS "_missing_5",
    cardinality(array_intersect("_l_tags", "_r_tags")) AS "_common_5"
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
    (((((CAST(-9.964340867792 AS DOUBLE PRECISION) + CASE "_level_0" WHEN 0 THEN CAST(-1.000000000000 AS DOUBLE PRECISION) - log2("_frequency_0") WHEN 1 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 2 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 3 THEN CAST(1.000000000000 AS DOUBLE PRECISION) ELSE CAST(0.000000000000 AS DOUBLE PRECISION) END) + CASE "_level_1" WHEN 0 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 1 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 2 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 3 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 4 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 5 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 6 THEN CAST(1.000000000000 AS DOUBLE PRECISION) ELSE CAST(0.000000000000 AS DOUBLE PRECISION) END) + CASE "_level_2" WHEN 0 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 1 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 2 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 3 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 4 THEN CAST(1.000000000000 AS DOUBLE PRECISION) ELSE CAST(0.000000000000 AS DOUBLE PRECISION) END) + CASE "_level_3" WHEN 0 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 1 THEN CAST(1.000000000000 AS DOUBLE PRECISION) ELSE CAST(0.000000000000 AS DOUBLE PRECISION) END) + CASE "_level_4" WHEN 0 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 1 THEN CAST(1.000000000000 AS DOUBLE PRECISION) ELSE CAST(0.000000000000 AS DOUBLE PRECISION) END) + CASE "_level_5" WHEN 0 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 1 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 2 THEN CAST(1.000000000000 AS DOUBLE PRECISION) ELSE CAST(0.000000000000 AS DOUBLE PRECISION) END AS "_weight"
  FROM
    "leveled"
)
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
  "_weight" >= CAST(0.000000000000 AS DOUBLE PRECISION);

-- _customer_pairs_2
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
    "r"."_text_born" AS "_r__text_born",
    "l"."_frequency_0" AS "_frequency_0"
  FROM
    "kinfold"."_customer_records" AS "l"
    JOIN "kinfold"."_customer_records" AS "r" ON (("l"."_key_2_0" = "r"."_key_2_0") AND (NOT "l"."_common_2")) AND ((("l"."_part" < "r"."_part") OR (("l"."_part" = "r"."_part") AND ("l"."_value" < "r"."_value"))) AND (NOT (("l"."_identifier" = "r"."_identifier") AND ("l"."_value" = "r"."_value")))) AND (NOT coalesce(("l"."last" = "r"."last") AND ("l"."born" = "r"."born") AND (NOT "l"."_common_0"), false)) AND (NOT coalesce(("l"."born" = "r"."born") AND ("l"."_key_1_0_l" = "r"."_key_1_0_r") AND ("l"."_key_1_1_l" = "r"."_key_1_1_r") AND ("l"."first" = "r"."last" AND ("l"."last" = "r"."first" AND "l"."born" = "r"."born") AND "l"."lat" < 5), false))
), "measured" AS (
  SELECT
    "_identifier_l",
    "_value_l",
    "_identifier_r",
    "_value_r",
    "_frequency_0",
    ("_l_first" IS NULL) OR ("_r_first" IS NULL) AS "_missing_0",
    "_l_first" = "_r_first" AS "_holds_0_0",
    CASE
      WHEN "_l_first" = "_r_first" THEN
        CAST(1 AS DOUBLE PRECISION)
      ELSE
        jaro_winkler("_l_first", "_r_first", CAST(0.8 AS DOUBLE PRECISION))
    END AS "_jaro_winkler_0",
    ("_l_last" IS NULL) OR ("_r_last" IS NULL) AS "_missing_1",
    "_l_last" = "_r_last" AS "_holds_1_0",
    ("_l_last" = "_r_first") AND ("_l_first" = "_r_last") AS "_holds_1_1",
    (left("_l_last", 3) = left("_r_last", 3)) AND (length("_l_last") >= 3) AND (length("_r_last") >= 3) AS "_holds_1_2",
    split_part("_l_last", '-', 1) = split_part("_r_last", '-', 1) AS "_holds_1_3",
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
    CASE
      WHEN "_l_born" = "_r_born" THEN
        0
      ELSE
        damerau_levenshtein("_l__text_born", "_r__text_born", 1)
    END AS "_damerau_levenshtein_2",
    abs(date_part('epoch', "_l_born") - date_part('epoch', "_r_born")) AS "_seconds_2",
    ("_l_lat" IS NULL) OR ("_r_lat" IS NULL) OR ("_l_lon" IS NULL) OR ("_r_lon" IS NULL) AS "_missing_3",
    distance_km(CAST("_l_lat" AS DOUBLE PRECISION), CAST("_l_lon" AS DOUBLE PRECISION), CAST("_r_lat" AS DOUBLE PRECISION), CAST("_r_lon" AS DOUBLE PRECISION)) AS "_km_3",
    ("_l_lat" IS NULL) OR ("_r_lat" IS NULL) AS "_missing_4",
    abs("_l_lat" - "_r_lat") AS "_difference_4",
    ("_l_tags" IS NULL) OR ("_r_tags" IS NULL) AS "_missing_5",
    cardinality(array_intersect("_l_tags", "_r_tags")) AS "_common_5"
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
    (((((CAST(-9.964340867792 AS DOUBLE PRECISION) + CASE "_level_0" WHEN 0 THEN CAST(-1.000000000000 AS DOUBLE PRECISION) - log2("_frequency_0") WHEN 1 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 2 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 3 THEN CAST(1.000000000000 AS DOUBLE PRECISION) ELSE CAST(0.000000000000 AS DOUBLE PRECISION) END) + CASE "_level_1" WHEN 0 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 1 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 2 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 3 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 4 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 5 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 6 THEN CAST(1.000000000000 AS DOUBLE PRECISION) ELSE CAST(0.000000000000 AS DOUBLE PRECISION) END) + CASE "_level_2" WHEN 0 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 1 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 2 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 3 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 4 THEN CAST(1.000000000000 AS DOUBLE PRECISION) ELSE CAST(0.000000000000 AS DOUBLE PRECISION) END) + CASE "_level_3" WHEN 0 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 1 THEN CAST(1.000000000000 AS DOUBLE PRECISION) ELSE CAST(0.000000000000 AS DOUBLE PRECISION) END) + CASE "_level_4" WHEN 0 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 1 THEN CAST(1.000000000000 AS DOUBLE PRECISION) ELSE CAST(0.000000000000 AS DOUBLE PRECISION) END) + CASE "_level_5" WHEN 0 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 1 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 2 THEN CAST(1.000000000000 AS DOUBLE PRECISION) ELSE CAST(0.000000000000 AS DOUBLE PRECISION) END AS "_weight"
  FROM
    "leveled"
)
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
  "_weight" >= CAST(0.000000000000 AS DOUBLE PRECISION);

-- _customer_pairs
WITH "likely" AS (
  SELECT
    "_identifier_l",
    "_value_l",
    "_identifier_r",
    "_value_r",
    "_levels",
    "_weights",
    "_weight"
  FROM
    "kinfold"."_customer_pairs_0" AS "p"
  UNION ALL
  SELECT
    "_identifier_l",
    "_value_l",
    "_identifier_r",
    "_value_r",
    "_levels",
    "_weights",
    "_weight"
  FROM
    "kinfold"."_customer_pairs_1" AS "p"
  UNION ALL
  SELECT
    "_identifier_l",
    "_value_l",
    "_identifier_r",
    "_value_r",
    "_levels",
    "_weights",
    "_weight"
  FROM
    "kinfold"."_customer_pairs_2" AS "p"
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
SELECT
  "_identifier" AS "identifier",
  "_value" AS "value",
  "_hash" AS "record_hash"
FROM
  "kinfold"."_customer_records" AS "r"
GROUP BY
  "_identifier", "_value", "_hash";

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

-- onward: _customer_records
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
    "tags" AS "tags"
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
), "frequency_0" AS (
  SELECT
    "first" AS "_of",
    CAST(count(*) AS DOUBLE PRECISION) / CAST(sum(count(*)) OVER () AS DOUBLE PRECISION) AS "_share"
  FROM
    "records"
  WHERE
    "first" IS NOT NULL
  GROUP BY
    "first"
), "with_frequency_0" AS (
  SELECT
    "records"."_identifier" AS "_identifier",
    "records"."_value" AS "_value",
    "records"."_part" AS "_part",
    "records"."first" AS "first",
    "records"."last" AS "last",
    "records"."born" AS "born",
    "records"."lat" AS "lat",
    "records"."lon" AS "lon",
    "records"."tags" AS "tags",
    "frequency_0"."_share" AS "_frequency_0"
  FROM
    "frequency_0"
    RIGHT JOIN "records" ON "frequency_0"."_of" = "records"."first"
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
    "_frequency_0",
    CAST("born" AS VARCHAR) AS "_text_born",
    "first" AS "_key_1_0_l",
    "last" AS "_key_1_0_r",
    "last" AS "_key_1_1_l",
    "first" AS "_key_1_1_r",
    left("first", 3) AS "_key_2_0"
  FROM
    "with_frequency_0"
), "having_common_0" AS (
  SELECT
    "last",
    "born"
  FROM
    "keyed"
  WHERE
    ("last" IS NOT NULL) AND ("born" IS NOT NULL)
  GROUP BY
    "last", "born"
  HAVING
    count(*) > 500
), "with_having_common_0" AS (
  SELECT
    "keyed"."_identifier" AS "_identifier",
    "keyed"."_value" AS "_value",
    "keyed"."_part" AS "_part",
    "keyed"."first" AS "first",
    "keyed"."last" AS "last",
    "keyed"."born" AS "born",
    "keyed"."lat" AS "lat",
    "keyed"."lon" AS "lon",
    "keyed"."tags" AS "tags",
    "keyed"."_frequency_0" AS "_frequency_0",
    "keyed"."_text_born" AS "_text_born",
    "keyed"."_key_1_0_l" AS "_key_1_0_l",
    "keyed"."_key_1_0_r" AS "_key_1_0_r",
    "keyed"."_key_1_1_l" AS "_key_1_1_l",
    "keyed"."_key_1_1_r" AS "_key_1_1_r",
    "keyed"."_key_2_0" AS "_key_2_0",
    "having_common_0"."last" IS NOT NULL AS "_common_0"
  FROM
    "having_common_0"
    RIGHT JOIN "keyed" ON ("having_common_0"."last" = "keyed"."last") AND ("having_common_0"."born" = "keyed"."born")
), "having_common_2" AS (
  SELECT
    "_key_2_0"
  FROM
    "keyed"
  WHERE
    "_key_2_0" IS NOT NULL
  GROUP BY
    "_key_2_0"
  HAVING
    count(*) > 500
), "with_having_common_2" AS (
  SELECT
    "with_having_common_0"."_identifier" AS "_identifier",
    "with_having_common_0"."_value" AS "_value",
    "with_having_common_0"."_part" AS "_part",
    "with_having_common_0"."first" AS "first",
    "with_having_common_0"."last" AS "last",
    "with_having_common_0"."born" AS "born",
    "with_having_common_0"."lat" AS "lat",
    "with_having_common_0"."lon" AS "lon",
    "with_having_common_0"."tags" AS "tags",
    "with_having_common_0"."_frequency_0" AS "_frequency_0",
    "with_having_common_0"."_text_born" AS "_text_born",
    "with_having_common_0"."_key_1_0_l" AS "_key_1_0_l",
    "with_having_common_0"."_key_1_0_r" AS "_key_1_0_r",
    "with_having_common_0"."_key_1_1_l" AS "_key_1_1_l",
    "with_having_common_0"."_key_1_1_r" AS "_key_1_1_r",
    "with_having_common_0"."_key_2_0" AS "_key_2_0",
    "with_having_common_0"."_common_0" AS "_common_0",
    "having_common_2"."_key_2_0" IS NOT NULL AS "_common_2"
  FROM
    "having_common_2"
    RIGHT JOIN "with_having_common_0" ON "having_common_2"."_key_2_0" = "with_having_common_0"."_key_2_0"
), "hashed" AS (
  SELECT
    "_identifier",
    "_value",
    md5(CAST(jsonb_build_array('b44f88e7bf674caa', "_part", "first", "last", "born", "lat", "lon", "tags") AS TEXT)) AS "_row"
  FROM
    "records"
), "of_id" AS (
  SELECT
    "_identifier",
    "_value",
    string_agg("_row", ',' ORDER BY "_row") AS "_rows"
  FROM
    "hashed"
  GROUP BY
    "_identifier", "_value"
), "with_of_id" AS (
  SELECT
    "with_having_common_2"."_identifier" AS "_identifier",
    "with_having_common_2"."_value" AS "_value",
    "with_having_common_2"."_part" AS "_part",
    "with_having_common_2"."first" AS "first",
    "with_having_common_2"."last" AS "last",
    "with_having_common_2"."born" AS "born",
    "with_having_common_2"."lat" AS "lat",
    "with_having_common_2"."lon" AS "lon",
    "with_having_common_2"."tags" AS "tags",
    "with_having_common_2"."_frequency_0" AS "_frequency_0",
    "with_having_common_2"."_text_born" AS "_text_born",
    "with_having_common_2"."_key_1_0_l" AS "_key_1_0_l",
    "with_having_common_2"."_key_1_0_r" AS "_key_1_0_r",
    "with_having_common_2"."_key_1_1_l" AS "_key_1_1_l",
    "with_having_common_2"."_key_1_1_r" AS "_key_1_1_r",
    "with_having_common_2"."_key_2_0" AS "_key_2_0",
    "with_having_common_2"."_common_0" AS "_common_0",
    "with_having_common_2"."_common_2" AS "_common_2",
    md5("of_id"."_rows") AS "_hash"
  FROM
    "of_id"
    RIGHT JOIN "with_having_common_2" ON ("of_id"."_identifier" = "with_having_common_2"."_identifier") AND ("of_id"."_value" = "with_having_common_2"."_value")
), "before" AS (
  SELECT
    "identifier",
    "value",
    "record_hash"
  FROM
    "previous"."customer_records" AS "b"
), "with_before" AS (
  SELECT
    "with_of_id"."_identifier" AS "_identifier",
    "with_of_id"."_value" AS "_value",
    "with_of_id"."_part" AS "_part",
    "with_of_id"."first" AS "first",
    "with_of_id"."last" AS "last",
    "with_of_id"."born" AS "born",
    "with_of_id"."lat" AS "lat",
    "with_of_id"."lon" AS "lon",
    "with_of_id"."tags" AS "tags",
    "with_of_id"."_frequency_0" AS "_frequency_0",
    "with_of_id"."_text_born" AS "_text_born",
    "with_of_id"."_key_1_0_l" AS "_key_1_0_l",
    "with_of_id"."_key_1_0_r" AS "_key_1_0_r",
    "with_of_id"."_key_1_1_l" AS "_key_1_1_l",
    "with_of_id"."_key_1_1_r" AS "_key_1_1_r",
    "with_of_id"."_key_2_0" AS "_key_2_0",
    "with_of_id"."_common_0" AS "_common_0",
    "with_of_id"."_common_2" AS "_common_2",
    "with_of_id"."_hash" AS "_hash",
    "before"."value" IS NULL AS "_fresh"
  FROM
    "before"
    RIGHT JOIN "with_of_id" ON ("before"."identifier" = "with_of_id"."_identifier") AND ("before"."value" = "with_of_id"."_value") AND ("before"."record_hash" = "with_of_id"."_hash")
)
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
  "_frequency_0",
  "_text_born",
  "_key_1_0_l",
  "_key_1_0_r",
  "_key_1_1_l",
  "_key_1_1_r",
  "_key_2_0",
  "_common_0",
  "_common_2",
  "_hash",
  "_fresh"
FROM
  "with_before";

-- onward: _customer_pairs_0
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
    "r"."_text_born" AS "_r__text_born",
    "l"."_frequency_0" AS "_frequency_0"
  FROM
    "kinfold"."_customer_records" AS "l"
    JOIN "kinfold"."_customer_records" AS "r" ON (("l"."last" = "r"."last") AND ("l"."born" = "r"."born") AND (NOT "l"."_common_0")) AND ((("l"."_part" < "r"."_part") OR (("l"."_part" = "r"."_part") AND ("l"."_value" < "r"."_value"))) AND (NOT (("l"."_identifier" = "r"."_identifier") AND ("l"."_value" = "r"."_value"))))
  WHERE
    "l"."_fresh"
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
    "r"."_text_born" AS "_r__text_born",
    "l"."_frequency_0" AS "_frequency_0"
  FROM
    "kinfold"."_customer_records" AS "l"
    JOIN "kinfold"."_customer_records" AS "r" ON (("l"."last" = "r"."last") AND ("l"."born" = "r"."born") AND (NOT "l"."_common_0")) AND ((("l"."_part" < "r"."_part") OR (("l"."_part" = "r"."_part") AND ("l"."_value" < "r"."_value"))) AND (NOT (("l"."_identifier" = "r"."_identifier") AND ("l"."_value" = "r"."_value"))))
  WHERE
    (NOT "l"."_fresh") AND "r"."_fresh"
), "measured" AS (
  SELECT
    "_identifier_l",
    "_value_l",
    "_identifier_r",
    "_value_r",
    "_frequency_0",
    ("_l_first" IS NULL) OR ("_r_first" IS NULL) AS "_missing_0",
    "_l_first" = "_r_first" AS "_holds_0_0",
    CASE
      WHEN "_l_first" = "_r_first" THEN
        CAST(1 AS DOUBLE PRECISION)
      ELSE
        jaro_winkler("_l_first", "_r_first", CAST(0.8 AS DOUBLE PRECISION))
    END AS "_jaro_winkler_0",
    ("_l_last" IS NULL) OR ("_r_last" IS NULL) AS "_missing_1",
    "_l_last" = "_r_last" AS "_holds_1_0",
    ("_l_last" = "_r_first") AND ("_l_first" = "_r_last") AS "_holds_1_1",
    (left("_l_last", 3) = left("_r_last", 3)) AND (length("_l_last") >= 3) AND (length("_r_last") >= 3) AS "_holds_1_2",
    split_part("_l_last", '-', 1) = split_part("_r_last", '-', 1) AS "_holds_1_3",
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
    CASE
      WHEN "_l_born" = "_r_born" THEN
        0
      ELSE
        damerau_levenshtein("_l__text_born", "_r__text_born", 1)
    END AS "_damerau_levenshtein_2",
    abs(date_part('epoch', "_l_born") - date_part('epoch', "_r_born")) AS "_seconds_2",
    ("_l_lat" IS NULL) OR ("_r_lat" IS NULL) OR ("_l_lon" IS NULL) OR ("_r_lon" IS NULL) AS "_missing_3",
    distance_km(CAST("_l_lat" AS DOUBLE PRECISION), CAST("_l_lon" AS DOUBLE PRECISION), CAST("_r_lat" AS DOUBLE PRECISION), CAST("_r_lon" AS DOUBLE PRECISION)) AS "_km_3",
    ("_l_lat" IS NULL) OR ("_r_lat" IS NULL) AS "_missing_4",
    abs("_l_lat" - "_r_lat") AS "_difference_4",
    ("_l_tags" IS NULL) OR ("_r_tags" IS NULL) AS "_missing_5",
    cardinality(array_intersect("_l_tags", "_r_tags")) AS "_common_5"
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
    (((((CAST(-9.964340867792 AS DOUBLE PRECISION) + CASE "_level_0" WHEN 0 THEN CAST(-1.000000000000 AS DOUBLE PRECISION) - log2("_frequency_0") WHEN 1 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 2 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 3 THEN CAST(1.000000000000 AS DOUBLE PRECISION) ELSE CAST(0.000000000000 AS DOUBLE PRECISION) END) + CASE "_level_1" WHEN 0 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 1 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 2 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 3 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 4 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 5 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 6 THEN CAST(1.000000000000 AS DOUBLE PRECISION) ELSE CAST(0.000000000000 AS DOUBLE PRECISION) END) + CASE "_level_2" WHEN 0 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 1 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 2 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 3 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 4 THEN CAST(1.000000000000 AS DOUBLE PRECISION) ELSE CAST(0.000000000000 AS DOUBLE PRECISION) END) + CASE "_level_3" WHEN 0 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 1 THEN CAST(1.000000000000 AS DOUBLE PRECISION) ELSE CAST(0.000000000000 AS DOUBLE PRECISION) END) + CASE "_level_4" WHEN 0 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 1 THEN CAST(1.000000000000 AS DOUBLE PRECISION) ELSE CAST(0.000000000000 AS DOUBLE PRECISION) END) + CASE "_level_5" WHEN 0 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 1 THEN CAST(1.000000000000 AS DOUBLE PRECISION) WHEN 2 THEN CAST(1.000000000000 AS DOUBLE PRECISION) ELSE CAST(0.000000000000 AS DOUBLE PRECISION) END AS "_weight"
  FROM
    "leveled"
)
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
  "_weight" >= CAST(0.000000000000 AS DOUBLE PRECISION);

-- onward: _customer_pairs
WITH "before" AS (
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
    "kinfold"."_customer_records" AS "r"
  WHERE
    NOT "_fresh"
  GROUP BY
    "_identifier", "_value"
), "likely" AS (
  SELECT
    "_identifier_l",
    "_value_l",
    "_identifier_r",
    "_value_r",
    "_levels",
    "_weights",
    "_weight"
  FROM
    "kinfold"."_customer_pairs_0" AS "p"
  UNION ALL
  SELECT
    "_identifier_l",
    "_value_l",
    "_identifier_r",
    "_value_r",
    "_levels",
    "_weights",
    "_weight"
  FROM
    "kinfold"."_customer_pairs_1" AS "p"
  UNION ALL
  SELECT
    "_identifier_l",
    "_value_l",
    "_identifier_r",
    "_value_r",
    "_levels",
    "_weights",
    "_weight"
  FROM
    "kinfold"."_customer_pairs_2" AS "p"
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
    JOIN "settled" AS "r" ON ("r"."_identifier" = "before"."_identifier_r") AND ("r"."_value" = "before"."_value_r")
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

-- training: records
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
    "tags" AS "tags"
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
), "frequency_0" AS (
  SELECT
    "first" AS "_of",
    CAST(count(*) AS DOUBLE PRECISION) / CAST(sum(count(*)) OVER () AS DOUBLE PRECISION) AS "_share"
  FROM
    "records"
  WHERE
    "first" IS NOT NULL
  GROUP BY
    "first"
), "with_frequency_0" AS (
  SELECT
    "records"."_identifier" AS "_identifier",
    "records"."_value" AS "_value",
    "records"."_part" AS "_part",
    "records"."first" AS "first",
    "records"."last" AS "last",
    "records"."born" AS "born",
    "records"."lat" AS "lat",
    "records"."lon" AS "lon",
    "records"."tags" AS "tags",
    "frequency_0"."_share" AS "_frequency_0"
  FROM
    "frequency_0"
    RIGHT JOIN "records" ON "frequency_0"."_of" = "records"."first"
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
    "_frequency_0",
    CAST("born" AS VARCHAR) AS "_text_born"
  FROM
    "with_frequency_0"
), "having_common_0" AS (
  SELECT
    "born"
  FROM
    "keyed"
  WHERE
    "born" IS NOT NULL
  GROUP BY
    "born"
  HAVING
    count(*) > 500
), "with_having_common_0" AS (
  SELECT
    "keyed"."_identifier" AS "_identifier",
    "keyed"."_value" AS "_value",
    "keyed"."_part" AS "_part",
    "keyed"."first" AS "first",
    "keyed"."last" AS "last",
    "keyed"."born" AS "born",
    "keyed"."lat" AS "lat",
    "keyed"."lon" AS "lon",
    "keyed"."tags" AS "tags",
    "keyed"."_frequency_0" AS "_frequency_0",
    "keyed"."_text_born" AS "_text_born",
    "having_common_0"."born" IS NOT NULL AS "_common_0"
  FROM
    "having_common_0"
    RIGHT JOIN "keyed" ON "having_common_0"."born" = "keyed"."born"
), "having_common_1" AS (
  SELECT
    "first",
    "last",
    "born"
  FROM
    "keyed"
  WHERE
    ("first" IS NOT NULL) AND ("last" IS NOT NULL) AND ("born" IS NOT NULL)
  GROUP BY
    "first", "last", "born"
  HAVING
    count(*) > 500
), "with_having_common_1" AS (
  SELECT
    "with_having_common_0"."_identifier" AS "_identifier",
    "with_having_common_0"."_value" AS "_value",
    "with_having_common_0"."_part" AS "_part",
    "with_having_common_0"."first" AS "first",
    "with_having_common_0"."last" AS "last",
    "with_having_common_0"."born" AS "born",
    "with_having_common_0"."lat" AS "lat",
    "with_having_common_0"."lon" AS "lon",
    "with_having_common_0"."tags" AS "tags",
    "with_having_common_0"."_frequency_0" AS "_frequency_0",
    "with_having_common_0"."_text_born" AS "_text_born",
    "with_having_common_0"."_common_0" AS "_common_0",
    "having_common_1"."first" IS NOT NULL AS "_common_1"
  FROM
    "having_common_1"
    RIGHT JOIN "with_having_common_0" ON ("having_common_1"."first" = "with_having_common_0"."first") AND ("having_common_1"."last" = "with_having_common_0"."last") AND ("having_common_1"."born" = "with_having_common_0"."born")
), "having_common_2" AS (
  SELECT
    "tags"
  FROM
    "keyed"
  WHERE
    "tags" IS NOT NULL
  GROUP BY
    "tags"
  HAVING
    count(*) > 500
), "with_having_common_2" AS (
  SELECT
    "with_having_common_1"."_identifier" AS "_identifier",
    "with_having_common_1"."_value" AS "_value",
    "with_having_common_1"."_part" AS "_part",
    "with_having_common_1"."first" AS "first",
    "with_having_common_1"."last" AS "last",
    "with_having_common_1"."born" AS "born",
    "with_having_common_1"."lat" AS "lat",
    "with_having_common_1"."lon" AS "lon",
    "with_having_common_1"."tags" AS "tags",
    "with_having_common_1"."_frequency_0" AS "_frequency_0",
    "with_having_common_1"."_text_born" AS "_text_born",
    "with_having_common_1"."_common_0" AS "_common_0",
    "with_having_common_1"."_common_1" AS "_common_1",
    "having_common_2"."tags" IS NOT NULL AS "_common_2"
  FROM
    "having_common_2"
    RIGHT JOIN "with_having_common_1" ON "having_common_2"."tags" = "with_having_common_1"."tags"
)
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
  "_frequency_0",
  "_text_born",
  "_common_0",
  "_common_1",
  "_common_2"
FROM
  "with_having_common_2";

-- training: sizes
SELECT
  "_part" AS "part",
  count(*) AS "records"
FROM
  "kinfold"."_customer_records" AS "r"
GROUP BY
  "_part";

-- training: pairs that agree in "born"
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
    "r"."_text_born" AS "_r__text_born",
    "l"."_frequency_0" AS "_frequency_0"
  FROM
    "kinfold"."_customer_records" AS "l"
    JOIN "kinfold"."_customer_records" AS "r" ON (("l"."born" = "r"."born") AND (NOT "l"."_common_0")) AND ((("l"."_part" < "r"."_part") OR (("l"."_part" = "r"."_part") AND ("l"."_value" < "r"."_value"))) AND (NOT (("l"."_identifier" = "r"."_identifier") AND ("l"."_value" = "r"."_value"))))
), "measured" AS (
  SELECT
    "_identifier_l",
    "_value_l",
    "_identifier_r",
    "_value_r",
    "_frequency_0",
    ("_l_first" IS NULL) OR ("_r_first" IS NULL) AS "_missing_0",
    "_l_first" = "_r_first" AS "_holds_0_0",
    CASE
      WHEN "_l_first" = "_r_first" THEN
        CAST(1 AS DOUBLE PRECISION)
      ELSE
        jaro_winkler("_l_first", "_r_first", CAST(0.8 AS DOUBLE PRECISION))
    END AS "_jaro_winkler_0",
    ("_l_last" IS NULL) OR ("_r_last" IS NULL) AS "_missing_1",
    "_l_last" = "_r_last" AS "_holds_1_0",
    ("_l_last" = "_r_first") AND ("_l_first" = "_r_last") AS "_holds_1_1",
    (left("_l_last", 3) = left("_r_last", 3)) AND (length("_l_last") >= 3) AND (length("_r_last") >= 3) AS "_holds_1_2",
    split_part("_l_last", '-', 1) = split_part("_r_last", '-', 1) AS "_holds_1_3",
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
    CASE
      WHEN "_l_born" = "_r_born" THEN
        0
      ELSE
        damerau_levenshtein("_l__text_born", "_r__text_born", 1)
    END AS "_damerau_levenshtein_2",
    abs(date_part('epoch', "_l_born") - date_part('epoch', "_r_born")) AS "_seconds_2",
    ("_l_lat" IS NULL) OR ("_r_lat" IS NULL) OR ("_l_lon" IS NULL) OR ("_r_lon" IS NULL) AS "_missing_3",
    distance_km(CAST("_l_lat" AS DOUBLE PRECISION), CAST("_l_lon" AS DOUBLE PRECISION), CAST("_r_lat" AS DOUBLE PRECISION), CAST("_r_lon" AS DOUBLE PRECISION)) AS "_km_3",
    ("_l_lat" IS NULL) OR ("_r_lat" IS NULL) AS "_missing_4",
    abs("_l_lat" - "_r_lat") AS "_difference_4",
    ("_l_tags" IS NULL) OR ("_r_tags" IS NULL) AS "_missing_5",
    cardinality(array_intersect("_l_tags", "_r_tags")) AS "_common_5"
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

-- training: certain pairs
WITH "pairs" AS (
  SELECT
    "l"."_value" AS "_value_l",
    "r"."_value" AS "_value_r"
  FROM
    "kinfold"."_customer_records" AS "l"
    JOIN "kinfold"."_customer_records" AS "r" ON (("l"."first" = "r"."first") AND ("l"."last" = "r"."last") AND ("l"."born" = "r"."born") AND (NOT "l"."_common_1")) AND ((("l"."_part" < "r"."_part") OR (("l"."_part" = "r"."_part") AND ("l"."_value" < "r"."_value"))) AND (NOT (("l"."_identifier" = "r"."_identifier") AND ("l"."_value" = "r"."_value"))))
  UNION ALL
  SELECT
    "l"."_value" AS "_value_l",
    "r"."_value" AS "_value_r"
  FROM
    "kinfold"."_customer_records" AS "l"
    JOIN "kinfold"."_customer_records" AS "r" ON (("l"."tags" = "r"."tags") AND (NOT "l"."_common_2")) AND ((("l"."_part" < "r"."_part") OR (("l"."_part" = "r"."_part") AND ("l"."_value" < "r"."_value"))) AND (NOT (("l"."_identifier" = "r"."_identifier") AND ("l"."_value" = "r"."_value")))) AND (NOT coalesce(("l"."first" = "r"."first") AND ("l"."last" = "r"."last") AND ("l"."born" = "r"."born") AND (NOT "l"."_common_1"), false))
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
    "r"."_text_born" AS "_r__text_born",
    "l"."_frequency_0" AS "_frequency_0"
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
    "r"."_text_born" AS "_r__text_born",
    "l"."_frequency_0" AS "_frequency_0"
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
    "r"."_text_born" AS "_r__text_born",
    "l"."_frequency_0" AS "_frequency_0"
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
    "r"."_text_born" AS "_r__text_born",
    "l"."_frequency_0" AS "_frequency_0"
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
    "r"."_text_born" AS "_r__text_born",
    "l"."_frequency_0" AS "_frequency_0"
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
    "r"."_text_born" AS "_r__text_born",
    "l"."_frequency_0" AS "_frequency_0"
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
    "r"."_text_born" AS "_r__text_born",
    "l"."_frequency_0" AS "_frequency_0"
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
    "r"."_text_born" AS "_r__text_born",
    "l"."_frequency_0" AS "_frequency_0"
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
    "_frequency_0",
    ("_l_first" IS NULL) OR ("_r_first" IS NULL) AS "_missing_0",
    "_l_first" = "_r_first" AS "_holds_0_0",
    CASE
      WHEN "_l_first" = "_r_first" THEN
        CAST(1 AS DOUBLE PRECISION)
      ELSE
        jaro_winkler("_l_first", "_r_first", CAST(0.8 AS DOUBLE PRECISION))
    END AS "_jaro_winkler_0",
    ("_l_last" IS NULL) OR ("_r_last" IS NULL) AS "_missing_1",
    "_l_last" = "_r_last" AS "_holds_1_0",
    ("_l_last" = "_r_first") AND ("_l_first" = "_r_last") AS "_holds_1_1",
    (left("_l_last", 3) = left("_r_last", 3)) AND (length("_l_last") >= 3) AND (length("_r_last") >= 3) AS "_holds_1_2",
    split_part("_l_last", '-', 1) = split_part("_r_last", '-', 1) AS "_holds_1_3",
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
    CASE
      WHEN "_l_born" = "_r_born" THEN
        0
      ELSE
        damerau_levenshtein("_l__text_born", "_r__text_born", 1)
    END AS "_damerau_levenshtein_2",
    abs(date_part('epoch', "_l_born") - date_part('epoch', "_r_born")) AS "_seconds_2",
    ("_l_lat" IS NULL) OR ("_r_lat" IS NULL) OR ("_l_lon" IS NULL) OR ("_r_lon" IS NULL) AS "_missing_3",
    distance_km(CAST("_l_lat" AS DOUBLE PRECISION), CAST("_l_lon" AS DOUBLE PRECISION), CAST("_r_lat" AS DOUBLE PRECISION), CAST("_r_lon" AS DOUBLE PRECISION)) AS "_km_3",
    ("_l_lat" IS NULL) OR ("_r_lat" IS NULL) AS "_missing_4",
    abs("_l_lat" - "_r_lat") AS "_difference_4",
    ("_l_tags" IS NULL) OR ("_r_tags" IS NULL) AS "_missing_5",
    cardinality(array_intersect("_l_tags", "_r_tags")) AS "_common_5"
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

