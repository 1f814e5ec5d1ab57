//! The functions of DataFusion 55, as far as checks need them: names, arguments, result.
//!
//! Taken from the sources of `datafusion-functions`, `-nested`, `-aggregate` and `-window`. Where a function takes several
//! shapes its arguments are [`Arg::Any`] and its result may be unknown: then nothing is refused.

mod aggregates;
mod hints;
mod nested;
mod scalars;

use kinfold_base::{SqlType, did_you_mean};

pub(crate) use hints::foreign_hint;

/// What an argument must be. `Null` and `Unknown` fit everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arg {
    Any,
    Number,
    Integer,
    /// A number or a duration.
    Summable,
    Text,
    /// Text or bytes.
    Bytes,
    /// Text, or a number that the engine writes out.
    Written,
    /// Text, a list or bytes: what has a length.
    Measured,
    /// Text, a number of seconds or less, or a timestamp.
    Epoch,
    Boolean,
    /// A date, a time, a duration, or text that the engine reads as one.
    When,
    Interval,
    List,
}

impl Arg {
    pub(crate) fn accepts(self, ty: &SqlType) -> bool {
        if ty.is_open() {
            return true;
        }
        match self {
            Self::Any => true,
            Self::Number => ty.is_numeric(),
            Self::Integer => *ty == SqlType::Integer,
            Self::Summable => ty.is_numeric() || *ty == SqlType::Interval,
            Self::Text => *ty == SqlType::Text,
            Self::Bytes => matches!(ty, SqlType::Text | SqlType::Binary),
            Self::Written => *ty == SqlType::Text || ty.is_numeric(),
            Self::Measured => matches!(ty, SqlType::Text | SqlType::Binary | SqlType::List(_)) || ty.is_numeric(),
            Self::Epoch => matches!(ty, SqlType::Text | SqlType::Timestamp) || ty.is_numeric(),
            Self::Boolean => *ty == SqlType::Boolean,
            Self::When => ty.is_temporal() || matches!(ty, SqlType::Time | SqlType::Interval | SqlType::Text),
            Self::Interval => matches!(ty, SqlType::Interval | SqlType::Text),
            Self::List => matches!(ty, SqlType::List(_)),
        }
    }

    pub(crate) fn describe(self) -> &'static str {
        match self {
            Self::Any => "anything",
            Self::Number | Self::Summable => "a number",
            Self::Integer => "a whole number",
            Self::Text | Self::Written => "text",
            Self::Measured => "text or a list",
            Self::Epoch => "text, a number or a timestamp",
            Self::Bytes => "text or bytes",
            Self::Boolean => "true or false",
            Self::When => "a date or a time",
            Self::Interval => "a duration",
            Self::List => "a list",
        }
    }
}

/// The type of a call, in terms of its arguments, which are counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ret {
    Boolean,
    Integer,
    Float,
    Text,
    Binary,
    Date,
    Time,
    Timestamp,
    Unknown,
    /// That of the argument.
    Same(usize),
    /// The one that fits all arguments.
    Common,
    /// A list of the argument.
    ListOf(usize),
    /// A list of what all arguments have in common.
    ListOfCommon,
    Texts,
    Integers,
    /// What is in the list.
    ItemOf(usize),
    /// Decimal for a decimal, else a float.
    Rounded,
    /// A time of day for one, else a timestamp.
    Truncated,
    Sum,
    Avg,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Scalar,
    Aggregate,
    /// Only with `over (…)`.
    Window,
}

/// Why a function may not be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Gives something else on every run.
    Clock,
    Random,
    /// Tells of the engine rather than of the data.
    Engine,
    Files,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Function {
    /// The name, and its aliases.
    pub(crate) names: &'static [&'static str],
    pub(crate) kind: Kind,
    pub(crate) args: &'static [Arg],
    /// How many of `args`, from the end, may be left out.
    pub(crate) optional: usize,
    /// What any number of further arguments must be.
    pub(crate) rest: Option<Arg>,
    pub(crate) ret: Ret,
    pub(crate) refusal: Option<Refusal>,
}

impl Function {
    const fn new(kind: Kind, names: &'static [&'static str], args: &'static [Arg], ret: Ret) -> Self {
        Self { names, kind, args, optional: 0, rest: None, ret, refusal: None }
    }

    const fn optional(mut self, count: usize) -> Self {
        self.optional = count;
        self
    }

    const fn rest(mut self, rest: Arg) -> Self {
        self.rest = Some(rest);
        self
    }

    const fn refused(names: &'static [&'static str], refusal: Refusal) -> Self {
        let mut function = Self::new(Kind::Scalar, names, &[], Ret::Unknown).rest(Arg::Any);
        function.refusal = Some(refusal);
        function
    }

    /// Whether so many arguments may be given.
    pub(crate) fn takes(&self, count: usize) -> bool {
        count >= self.args.len() - self.optional && (self.rest.is_some() || count <= self.args.len())
    }

    /// How many arguments it takes, in words.
    pub(crate) fn arity(&self) -> String {
        let (least, most) = (self.args.len() - self.optional, self.args.len());
        let plural = |n: usize| if n == 1 { "" } else { "s" };
        match (self.rest.is_some(), least == most) {
            (true, _) => format!("at least {least} argument{}", plural(least)),
            (false, true) if least == 0 => "no arguments".to_owned(),
            (false, true) => format!("{least} argument{}", plural(least)),
            (false, false) => format!("{least} to {most} arguments"),
        }
    }

    pub(crate) fn arg(&self, index: usize) -> Arg {
        self.args.get(index).copied().or(self.rest).unwrap_or(Arg::Any)
    }
}

fn tables() -> [&'static [Function]; 3] {
    [scalars::SCALARS, nested::NESTED, aggregates::AGGREGATES]
}

/// The function of that name, which is in lower case.
pub(crate) fn lookup(name: &str) -> Option<&'static Function> {
    tables().into_iter().flatten().find(|f| f.names.contains(&name))
}

/// The known function nearest to a name.
pub(crate) fn nearest(name: &str) -> Option<String> {
    let known = tables().into_iter().flatten().filter(|f| f.refusal.is_none()).flat_map(|f| f.names.iter().copied());
    did_you_mean(name, known)
}

/// The type of a call with these arguments.
pub(crate) fn result(ret: Ret, args: &[SqlType]) -> SqlType {
    let arg = |i: usize| args.get(i).cloned().unwrap_or(SqlType::Unknown);
    match ret {
        Ret::Boolean => SqlType::Boolean,
        Ret::Integer => SqlType::Integer,
        Ret::Float => SqlType::Float,
        Ret::Text => SqlType::Text,
        Ret::Binary => SqlType::Binary,
        Ret::Date => SqlType::Date,
        Ret::Time => SqlType::Time,
        Ret::Timestamp => SqlType::Timestamp,
        Ret::Unknown => SqlType::Unknown,
        Ret::Same(i) => arg(i),
        Ret::Common => crate::types::common(args).unwrap_or(SqlType::Unknown),
        Ret::ListOf(i) => SqlType::List(Box::new(arg(i))),
        Ret::ListOfCommon => SqlType::List(Box::new(crate::types::common(args).unwrap_or(SqlType::Unknown))),
        Ret::Texts => SqlType::List(Box::new(SqlType::Text)),
        Ret::Integers => SqlType::List(Box::new(SqlType::Integer)),
        Ret::ItemOf(i) => match arg(i) {
            SqlType::List(item) => *item,
            _ => SqlType::Unknown,
        },
        Ret::Rounded => match arg(0) {
            SqlType::Integer => SqlType::Float,
            other => other,
        },
        Ret::Sum => crate::types::sum(&arg(0)),
        Ret::Avg => crate::types::avg(&arg(0)),
        Ret::Truncated => match arg(1) {
            SqlType::Time => SqlType::Time,
            _ => SqlType::Timestamp,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_there_once_and_in_lower_case() {
        let mut names: Vec<_> = tables().into_iter().flatten().flat_map(|f| f.names.iter().copied()).collect();
        let count = names.len();
        assert!(names.iter().all(|n| n.to_lowercase() == *n));
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
        assert!(tables().into_iter().flatten().all(|f| f.optional <= f.args.len()));
    }
}
