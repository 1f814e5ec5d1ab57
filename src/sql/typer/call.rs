//! Calls of functions.

use kinfold_base::{Diagnostic, SqlType};
use sqlparser::ast::{
    DuplicateTreatment, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentClause, FunctionArguments, Ident,
    ObjectNamePart, Spanned, WindowFrameBound, WindowSpec, WindowType,
};

use super::operators::{make_float, meet};
use super::{Allow, Typer};
use crate::functions::{self, Arg, Kind, Refusal, Ret, foreign_hint, lookup, nearest};
use crate::literal::DATE_PARTS;

/// The name of a call in lower case; `None` if it has several parts or is no name at all.
pub(crate) fn call_name(function: &Function) -> Option<String> {
    match function.name.0.as_slice() {
        [ObjectNamePart::Identifier(ident)] => Some(ident.value.to_lowercase()),
        _ => None,
    }
}

/// The plain arguments of a call; `None` for `*` and the like.
pub(crate) fn plain_args(function: &Function) -> Option<Vec<&Expr>> {
    match &function.args {
        FunctionArguments::None => Some(vec![]),
        FunctionArguments::Subquery(_) => None,
        FunctionArguments::List(list) => list
            .args
            .iter()
            .map(|arg| match arg {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr),
                _ => None,
            })
            .collect(),
    }
}

impl Typer<'_> {
    /// Types an argument that must be of a kind.
    pub(crate) fn argument(&mut self, expr: &mut Expr, wanted: Arg, call: &str) -> SqlType {
        let ty = self.expr(expr);
        self.check_argument(expr, &ty, wanted, call);
        ty
    }

    pub(super) fn check_argument(&mut self, expr: &Expr, ty: &SqlType, wanted: Arg, call: &str) {
        if wanted.accepts(ty) {
            return;
        }
        let written = self.report.written(expr.span());
        let hint = match (wanted, ty) {
            (Arg::Text | Arg::Bytes, _) => Some(format!("cast it: `cast({written} as text)`")),
            (Arg::Number | Arg::Summable, SqlType::Text) => Some(format!("cast it: `cast({written} as double)`")),
            (Arg::Number | Arg::Summable, SqlType::Boolean) => {
                Some(format!("count it: `case when {written} then 1 else 0 end`"))
            }
            (Arg::Integer, SqlType::Float | SqlType::Decimal { .. }) => {
                Some(format!("cast it: `cast({written} as bigint)`"))
            }
            (Arg::Number | Arg::Summable, SqlType::Interval) => {
                Some(format!("take its seconds: `date_part('epoch', {written})`"))
            }
            (Arg::When, SqlType::Integer) => Some(format!("convert it: `to_timestamp_seconds({written})`")),
            _ => None,
        };
        let message = format!("`{call}` takes {} here, and this is {ty}", wanted.describe());
        let span = self.report.span(expr);
        self.report.push(Diagnostic::error("wrong-argument-type", span, message).hint_opt(hint));
    }

    pub(super) fn function(&mut self, expr: &mut Expr) -> SqlType {
        let Expr::Function(function) = expr else { return SqlType::Unknown };
        let at = function.name.clone();
        let Some(name) = call_name(function) else {
            let message = format!("there is no function `{}`", function.name);
            let span = self.report.span(&at);
            self.report.push(Diagnostic::error("unknown-function", span, message).hint("functions have no schema"));
            return SqlType::Unknown;
        };
        if name == "unnest" || name == "unnest_outer" {
            return self.unnest(function, &name);
        }
        if self.trait_calls && crate::aggregate::CALLS.contains(&name.as_str()) {
            return self.trait_call(function, &name);
        }
        let Some(known) = lookup(&name) else {
            self.unknown_function(&name, &at);
            return SqlType::Unknown;
        };
        if let Some(refusal) = known.refusal {
            self.refuse(&name, refusal, &at);
            return SqlType::Unknown;
        }
        if self.trait_calls && known.kind != Kind::Scalar {
            let span = self.report.span(&at);
            let message = format!("`{name}` may not stand in a trait's value");
            let hint = format!("there are: {}, most_frequent, top", crate::aggregate::CALLS.join(", "));
            self.report.push(Diagnostic::error("unknown-aggregate", span, message).hint(hint));
            return SqlType::Unknown;
        }
        // The engine's `nvl` makes floats of decimals; `coalesce` is the same and does not.
        let emitted = if matches!(name.as_str(), "nvl" | "ifnull") { "coalesce" } else { &name };
        if let [ObjectNamePart::Identifier(ident)] = function.name.0.as_mut_slice() {
            *ident = Ident { value: emitted.to_owned(), quote_style: None, span: ident.span };
        }
        let windowed = function.over.is_some();
        self.check_place(known.kind, windowed, &name, &at);
        if known.kind == Kind::Aggregate && !windowed {
            self.aggregates += 1;
        }
        let inner = match (known.kind, windowed) {
            (Kind::Aggregate, false) => Allow {
                aggregates: false,
                windows: false,
                predicates: false,
                unnest: false,
                place: "an aggregate",
                ..self.allow
            },
            (_, true) => Allow { windows: false, place: "a window function", ..self.allow },
            _ => self.allow,
        };
        self.within(inner, |typer| typer.call(function, known, &name))
    }

    /// Types the arguments and clauses of a call of a known function.
    fn call(&mut self, function: &mut Function, known: &'static functions::Function, name: &str) -> SqlType {
        let at = function.name.clone();
        let windowed = function.over.is_some();
        let mut types = vec![];
        let mut positional = true;
        let mut star = false;
        if let FunctionArguments::List(list) = &mut function.args {
            if list.duplicate_treatment == Some(DuplicateTreatment::Distinct) && known.kind != Kind::Aggregate {
                self.unsupported(&at, format!("`distinct` may not stand in `{name}`"));
            }
            for arg in &mut list.args {
                match arg {
                    FunctionArg::Unnamed(FunctionArgExpr::Expr(arg)) => {
                        let mut ty = self.expr(arg);
                        // An ordered-set aggregate takes its first argument from `within group`.
                        let index = types.len() + usize::from(!function.within_group.is_empty());
                        self.check_argument(arg, &ty, known.arg(index), name);
                        if known.ret == Ret::Float && known.arg(index) == Arg::Number {
                            make_float(arg, &mut ty);
                        }
                        types.push(ty);
                    }
                    FunctionArg::Named { arg: FunctionArgExpr::Expr(arg), .. } => {
                        positional = false;
                        types.push(self.expr(arg));
                    }
                    FunctionArg::Unnamed(FunctionArgExpr::Wildcard) if name == "count" => star = true,
                    _ => {
                        self.unsupported(&at, format!("`{name}` does not take this argument"));
                        positional = false;
                    }
                }
            }
            for clause in &mut list.clauses {
                match clause {
                    FunctionArgumentClause::OrderBy(order) if known.kind != Kind::Scalar => {
                        // What orders rows does not flow into the value.
                        let flow = self.flow.clone();
                        for ordered in order {
                            self.expr(&mut ordered.expr);
                        }
                        self.flow = flow;
                    }
                    FunctionArgumentClause::IgnoreOrRespectNulls(_) if known.kind != Kind::Scalar => {}
                    _ => {
                        self.unsupported(&at, format!("`{name}` does not take this clause"));
                    }
                }
            }
        } else if let FunctionArguments::Subquery(_) = &function.args {
            self.unsupported(&at, format!("`{name}` does not take a query"));
        }
        if let FunctionArguments::List(list) = &mut function.args
            && (name == "nullif" || matches!(known.ret, Ret::Common | Ret::ListOfCommon))
        {
            let exprs = list.args.iter_mut().filter_map(|arg| match arg {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(arg)) => Some(arg),
                _ => None,
            });
            meet(exprs.zip(&mut types));
        }
        if !function.within_group.is_empty() {
            let mut ordered = vec![];
            for order in &mut function.within_group {
                ordered.push(self.argument(&mut order.expr, known.arg(0), name));
            }
            types.splice(0..0, ordered);
        }
        let count = types.len();
        if (star && count > 0) || (positional && !star && !known.takes(count)) {
            let span = self.report.span(&at);
            let message = format!("`{name}` takes {}, and got {count}", known.arity());
            self.report.push(Diagnostic::error("wrong-argument-count", span, message));
        }
        if let Some(filter) = &mut function.filter {
            if known.kind != Kind::Aggregate {
                self.unsupported(&at, format!("`filter` goes with aggregates, and `{name}` is none"));
            }
            let flow = self.flow.clone();
            let allow = Allow { predicates: false, place: "`filter`", ..self.allow };
            self.within(allow, |typer| typer.condition(filter));
            self.flow = flow;
        }
        if windowed && let Some(over) = &mut function.over {
            self.over(over);
        }
        let pair = name == "nullif" && matches!(types.as_slice(), [a, b] if !a.is_comparable_with(b));
        if pair || known.ret == Ret::Common && crate::types::common(&types).is_none() {
            let span = self.report.span(&at);
            let message = format!("the arguments of `{name}` are of several kinds");
            self.report.push(Diagnostic::error("wrong-argument-type", span, message).hint("cast them to one type"));
        }
        let distinct = matches!(&function.args, FunctionArguments::List(l) if l.duplicate_treatment.is_some());
        if distinct && name == "count" && count > 1 {
            self.unsupported(&at, "the engine counts distinct values of one expression only");
        }
        let part = self.literal_checks(function, name);
        if part.as_deref() == Some("epoch") { SqlType::Float } else { functions::result(known.ret, &types) }
    }

    /// Checks of functions whose first argument is a word that the engine reads; gives that word.
    fn literal_checks(&mut self, function: &Function, name: &str) -> Option<String> {
        let known = match name {
            "date_trunc" | "datetrunc" => &DATE_PARTS[..11],
            "date_part" | "datepart" => DATE_PARTS,
            _ => return None,
        };
        let args = plain_args(function).unwrap_or_default();
        let first = *args.first()?;
        let text = super::text_literal(first)?;
        let part = text.to_lowercase();
        if !known.contains(&part.as_str()) && !known.contains(&part.trim_end_matches('s')) {
            let hint = kinfold_base::did_you_mean(&part, known.iter().copied())
                .map_or_else(|| format!("there are: {}", known.join(", ")), |n| format!("did you mean '{n}'?"));
            let span = self.report.span(first);
            let message = format!("`{name}` does not know the part '{text}'");
            self.report.push(Diagnostic::error("sql-unsupported", span, message).hint(hint));
        }
        Some(part)
    }

    fn check_place(&mut self, kind: Kind, windowed: bool, name: &str, at: &impl Spanned) {
        let span = self.report.span(at);
        let place = self.allow.place;
        let diagnostic = match (kind, windowed) {
            (Kind::Scalar, true) => Diagnostic::error(
                "misplaced-window",
                span,
                format!("`over` goes with aggregates and window functions, and `{name}` is neither"),
            ),
            (Kind::Window, false) => {
                Diagnostic::error("missing-over", span, format!("`{name}` says nothing without a window"))
                    .hint(format!("write `{name}(…) over (partition by … order by …)`"))
            }
            (Kind::Aggregate | Kind::Window, true) if !self.allow.windows => {
                Diagnostic::error("misplaced-window", span, format!("a window function may not stand in {place}"))
                    .hint("compute it in a query inside, and use its name outside")
            }
            (Kind::Aggregate, false) if !self.allow.aggregates => {
                let hint = match place {
                    "`where`" => "use `having` for conditions on aggregates",
                    "an aggregate" => "compute the inner one in a query of its own",
                    _ => "compute it in a model or a trait, and use its name here",
                };
                let id = if place == "an aggregate" { "nested-aggregate" } else { "misplaced-aggregate" };
                Diagnostic::error(id, span, format!("the aggregate `{name}` may not stand in {place}")).hint(hint)
            }
            _ => return,
        };
        self.report.push(diagnostic);
    }

    fn over(&mut self, over: &mut WindowType) {
        match over {
            WindowType::WindowSpec(spec) => self.window(spec),
            WindowType::NamedWindow(name) => self.named_window(name),
        }
    }

    fn named_window(&mut self, name: &Ident) {
        if !self.windows.iter().any(|w| w.eq_ignore_ascii_case(&name.value)) {
            let near = kinfold_base::did_you_mean(&name.value, self.windows.iter().map(String::as_str));
            let span = self.report.place(name.span);
            let message = format!("there is no window `{}`", name.value);
            self.report.push(
                Diagnostic::error("unknown-window", span, message)
                    .hint_opt(near.map(|n| format!("did you mean `{n}`?"))),
            );
        }
    }

    pub(crate) fn window(&mut self, spec: &mut WindowSpec) {
        if let Some(name) = &spec.window_name {
            let span = self.report.place(name.span);
            let message = "a window cannot be built on another one here";
            self.report.push(Diagnostic::error("sql-unsupported", span, message));
        }
        // What chooses and orders the rows of a window does not flow into its value.
        let flow = self.flow.clone();
        for expr in spec.partition_by.iter_mut().chain(spec.order_by.iter_mut().map(|o| &mut o.expr)) {
            self.expr(expr);
        }
        if let Some(frame) = &mut spec.window_frame {
            for bound in std::iter::once(&mut frame.start_bound).chain(frame.end_bound.as_mut()) {
                if let WindowFrameBound::Preceding(Some(size)) | WindowFrameBound::Following(Some(size)) = bound {
                    self.expr(size);
                }
            }
        }
        self.flow = flow;
    }

    fn unnest(&mut self, function: &mut Function, name: &str) -> SqlType {
        let at = function.name.clone();
        if !self.allow.unnest {
            let span = self.report.span(&at);
            let message = format!("`{name}` makes rows, so it may not stand in {}", self.allow.place);
            self.report.push(Diagnostic::error("misplaced-unnest", span, message).hint("use it in a select list"));
        }
        let mut types = vec![];
        if let FunctionArguments::List(list) = &mut function.args {
            for arg in &mut list.args {
                if let FunctionArg::Unnamed(FunctionArgExpr::Expr(arg)) = arg {
                    types.push(self.expr(arg));
                }
            }
        }
        match types.as_slice() {
            [SqlType::List(item)] => (**item).clone(),
            [SqlType::Struct(_)] => self.unsupported(&at, "a record is taken apart by its fields: `x.field`"),
            [ty] if ty.is_open() => SqlType::Unknown,
            [ty] => {
                let span = self.report.span(&at);
                let message = format!("`{name}` takes a list, and this is {ty}");
                self.report.push(Diagnostic::error("wrong-argument-type", span, message));
                SqlType::Unknown
            }
            _ => {
                let span = self.report.span(&at);
                let message = format!("`{name}` takes 1 argument, and got {}", types.len());
                self.report.push(Diagnostic::error("wrong-argument-count", span, message));
                SqlType::Unknown
            }
        }
    }

    fn unknown_function(&mut self, name: &str, at: &impl Spanned) {
        let hint = match foreign_hint(name) {
            Some(instead) => Some(instead.to_owned()),
            None if crate::aggregate::CALLS.contains(&name) || ["most_frequent", "top"].contains(&name) => {
                Some(format!("`{name}` may stand only in a trait's `value`"))
            }
            None => nearest(name).map(|n| format!("did you mean `{n}`?")),
        };
        let span = self.report.span(at);
        let message = format!("there is no function `{name}`");
        self.report.push(Diagnostic::error("unknown-function", span, message).hint_opt(hint));
    }

    fn refuse(&mut self, name: &str, refusal: Refusal, at: &impl Spanned) {
        let span = self.report.span(at);
        let (id, message, hint) = match refusal {
            Refusal::Clock => (
                "not-reproducible",
                format!("`{name}` gives something else on every run"),
                "a run has one instant, `as_of`: use `within` in a trait or a segment, which counts from it",
            ),
            Refusal::Random => (
                "not-reproducible",
                format!("`{name}` gives something else on every run"),
                "derive the value from the row, as in `md5(order_id)`",
            ),
            Refusal::Engine => (
                "refused-function",
                format!("`{name}` tells of the engine, not of the data"),
                "leave it out; the same project runs on other engines",
            ),
            Refusal::Files => (
                "refused-function",
                format!("`{name}` reads files, which SQL may not do here"),
                "declare the files as a table under `sources`",
            ),
        };
        self.report.push(Diagnostic::error(id, span, message).hint(hint));
    }
}
