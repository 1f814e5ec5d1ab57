//! Functions that other engines have, and what to write instead.

const FOREIGN: &[(&str, &str)] = &[
    ("array_size", "array_length(x)"),
    ("bool", "cast(x as boolean)"),
    ("charindex", "strpos(text, part)"),
    ("countif", "count(*) filter (where …)"),
    ("count_if", "count(*) filter (where …)"),
    ("date", "cast(x as date)"),
    ("date_add", "x + interval '1 day'"),
    ("date_diff", "date_part('epoch', a - b) / 86400, or subtract two dates"),
    ("date_sub", "x - interval '1 day'"),
    ("dateadd", "x + interval '1 day'"),
    ("datediff", "date_part('epoch', a - b) / 86400, or subtract two dates"),
    ("datetime", "cast(x as timestamp)"),
    ("day", "extract(day from x)"),
    ("decode_hex", "decode(x, 'hex')"),
    ("float", "cast(x as double)"),
    ("group_concat", "string_agg(x, ',')"),
    ("getdate", "the run's own time: `within` in a trait or a segment counts from it"),
    ("hour", "extract(hour from x)"),
    ("if", "case when … then … else … end"),
    ("iff", "case when … then … else … end"),
    ("int", "cast(x as bigint)"),
    ("isnull", "x is null"),
    ("len", "length(x)"),
    ("listagg", "string_agg(x, ',')"),
    ("mod", "a % b"),
    ("month", "extract(month from x)"),
    ("percentile", "percentile_cont(x, 0.5)"),
    ("regexp_extract", "regexp_match(text, pattern)[1]"),
    ("regexp_substr", "regexp_match(text, pattern)[1]"),
    ("safe_cast", "try_cast(x as …)"),
    ("safe_divide", "a / nullif(b, 0)"),
    ("sign", "signum(x)"),
    ("size", "array_length(x)"),
    ("stddev_sample", "stddev(x)"),
    ("str_to_date", "to_date(x, '%Y-%m-%d')"),
    ("strftime", "to_char(x, '%Y-%m-%d')"),
    ("string", "cast(x as text)"),
    ("string_split", "string_to_array(text, separator)"),
    ("sumif", "sum(x) filter (where …)"),
    ("sum_if", "sum(x) filter (where …)"),
    ("sysdate", "the run's own time: `within` in a trait or a segment counts from it"),
    ("timestamp_diff", "date_part('epoch', a - b)"),
    ("timestampdiff", "date_part('epoch', a - b)"),
    ("to_number", "cast(x as decimal(18, 2))"),
    ("to_varchar", "cast(x as text)"),
    ("try_to_number", "try_cast(x as decimal(18, 2))"),
    ("typeof", "arrow_typeof(x)"),
    ("variance", "var(x)"),
    ("week", "extract(week from x)"),
    ("year", "extract(year from x)"),
];

/// What to write for a function that other engines have.
pub(crate) fn foreign_hint(name: &str) -> Option<&'static str> {
    FOREIGN.iter().find(|(foreign, _)| *foreign == name).map(|(_, hint)| *hint)
}

#[cfg(test)]
mod tests {
    use super::FOREIGN;

    #[test]
    fn no_hint_stands_for_a_function_that_is_there() {
        assert_eq!(FOREIGN.iter().find(|(name, _)| crate::functions::lookup(name).is_some()), None);
    }
}
