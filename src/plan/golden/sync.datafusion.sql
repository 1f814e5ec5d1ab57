-- wanted vips
WITH "identifiers" AS (
  SELECT
    "profile_id",
    kinfold_last("value", "last_seen_at") FILTER (WHERE "identifier" = 'email') AS "email",
    kinfold_last("value", "last_seen_at") FILTER (WHERE "identifier" = 'phone') AS "phone"
  FROM
    "kinfold"."customer_identifiers" AS "i"
  WHERE
    "identifier" IN ('email', 'phone')
  GROUP BY
    "profile_id"
), "profiles" AS (
  SELECT
    "c"."profile_id" AS "profile_id",
    "c"."first_name" AS "first_name",
    "c"."lifetime_value" AS "lifetime_value",
    "i"."email" AS "email",
    "i"."phone" AS "phone"
  FROM
    "kinfold"."customer" AS "c"
    JOIN "kinfold"."customer_segments" AS "m" ON ("m"."profile_id" = "c"."profile_id") AND ("m"."segment" = 'vip_at_risk')
    LEFT JOIN "identifiers" AS "i" ON "i"."profile_id" = "c"."profile_id"
)
SELECT
  "email" AS "email",
  "first_name" AS "firstname",
  round("lifetime_value", 2) AS "ltv",
  "phone" AS "mobile"
FROM
  "profiles";

-- diff vips
WITH "rows" AS (
  WITH "identifiers" AS (
    SELECT
      "profile_id",
      kinfold_last("value", "last_seen_at") FILTER (WHERE "identifier" = 'email') AS "email",
      kinfold_last("value", "last_seen_at") FILTER (WHERE "identifier" = 'phone') AS "phone"
    FROM
      "kinfold"."customer_identifiers" AS "i"
    WHERE
      "identifier" IN ('email', 'phone')
    GROUP BY
      "profile_id"
  ), "profiles" AS (
    SELECT
      "c"."profile_id" AS "profile_id",
      "c"."first_name" AS "first_name",
      "c"."lifetime_value" AS "lifetime_value",
      "i"."email" AS "email",
      "i"."phone" AS "phone"
    FROM
      "kinfold"."customer" AS "c"
      JOIN "kinfold"."customer_segments" AS "m" ON ("m"."profile_id" = "c"."profile_id") AND ("m"."segment" = 'vip_at_risk')
      LEFT JOIN "identifiers" AS "i" ON "i"."profile_id" = "c"."profile_id"
  )
  SELECT
    "email" AS "0",
    "first_name" AS "1",
    round("lifetime_value", 2) AS "2",
    "phone" AS "3"
  FROM
    "profiles"
), "keyed" AS (
  SELECT
    CAST("0" AS VARCHAR) AS "_key",
    kinfold_row_hash('email;firstname,ltv,mobile;send', "0", "1", "2", "3") AS "_hash",
    "0",
    "1",
    "2",
    "3"
  FROM
    "rows"
), "wanted" AS (
  SELECT
    "keyed".*,
    count(*) OVER (
      PARTITION BY "_key"
    ) AS "_same_key"
  FROM
    "keyed"
), "compared" AS (
  SELECT
    coalesce("wanted"."_key", "ledger"."_key") AS "_key",
    "ledger"."_identity" AS "_identity",
    "wanted"."_hash" AS "_hash",
    CASE
      WHEN "wanted"."_same_key" IS NULL THEN
        CASE
          WHEN NOT "ledger"."_held" THEN
            'forget'
          WHEN "ledger"."_state" = 'cleared' THEN
            NULL
          WHEN ("ledger"."_state" = 'rejected') AND ("ledger"."_operation" = 'clear') THEN
            NULL
          ELSE
            'clear'
        END
      WHEN ("wanted"."_key" IS NULL) OR ("wanted"."_same_key" > 1) THEN
        'invalid'
      WHEN ("ledger"."_state" = 'acknowledged') AND ("ledger"."_hash" = "wanted"."_hash") THEN
        NULL
      WHEN ("ledger"."_state" = 'rejected') AND ("ledger"."_operation" = 'upsert') AND ("ledger"."_sent_hash" = "wanted"."_hash") THEN
        NULL
      ELSE
        'upsert'
    END AS "_operation",
    "ledger"."_hash" IS NOT NULL AS "_known",
    "ledger"."_state" AS "_state",
    "ledger"."_operation" AS "_sent_operation",
    "ledger"."_sent_hash" AS "_sent_hash",
    "ledger"."_run" AS "_run",
    "wanted"."0" AS "0",
    "wanted"."1" AS "1",
    "wanted"."2" AS "2",
    "wanted"."3" AS "3"
  FROM
    "wanted"
    FULL JOIN "files"."ledger" AS "ledger" ON "ledger"."_key" = "wanted"."_key"
), "decided" AS (
  SELECT
    "_key",
    "_identity",
    CASE
      WHEN "_operation" IN ('insert', 'update', 'upsert') THEN
        "_hash"
    END AS "_hash",
    "_operation",
    "_known",
    "_state",
    "_sent_operation",
    "_sent_hash",
    "_run",
    "0",
    "1",
    "2",
    "3"
  FROM
    "compared"
  WHERE
    "_operation" IS NOT NULL
), "needed" AS (
  SELECT
    "_key",
    CASE
      WHEN "_operation" IN ('clear', 'delete', 'forget') THEN
        "_identity"
    END AS "_identity",
    "_hash",
    "_operation",
    "_known",
    CASE
      WHEN ("_state" = 'unknown') AND ("_sent_operation" = "_operation") AND (("_sent_hash" = "_hash") OR (("_sent_hash" IS NULL) AND ("_hash" IS NULL))) THEN
        "_run"
    END AS "_run",
    CASE
      WHEN ("_operation" IN ('invalid')) AND ("_key" IS NULL) THEN
        'the key is null'
      WHEN "_operation" IN ('invalid') THEN
        'the key is not unique'
    END AS "_reason",
    "0",
    "1",
    "2",
    "3"
  FROM
    "decided"
)
SELECT
  "_key",
  "_identity",
  "_hash",
  "_operation",
  "_known",
  "_run",
  "_reason",
  "0",
  "1",
  "2",
  "3"
FROM
  "needed" ORDER BY CASE "_operation" WHEN 'delete' THEN 1 WHEN 'clear' THEN 2 WHEN 'insert' THEN 3 WHEN 'update' THEN 3 WHEN 'upsert' THEN 3 WHEN 'forget' THEN 6 WHEN 'invalid' THEN 7 END, "_run", "_key";

-- wanted customers
WITH "profiles" AS (
  SELECT
    "c"."profile_id" AS "profile_id",
    "c"."tier" AS "tier"
  FROM
    "kinfold"."customer" AS "c"
)
SELECT
  "profile_id" AS "id",
  "tier" AS "tier"
FROM
  "profiles";

-- diff customers
WITH "rows" AS (
  WITH "profiles" AS (
    SELECT
      "c"."profile_id" AS "profile_id",
      "c"."tier" AS "tier"
    FROM
      "kinfold"."customer" AS "c"
  )
  SELECT
    "profile_id" AS "0",
    "tier" AS "1"
  FROM
    "profiles"
), "keyed" AS (
  SELECT
    CAST("0" AS VARCHAR) AS "_key",
    kinfold_row_hash('id;tier;send', "0", "1") AS "_hash",
    "0",
    "1"
  FROM
    "rows"
), "wanted" AS (
  SELECT
    "keyed".*,
    count(*) OVER (
      PARTITION BY "_key"
    ) AS "_same_key"
  FROM
    "keyed"
), "compared" AS (
  SELECT
    coalesce("wanted"."_key", "ledger"."_key") AS "_key",
    "ledger"."_identity" AS "_identity",
    "wanted"."_hash" AS "_hash",
    CASE
      WHEN "wanted"."_same_key" IS NULL THEN
        CASE
          WHEN NOT "ledger"."_held" THEN
            'forget'
          ELSE
            'delete'
        END
      WHEN ("wanted"."_key" IS NULL) OR ("wanted"."_same_key" > 1) THEN
        'invalid'
      WHEN ("ledger"."_state" = 'acknowledged') AND ("ledger"."_hash" = "wanted"."_hash") THEN
        NULL
      WHEN ("ledger"."_state" = 'rejected') AND ("ledger"."_operation" = 'upsert') AND ("ledger"."_sent_hash" = "wanted"."_hash") THEN
        NULL
      ELSE
        'upsert'
    END AS "_operation",
    "ledger"."_hash" IS NOT NULL AS "_known",
    "ledger"."_state" AS "_state",
    "ledger"."_operation" AS "_sent_operation",
    "ledger"."_sent_hash" AS "_sent_hash",
    "ledger"."_run" AS "_run",
    "wanted"."0" AS "0",
    "wanted"."1" AS "1"
  FROM
    "wanted"
    FULL JOIN "files"."ledger" AS "ledger" ON "ledger"."_key" = "wanted"."_key"
), "decided" AS (
  SELECT
    "_key",
    "_identity",
    CASE
      WHEN "_operation" IN ('insert', 'update', 'upsert') THEN
        "_hash"
    END AS "_hash",
    "_operation",
    "_known",
    "_state",
    "_sent_operation",
    "_sent_hash",
    "_run",
    "0",
    "1"
  FROM
    "compared"
  WHERE
    "_operation" IS NOT NULL
), "needed" AS (
  SELECT
    "_key",
    CASE
      WHEN "_operation" IN ('clear', 'delete', 'forget') THEN
        "_identity"
    END AS "_identity",
    "_hash",
    "_operation",
    "_known",
    CASE
      WHEN ("_state" = 'unknown') AND ("_sent_operation" = "_operation") AND (("_sent_hash" = "_hash") OR (("_sent_hash" IS NULL) AND ("_hash" IS NULL))) THEN
        "_run"
    END AS "_run",
    CASE
      WHEN ("_operation" IN ('invalid')) AND ("_key" IS NULL) THEN
        'the key is null'
      WHEN "_operation" IN ('invalid') THEN
        'the key is not unique'
    END AS "_reason",
    "0",
    "1"
  FROM
    "decided"
)
SELECT
  "_key",
  "_identity",
  "_hash",
  "_operation",
  "_known",
  "_run",
  "_reason",
  "0",
  "1"
FROM
  "needed" ORDER BY CASE "_operation" WHEN 'delete' THEN 1 WHEN 'clear' THEN 2 WHEN 'insert' THEN 3 WHEN 'update' THEN 3 WHEN 'upsert' THEN 3 WHEN 'forget' THEN 6 WHEN 'invalid' THEN 7 END, "_run", "_key";

-- wanted order_log
SELECT
  "order_id" AS "id",
  "status" AS "status",
  "amount" AS "amount"
FROM
  "kinfold"."paid_orders";

-- diff order_log
WITH "rows" AS (
  SELECT
    "order_id" AS "0",
    "status" AS "1",
    "amount" AS "2"
  FROM
    "kinfold"."paid_orders"
), "keyed" AS (
  SELECT
    replace(replace(CAST("0" AS VARCHAR), '\', '\\'), ',', '\,') || ',' || replace(replace(CAST("1" AS VARCHAR), '\', '\\'), ',', '\,') AS "_key",
    kinfold_row_hash('id,status;amount;send', "0", "1", "2") AS "_hash",
    "0",
    "1",
    "2"
  FROM
    "rows"
), "wanted" AS (
  SELECT
    "keyed".*,
    count(*) OVER (
      PARTITION BY "_key"
    ) AS "_same_key"
  FROM
    "keyed"
), "compared" AS (
  SELECT
    coalesce("wanted"."_key", "ledger"."_key") AS "_key",
    "ledger"."_identity" AS "_identity",
    "wanted"."_hash" AS "_hash",
    CASE
      WHEN "wanted"."_same_key" IS NULL THEN
        CASE
          WHEN NOT "ledger"."_held" THEN
            'forget'
        END
      WHEN ("wanted"."_key" IS NULL) OR ("wanted"."_same_key" > 1) THEN
        'invalid'
      WHEN "ledger"."_state" = 'acknowledged' THEN
        NULL
      WHEN ("ledger"."_state" = 'rejected') AND ("ledger"."_operation" = 'insert') AND ("ledger"."_sent_hash" = "wanted"."_hash") THEN
        NULL
      ELSE
        'insert'
    END AS "_operation",
    "ledger"."_hash" IS NOT NULL AS "_known",
    "ledger"."_state" AS "_state",
    "ledger"."_operation" AS "_sent_operation",
    "ledger"."_sent_hash" AS "_sent_hash",
    "ledger"."_run" AS "_run",
    "wanted"."0" AS "0",
    "wanted"."1" AS "1",
    "wanted"."2" AS "2"
  FROM
    "wanted"
    FULL JOIN "files"."ledger" AS "ledger" ON "ledger"."_key" = "wanted"."_key"
), "decided" AS (
  SELECT
    "_key",
    "_identity",
    CASE
      WHEN "_operation" IN ('insert', 'update', 'upsert') THEN
        "_hash"
    END AS "_hash",
    "_operation",
    "_known",
    "_state",
    "_sent_operation",
    "_sent_hash",
    "_run",
    "0",
    "1",
    "2"
  FROM
    "compared"
  WHERE
    "_operation" IS NOT NULL
), "needed" AS (
  SELECT
    "_key",
    CASE
      WHEN "_operation" IN ('clear', 'delete', 'forget') THEN
        "_identity"
    END AS "_identity",
    "_hash",
    "_operation",
    "_known",
    CASE
      WHEN ("_state" = 'unknown') AND ("_sent_operation" = "_operation") AND (("_sent_hash" = "_hash") OR (("_sent_hash" IS NULL) AND ("_hash" IS NULL))) THEN
        "_run"
    END AS "_run",
    CASE
      WHEN ("_operation" IN ('invalid')) AND ("_key" IS NULL) THEN
        'the key is null'
      WHEN "_operation" IN ('invalid') THEN
        'the key is not unique'
    END AS "_reason",
    "0",
    "1",
    "2"
  FROM
    "decided"
)
SELECT
  "_key",
  "_identity",
  "_hash",
  "_operation",
  "_known",
  "_run",
  "_reason",
  "0",
  "1",
  "2"
FROM
  "needed" ORDER BY CASE "_operation" WHEN 'delete' THEN 1 WHEN 'clear' THEN 2 WHEN 'insert' THEN 3 WHEN 'update' THEN 3 WHEN 'upsert' THEN 3 WHEN 'forget' THEN 6 WHEN 'invalid' THEN 7 END, "_run", "_key";

-- diff vips, full
WITH "rows" AS (
  WITH "identifiers" AS (
    SELECT
      "profile_id",
      kinfold_last("value", "last_seen_at") FILTER (WHERE "identifier" = 'email') AS "email",
      kinfold_last("value", "last_seen_at") FILTER (WHERE "identifier" = 'phone') AS "phone"
    FROM
      "kinfold"."customer_identifiers" AS "i"
    WHERE
      "identifier" IN ('email', 'phone')
    GROUP BY
      "profile_id"
  ), "profiles" AS (
    SELECT
      "c"."profile_id" AS "profile_id",
      "c"."first_name" AS "first_name",
      "c"."lifetime_value" AS "lifetime_value",
      "i"."email" AS "email",
      "i"."phone" AS "phone"
    FROM
      "kinfold"."customer" AS "c"
      JOIN "kinfold"."customer_segments" AS "m" ON ("m"."profile_id" = "c"."profile_id") AND ("m"."segment" = 'vip_at_risk')
      LEFT JOIN "identifiers" AS "i" ON "i"."profile_id" = "c"."profile_id"
  )
  SELECT
    "email" AS "0",
    "first_name" AS "1",
    round("lifetime_value", 2) AS "2",
    "phone" AS "3"
  FROM
    "profiles"
), "keyed" AS (
  SELECT
    CAST("0" AS VARCHAR) AS "_key",
    kinfold_row_hash('email;firstname,ltv,mobile;send', "0", "1", "2", "3") AS "_hash",
    "0",
    "1",
    "2",
    "3"
  FROM
    "rows"
), "wanted" AS (
  SELECT
    "keyed".*,
    count(*) OVER (
      PARTITION BY "_key"
    ) AS "_same_key"
  FROM
    "keyed"
), "compared" AS (
  SELECT
    coalesce("wanted"."_key", "ledger"."_key") AS "_key",
    "ledger"."_identity" AS "_identity",
    "wanted"."_hash" AS "_hash",
    CASE
      WHEN "wanted"."_same_key" IS NULL THEN
        CASE
          WHEN NOT "ledger"."_held" THEN
            'forget'
          WHEN "ledger"."_state" = 'cleared' THEN
            NULL
          ELSE
            'clear'
        END
      WHEN ("wanted"."_key" IS NULL) OR ("wanted"."_same_key" > 1) THEN
        'invalid'
      ELSE
        'upsert'
    END AS "_operation",
    "ledger"."_hash" IS NOT NULL AS "_known",
    "ledger"."_state" AS "_state",
    "ledger"."_operation" AS "_sent_operation",
    "ledger"."_sent_hash" AS "_sent_hash",
    "ledger"."_run" AS "_run",
    "wanted"."0" AS "0",
    "wanted"."1" AS "1",
    "wanted"."2" AS "2",
    "wanted"."3" AS "3"
  FROM
    "wanted"
    FULL JOIN "files"."ledger" AS "ledger" ON "ledger"."_key" = "wanted"."_key"
), "decided" AS (
  SELECT
    "_key",
    "_identity",
    CASE
      WHEN "_operation" IN ('insert', 'update', 'upsert') THEN
        "_hash"
    END AS "_hash",
    "_operation",
    "_known",
    "_state",
    "_sent_operation",
    "_sent_hash",
    "_run",
    "0",
    "1",
    "2",
    "3"
  FROM
    "compared"
  WHERE
    "_operation" IS NOT NULL
), "needed" AS (
  SELECT
    "_key",
    CASE
      WHEN "_operation" IN ('clear', 'delete', 'forget') THEN
        "_identity"
    END AS "_identity",
    "_hash",
    "_operation",
    "_known",
    CASE
      WHEN ("_state" = 'unknown') AND ("_sent_operation" = "_operation") AND (("_sent_hash" = "_hash") OR (("_sent_hash" IS NULL) AND ("_hash" IS NULL))) THEN
        "_run"
    END AS "_run",
    CASE
      WHEN ("_operation" IN ('invalid')) AND ("_key" IS NULL) THEN
        'the key is null'
      WHEN "_operation" IN ('invalid') THEN
        'the key is not unique'
    END AS "_reason",
    "0",
    "1",
    "2",
    "3"
  FROM
    "decided"
)
SELECT
  "_key",
  "_identity",
  "_hash",
  "_operation",
  "_known",
  "_run",
  "_reason",
  "0",
  "1",
  "2",
  "3"
FROM
  "needed" ORDER BY CASE "_operation" WHEN 'delete' THEN 1 WHEN 'clear' THEN 2 WHEN 'insert' THEN 3 WHEN 'update' THEN 3 WHEN 'upsert' THEN 3 WHEN 'forget' THEN 6 WHEN 'invalid' THEN 7 END, "_run", "_key";

-- fold
WITH "done" AS (
  SELECT
    "p"."_key" AS "_key",
    "p"."_identity" AS "_identity",
    "p"."_hash" AS "_hash",
    "p"."_operation" AS "_operation",
    "p"."_run" AS "_run",
    "o"."_outcome" AS "_outcome",
    "o"."_reason" AS "_reason",
    "o"."_attempts" AS "_attempts",
    "o"."_at" AS "_at"
  FROM
    "files"."plan" AS "p"
    JOIN "files"."outcomes" AS "o" ON "o"."_row" = "p"."_row"
  WHERE
    "p"."_operation" <> 'invalid'
), "cases" AS (
  SELECT
    coalesce("ledger"."_key", "done"."_key") AS "_key",
    CASE
      WHEN "done"."_outcome" IS NULL THEN
        'kept'
      WHEN ("done"."_outcome" = 'ok') AND ("done"."_operation" IN ('delete', 'forget')) THEN
        'gone'
      WHEN ("done"."_outcome" = 'ok') AND ("done"."_operation" IN ('clear')) THEN
        'cleared'
      WHEN "done"."_outcome" = 'ok' THEN
        'acknowledged'
      ELSE
        'failed'
    END AS "_case",
    "ledger"."_identity" AS "old_identity",
    "ledger"."_hash" AS "old_hash",
    "ledger"."_state" AS "old_state",
    "ledger"."_sent_hash" AS "old_sent_hash",
    "ledger"."_operation" AS "old_operation",
    "ledger"."_held" AS "old_held",
    "ledger"."_run" AS "old_run",
    "ledger"."_attempts" AS "old_attempts",
    "ledger"."_reason" AS "old_reason",
    "ledger"."_at" AS "old_at",
    "done"."_identity" AS "new_identity",
    "done"."_hash" AS "new_hash",
    "done"."_operation" AS "new_operation",
    "done"."_run" AS "new_run",
    "done"."_outcome" AS "new_outcome",
    "done"."_reason" AS "new_reason",
    "done"."_attempts" AS "new_attempts",
    "done"."_at" AS "new_at"
  FROM
    "files"."ledger" AS "ledger"
    FULL JOIN "done" ON "done"."_key" = "ledger"."_key"
)
SELECT
  "_key",
  CASE "_case"
    WHEN 'kept' THEN
      "old_identity"
    WHEN 'acknowledged' THEN
      "new_identity"
    WHEN 'cleared' THEN
      "old_identity"
    ELSE
      coalesce("old_identity", "new_identity")
  END AS "_identity",
  CASE "_case"
    WHEN 'kept' THEN
      "old_hash"
    WHEN 'acknowledged' THEN
      "new_hash"
    WHEN 'cleared' THEN
      NULL
    ELSE
      "old_hash"
  END AS "_hash",
  CASE "_case"
    WHEN 'kept' THEN
      "old_state"
    WHEN 'acknowledged' THEN
      'acknowledged'
    WHEN 'cleared' THEN
      'cleared'
    ELSE
      "new_outcome"
  END AS "_state",
  CASE "_case"
    WHEN 'kept' THEN
      "old_sent_hash"
    WHEN 'acknowledged' THEN
      "new_hash"
    WHEN 'cleared' THEN
      NULL
    ELSE
      "new_hash"
  END AS "_sent_hash",
  CASE "_case"
    WHEN 'kept' THEN
      "old_operation"
    WHEN 'acknowledged' THEN
      "new_operation"
    WHEN 'cleared' THEN
      "new_operation"
    ELSE
      "new_operation"
  END AS "_operation",
  CASE "_case"
    WHEN 'kept' THEN
      "old_held"
    WHEN 'acknowledged' THEN
      true
    WHEN 'cleared' THEN
      "old_held"
    ELSE
      coalesce("old_held", false) OR (("new_outcome" = 'unknown') AND ("new_operation" IN ('insert', 'update', 'upsert')))
  END AS "_held",
  CASE "_case"
    WHEN 'kept' THEN
      "old_run"
    WHEN 'acknowledged' THEN
      "new_run"
    WHEN 'cleared' THEN
      "new_run"
    ELSE
      "new_run"
  END AS "_run",
  CASE "_case"
    WHEN 'kept' THEN
      "old_attempts"
    WHEN 'acknowledged' THEN
      0
    WHEN 'cleared' THEN
      0
    ELSE
      coalesce("old_attempts", 0) + "new_attempts"
  END AS "_attempts",
  CASE "_case"
    WHEN 'kept' THEN
      "old_reason"
    WHEN 'acknowledged' THEN
      NULL
    WHEN 'cleared' THEN
      NULL
    ELSE
      "new_reason"
  END AS "_reason",
  CASE "_case"
    WHEN 'kept' THEN
      "old_at"
    WHEN 'acknowledged' THEN
      "new_at"
    WHEN 'cleared' THEN
      "new_at"
    ELSE
      "new_at"
  END AS "_at"
FROM
  "cases"
WHERE
  "_case" <> 'gone' ORDER BY "_key";

