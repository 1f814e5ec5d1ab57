//! What people say of single values, as the tables hold the values.

use kinfold_engine::Engine;
use kinfold_lang::project::{Entity, Pin};
use kinfold_plan::explain::pinned_values;

use crate::AppError;
use crate::rows::{each_row, index, text_opt};

/// An index into an entity's identifiers, and a value.
pub(crate) type Id = (usize, String);

/// The project's pins, values in the form that tables have. A pin of whose value nothing is left says nothing.
pub(crate) async fn pins<'a>(engine: &dyn Engine, entity: &'a Entity) -> Result<Vec<(&'a Pin, [Id; 2])>, AppError> {
    let pins = entity.pins.iter().zip(forms(engine, entity).await?).filter_map(|(pin, [a, b])| {
        let [(identifier_a, _), (identifier_b, _)] = &pin.values;
        Some((pin, [(*identifier_a, a?), (*identifier_b, b?)]))
    });
    Ok(pins.collect())
}

/// Both values of each of the entity's pins in the form that tables have, none where nothing is left of one.
pub(crate) async fn forms(engine: &dyn Engine, entity: &Entity) -> Result<Vec<[Option<String>; 2]>, AppError> {
    let Some(query) = pinned_values(entity) else { return Ok(vec![]) };
    let mut pinned: Vec<[Option<String>; 2]> = vec![[None, None]; entity.pins.len()];
    each_row(engine, &query, |row| {
        let end = index(&row, "pin").zip(index(&row, "side"));
        if let Some(end) = end.and_then(|(number, side)| pinned.get_mut(number)?.get_mut(side)) {
            *end = text_opt(&row, "value").filter(|value| !value.is_empty());
        }
    })
    .await?;
    Ok(pinned)
}
