//! Aggregate and window functions.

use super::{Arg, Function, Kind, Ret};

const fn a(names: &'static [&'static str], args: &'static [Arg], ret: Ret) -> Function {
    Function::new(Kind::Aggregate, names, args, ret)
}

const fn w(names: &'static [&'static str], args: &'static [Arg], ret: Ret) -> Function {
    Function::new(Kind::Window, names, args, ret)
}

use Arg::{Any, Boolean, Integer, Number, Summable, Text};

#[rustfmt::skip]
pub(super) const AGGREGATES: &[Function] = &[
    a(&["count"], &[Any], Ret::Integer).rest(Any),
    a(&["sum"], &[Summable], Ret::Sum),
    a(&["avg", "mean"], &[Summable], Ret::Avg),
    a(&["min"], &[Any], Ret::Same(0)),
    a(&["max"], &[Any], Ret::Same(0)),
    a(&["median"], &[Number], Ret::Rounded),
    a(&["percentile_cont", "quantile_cont"], &[Number, Number], Ret::Float),
    a(&["approx_median"], &[Number], Ret::Float),
    a(&["approx_distinct"], &[Any], Ret::Integer),
    a(&["approx_percentile_cont"], &[Number, Number, Number], Ret::Float).optional(1),
    a(&["approx_percentile_cont_with_weight"], &[Number, Number, Number, Number], Ret::Float).optional(1),
    a(&["array_agg"], &[Any], Ret::ListOf(0)),
    a(&["string_agg"], &[Any, Text], Ret::Text),
    a(&["first_value"], &[Any], Ret::Same(0)),
    a(&["last_value"], &[Any], Ret::Same(0)),
    a(&["nth_value"], &[Any, Integer], Ret::Same(0)),
    a(&["any_value"], &[Any], Ret::Same(0)),
    a(&["bool_and"], &[Boolean], Ret::Boolean),
    a(&["bool_or"], &[Boolean], Ret::Boolean),
    a(&["bit_and"], &[Integer], Ret::Integer),
    a(&["bit_or"], &[Integer], Ret::Integer),
    a(&["bit_xor"], &[Integer], Ret::Integer),
    a(&["stddev", "stddev_samp"], &[Number], Ret::Float),
    a(&["stddev_pop"], &[Number], Ret::Float),
    a(&["var", "var_sample", "var_samp"], &[Number], Ret::Float),
    a(&["var_pop", "var_population"], &[Number], Ret::Float),
    a(&["covar_samp", "covar"], &[Number, Number], Ret::Float),
    a(&["covar_pop"], &[Number, Number], Ret::Float),
    a(&["corr"], &[Number, Number], Ret::Float),
    a(&["regr_slope"], &[Number, Number], Ret::Float),
    a(&["regr_intercept"], &[Number, Number], Ret::Float),
    a(&["regr_count"], &[Number, Number], Ret::Integer),
    a(&["regr_r2"], &[Number, Number], Ret::Float),
    a(&["regr_avgx"], &[Number, Number], Ret::Float),
    a(&["regr_avgy"], &[Number, Number], Ret::Float),
    a(&["regr_sxx"], &[Number, Number], Ret::Float),
    a(&["regr_syy"], &[Number, Number], Ret::Float),
    a(&["regr_sxy"], &[Number, Number], Ret::Float),
    a(&["grouping"], &[Any], Ret::Integer).rest(Any),
    w(&["row_number"], &[], Ret::Integer),
    w(&["rank"], &[], Ret::Integer),
    w(&["dense_rank"], &[], Ret::Integer),
    w(&["percent_rank"], &[], Ret::Float),
    w(&["cume_dist"], &[], Ret::Float),
    w(&["ntile"], &[Integer], Ret::Integer),
    w(&["lag"], &[Any, Integer, Any], Ret::Same(0)).optional(2),
    w(&["lead"], &[Any, Integer, Any], Ret::Same(0)).optional(2),
];
