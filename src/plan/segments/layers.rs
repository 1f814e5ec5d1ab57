//! Columns that are made of each other, as projections one over the other, each as low as it can be.

use std::collections::{BTreeSet, HashMap};

use sqlparser::ast::Expr;

use crate::sql::{Select, Stages};

/// A column, and the columns of lower layers that it is made of.
#[derive(Debug)]
pub(super) struct Column {
    pub name: String,
    pub expr: Expr,
    pub needs: BTreeSet<String>,
}

/// Adds layers over the stage `layer_0`, and names the uppermost. Each column comes after those that it needs; what is not
/// among the columns is in `layer_0`.
pub(super) fn add_layers(stages: &mut Stages, columns: Vec<Column>) -> String {
    let mut heights: HashMap<String, usize> = HashMap::new();
    let mut layers: Vec<Vec<Column>> = vec![];
    for column in columns {
        let height = column.needs.iter().filter_map(|n| heights.get(n)).max().map_or(0, |h| h + 1);
        heights.insert(column.name.clone(), height);
        if layers.len() <= height {
            layers.resize_with(height + 1, Vec::new);
        }
        layers[height].push(column);
    }
    let count = layers.len();
    for (i, layer) in layers.into_iter().enumerate() {
        let below = format!("layer_{i}");
        let items = layer.into_iter().map(|c| (c.expr, c.name));
        stages.add(&format!("layer_{}", i + 1), Select::from_stage(&below).all_of(&below).items(items).query());
    }
    format!("layer_{count}")
}
