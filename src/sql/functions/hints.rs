//! Functions that other engines have, and what to write instead.

const FOREIGN: &[(&str, &str)] = &[
    ("array_first", "write `x[1]`"),
    ("array_size", "write `array_length(x)`"),
    ("bool", "write `cast(x as boolean)`"),
    ("charindex", "write `strpos(text, part)`"),
    ("countif", "write `count(*) filter (where …)`"),
    ("count_if", "write `count(*) filter (where …)`"),
    ("date", "write `cast(x as date)`"),
    ("date_add", "write `x + interval '1 day'`"),
    ("date_diff", "subtract two dates, or write `date_part('epoch', a - b) / 86400`"),
    ("date_sub", "write `x - interval '1 day'`"),
    ("dateadd", "write `x + interval '1 day'`"),
    ("datediff", "subtract two dates, or write `date_part('epoch', a - b) / 86400`"),
    ("datetime", "write `cast(x as timestamp)`"),
    ("day", "write `extract(day from x)`"),
    ("decode_hex", "write `decode(x, 'hex')`"),
    ("float", "write `cast(x as double)`"),
    ("group_concat", "write `string_agg(x, ',')`"),
    ("getdate", "the run's own time: `within` in a trait or a segment counts from it"),
    ("hour", "write `extract(hour from x)`"),
    ("if", "write `case when … then … else … end`"),
    ("iff", "write `case when … then … else … end`"),
    ("int", "write `cast(x as bigint)`"),
    ("isnull", "write `x is null`"),
    ("len", "write `length(x)`"),
    ("listagg", "write `string_agg(x, ',')`"),
    ("mod", "write `a % b`"),
    ("month", "write `extract(month from x)`"),
    ("percentile", "write `percentile_cont(x, 0.5)`"),
    ("regexp_extract", "write `regexp_match(text, pattern)[1]`"),
    ("regexp_substr", "write `regexp_match(text, pattern)[1]`"),
    ("safe_cast", "write `try_cast(x as …)`"),
    ("safe_divide", "write `a / b`, which is null where `b` is 0"),
    ("sign", "write `signum(x)`"),
    ("size", "write `array_length(x)`"),
    ("stddev_sample", "write `stddev(x)`"),
    ("str_to_date", "write `to_date(x, '%Y-%m-%d')`"),
    ("strftime", "write `to_char(x, '%Y-%m-%d')`"),
    ("string", "write `cast(x as text)`"),
    ("string_split", "write `string_to_array(text, separator)`"),
    ("sumif", "write `sum(x) filter (where …)`"),
    ("sum_if", "write `sum(x) filter (where …)`"),
    ("sysdate", "the run's own time: `within` in a trait or a segment counts from it"),
    ("timestamp_diff", "write `date_part('epoch', a - b)`"),
    ("timestampdiff", "write `date_part('epoch', a - b)`"),
    ("to_number", "write `cast(x as decimal(18, 2))`"),
    ("to_varchar", "write `cast(x as text)`"),
    ("try_to_number", "write `try_cast(x as decimal(18, 2))`"),
    ("typeof", "write `arrow_typeof(x)`"),
    ("variance", "write `var(x)`"),
    ("week", "write `extract(week from x)`"),
    ("year", "write `extract(year from x)`"),
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
