//! Pins: pairs of values of which somebody knows whether they are one profile.
//!
//! They stand in git, with a reason, and win over everything that rows say: `always` links two values before any edge and
//! whatever limits say, `never` keeps two values apart whatever connects them. Values are brought into their identifier's form,
//! as those in the tables are, and compared in it. A pair that is pinned apart must not be linked by other pins.
//!
//! They stand under an entity's `identity`, or under `pins` in any file, where `kinfold match review` writes them.

use std::collections::HashMap;

use kinfold_base::{Diagnostic, Span};

use super::identity::UNKNOWN_IDENTIFIER;
use crate::ast;
use crate::parse::Parsed;
use crate::project::{Entity, Identifier, IdentifierType, Pin, PinKind};
use crate::rule::Rule;
use crate::tables::near_or_all;

pub(crate) const RULES: &[&Rule] = &[&BAD_PIN, &CONTRADICTORY_PINS];

pub(crate) const BAD_PIN: Rule = Rule::error("bad-pin", "a pin is not a pair of two values");
pub(crate) const CONTRADICTORY_PINS: Rule =
    Rule::error("contradictory-pins", "a pair that is pinned apart is linked by other pins");

const TWO_VALUES: &str = "write two values, as in `pair: [{email: ada@example.com}, {crm_id: \"17\"}]`";

/// All pins, in the order of writing, `always` first.
pub(crate) fn pins(
    entity: &ast::Entity,
    identifiers: &[Identifier],
    parsed: &Parsed,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<Pin> {
    let elsewhere = || parsed.file.pins.iter().filter(|pins| pins.entity.as_str() == entity.name.as_str());
    let always = entity.identity.always.iter().chain(elsewhere().flat_map(|pins| &pins.always));
    let never = entity.identity.never.iter().chain(elsewhere().flat_map(|pins| &pins.never));
    let written = always.map(|pin| (PinKind::Always, pin)).chain(never.map(|pin| (PinKind::Never, pin)));
    let pins: Vec<Pin> = written.filter_map(|(kind, pin)| read(kind, pin, entity, identifiers, diagnostics)).collect();
    contradictions(
        &pins,
        pins.iter().map(|pin| pin.values.each_ref().map(|value| same(value, identifiers))),
        diagnostics,
    );
    pins
}

/// What is wrong with an entity's pins that only the forms of their values tell. `forms`: of each of [`Entity::pins`], both values
/// as its identifiers' types make them, none where nothing is left of one.
#[must_use]
pub fn check_pinned(entity: &Entity, forms: &[[Option<String>; 2]]) -> Vec<Diagnostic> {
    let mut diagnostics = vec![];
    let (mut usable, mut values) = (vec![], vec![]);
    for (pin, forms) in entity.pins.iter().zip(forms) {
        let [(a, _), (b, _)] = pin.values;
        match forms {
            [Some(of_a), Some(of_b)] if (a, of_a) == (b, of_b) => diagnostics.push(same_twice(pin.span)),
            [Some(of_a), Some(of_b)] => {
                usable.push(pin);
                values.push([(a, of_a.clone()), (b, of_b.clone())]);
            }
            [of_a, _] => {
                let identifier = &entity.identifiers[if of_a.is_none() { a } else { b }];
                let message = format!("a pin holds no usable {}", identifier.name);
                let hint = "mend the value: nothing is left of it in the form that its identifier's type asks for";
                diagnostics.push(BAD_PIN.at(pin.span, message).hint(hint));
            }
        }
    }
    contradictions(usable, values, &mut diagnostics);
    diagnostics
}

fn read(
    kind: PinKind,
    written: &ast::Pin,
    entity: &ast::Entity,
    identifiers: &[Identifier],
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Pin> {
    let span = written.reason.span();
    let mut values = vec![];
    for (name, value) in written.pair.iter().flat_map(ast::Map::iter) {
        let Some(index) = identifiers.iter().position(|i| i.name == name.as_str()) else {
            let message = format!("`{}` is not an identifier of `{}`", name.as_str(), entity.name.as_str());
            let names: Vec<&str> = identifiers.iter().map(|i| i.name.as_str()).collect();
            let hint = near_or_all(name.as_str(), &names, 50);
            diagnostics.push(UNKNOWN_IDENTIFIER.at(name.span(), message).hint_opt(hint));
            return None;
        };
        values.push((index, value.as_str().to_owned()));
    }
    match <[(usize, String); 2]>::try_from(values) {
        Ok(_) if written.reason.as_str().trim().is_empty() => {
            let hint = "say in `reason` how somebody came to know; tables and `kinfold explain` repeat it";
            diagnostics.push(BAD_PIN.at(span, "a pin without a reason").hint(hint));
            None
        }
        Ok([a, b]) if same(&a, identifiers) == same(&b, identifiers) => {
            diagnostics.push(same_twice(span));
            None
        }
        Ok(values) => Some(Pin { kind, values, reason: written.reason.as_str().to_owned(), span }),
        Err(values) => {
            let message = format!("a pin is a pair of two values, and this has {}", values.len());
            diagnostics.push(BAD_PIN.at(span, message).hint(TWO_VALUES));
            None
        }
    }
}

fn same_twice(span: Span) -> Diagnostic {
    BAD_PIN.at(span, "a pin holds the same value twice").hint(TWO_VALUES)
}

/// What a value is told by before it has been brought into its identifier's form: of those that are one by this, all are one by that.
fn same(value: &(usize, String), identifiers: &[Identifier]) -> (usize, String) {
    let text = value.1.trim();
    let is_exact = identifiers[value.0].ty == IdentifierType::Exact;
    (value.0, if is_exact { text.to_owned() } else { text.to_lowercase() })
}

/// `values`: what the two values of each pin are told by.
fn contradictions<'a>(
    pins: impl IntoIterator<Item = &'a Pin>,
    values: impl IntoIterator<Item = [(usize, String); 2]>,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let mut numbers = HashMap::new();
    let mut number = |value| {
        let next = numbers.len();
        *numbers.entry(value).or_insert(next)
    };
    let pairs = values.into_iter().map(|pair| pair.map(&mut number));
    let pins: Vec<(&Pin, [usize; 2])> = pins.into_iter().zip(pairs).collect();
    // For each value another one of its set, or itself where it stands for the set.
    let mut sets: Vec<usize> = (0..numbers.len()).collect();
    let of_kind = |kind| pins.iter().filter(move |(pin, _)| pin.kind == kind);
    for (_, pair) in of_kind(PinKind::Always) {
        let [a, b] = pair.map(|value| find(&mut sets, value));
        sets[b] = a;
    }
    for (pin, pair) in of_kind(PinKind::Never) {
        let [a, b] = pair.map(|value| find(&mut sets, value));
        if a == b {
            let message = "this pair is pinned apart, and linked by pins under `always`";
            diagnostics.push(CONTRADICTORY_PINS.at(pin.span, message).hint("remove one of the pins"));
        }
    }
}

/// The value that stands for a value's set. Halves the path to it, so that paths stay short (Tarjan and van Leeuwen, 1984).
fn find(sets: &mut [usize], mut value: usize) -> usize {
    while sets[value] != value {
        sets[value] = sets[sets[value]];
        value = sets[value];
    }
    value
}
