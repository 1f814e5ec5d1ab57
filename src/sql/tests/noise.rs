//! Any sequence of words gives a result or says why not, and never panics.

use super::{Shop, orders, source};
use crate::{Context, Scope, parse_expr, parse_query, type_aggregate, type_expr, type_query};

#[rustfmt::skip]
const WORDS: &[&str] = &[
    "select", "from", "where", "group by", "order by", "having", "limit", "join", "left join", "full join", "on",
    "using", "union all", "except", "with", "as", "in", "exists", "between", "and", "or", "not", "is null", "like",
    "is distinct from", "case", "when", "then", "else", "end", "over", "partition by", "distinct", "filter", "values",
    "(", ")", "(", ")", ",", "*", ".", "+", "-", "/", "||", "=", "<", ">=", "::", "[", "]", ":",
    "shop.orders", "paid_orders", "shop.customers", "crm.broken", "o", "c", "amount", "Email", "day", "ordered_at",
    "tags", "address", "address.city", "customer_id", "o.amount", "c.*", "nope", "1", "2.5", "'x'", "'2026-01-31'",
    "null", "true", "interval '1 day'", "sum(", "count(*)", "lower(", "max(", "coalesce(", "unnest(", "last(", "top(",
    "row_number()", "date_trunc('month',", "cast(", "int", "é", "\"Q\"", ";", "extract(year from", "array[",
];

const TERMS: &[&str] = &[
    "amount",
    "Email",
    "day",
    "ordered_at",
    "paid",
    "quantity",
    "tags[1]",
    "address.city",
    "1",
    "2.5",
    "'x'",
    "'2026-01-31'",
    "null",
    "(amount > 5)",
    "lower(Email)",
    "sum(amount)",
    "count(*)",
    "last(day)",
    "interval '1 day'",
    "case when paid then 1 else 0 end",
    "date_trunc('month', day)",
    "coalesce(amount, 0)",
    "cast(amount as int)",
    "extra",
];

const OPERATORS: &[&str] =
    &["+", "-", "*", "/", "=", "<", ">=", "and", "or", "||", "is distinct from", ",", "in (1,", "as x,"];

/// A linear congruential generator: the same words on every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % bound
    }

    fn of(&mut self, words: &[&'static str]) -> &'static str {
        words[self.below(words.len())]
    }

    /// Mostly terms and operators in turn, with a word out of place here and there.
    fn words(&mut self) -> String {
        let count = 1 + 2 * self.below(4);
        let word = |i| match self.below(9) {
            0 => self.of(WORDS),
            _ if i % 2 == 0 => self.of(TERMS),
            _ => self.of(OPERATORS),
        };
        (0..count).map(word).collect::<Vec<_>>().join(" ")
    }
}

#[test]
fn no_words_make_checking_panic() {
    let mut dice = Dice(7);
    let scope = Scope::table(Some("shop"), "orders", Some(orders()));
    let (mut typed, mut refused) = (0, 0);
    for round in 0..6_000 {
        let words = dice.words();
        let sql = if round % 2 == 0 { words } else { format!("select {words} from paid_orders o {}", dice.words()) };
        let text = source(&sql);
        let mut diags = vec![];
        let found = if round % 2 == 0 {
            let parsed = parse_expr(&text, &mut diags);
            let mut other = vec![];
            parsed.as_ref().map(|e| type_aggregate(&text, e, &scope, &mut other));
            parsed.and_then(|e| type_expr(&text, &e, &scope, Context::Scalar, &mut diags)).is_some()
        } else {
            let parsed = parse_query(&text, &mut diags);
            parsed.and_then(|q| type_query(&text, &q, &Shop, &mut diags)).is_some()
        };
        let errors = diags.iter().any(kinfold_base::Diagnostic::is_error);
        assert!(found != errors || (!found && sql.contains("broken")), "{sql}: {diags:?}");
        for diag in &diags {
            let span = diag.span.expect("every finding has a place");
            assert!(span.start >= 3 && span.end as usize <= sql.len() + 3 && span.start <= span.end, "{sql}: {diag:?}");
        }
        *(if found { &mut typed } else { &mut refused }) += 1;
    }
    assert!(typed > 50 && refused > 50, "{typed} {refused}");
}
