//! Columns of query results, as the kernel reads them.

use arrow::array::{Array, ArrayRef, AsArray, PrimitiveArray, StringViewArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, Int64Type, TimestampMicrosecondType};
use kinfold_identity::{NumberColumn, TextColumn, TimeColumn, WeightColumn};

use crate::error::EngineError;
use crate::failure;
use crate::types::timestamp_type;

/// A column of text, as the kernel reads it.
pub(super) struct Text(StringViewArray);

impl Text {
    /// Of its own, and no part of anything larger.
    pub(super) fn copied(&self) -> Self {
        Self(self.0.gc())
    }

    pub(super) fn bytes(&self) -> usize {
        self.0.get_array_memory_size()
    }

    pub(super) fn new(column: &ArrayRef) -> Result<Self, EngineError> {
        let column = cast(column, &DataType::Utf8View).map_err(|e| failure::arrow(e, "a query of identifiers"))?;
        Ok(Self(column.as_string_view().clone()))
    }
}

impl TextColumn for Text {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn text(&self, row: usize) -> Option<&str> {
        self.0.is_valid(row).then(|| self.0.value(row))
    }
}

/// A column of numbers that 32 bits hold.
pub(super) struct Numbers(PrimitiveArray<Int64Type>);

impl Numbers {
    /// Of its own, and no part of anything larger.
    pub(super) fn copied(&self) -> Self {
        Self(self.0.iter().collect())
    }

    pub(super) fn bytes(&self) -> usize {
        self.0.get_array_memory_size()
    }

    /// Where one is missing, any.
    pub(super) fn values(&self) -> &[i64] {
        self.0.values()
    }

    pub(super) fn new(column: &ArrayRef) -> Result<Self, EngineError> {
        let column = cast(column, &DataType::Int64).map_err(|e| failure::arrow(e, "a query of identifiers"))?;
        Ok(Self(column.as_primitive::<Int64Type>().clone()))
    }
}

impl NumberColumn for Numbers {
    fn number(&self, row: usize) -> Option<u32> {
        u32::try_from(self.0.is_valid(row).then(|| self.0.value(row))?).ok()
    }

    fn all(&self) -> Option<&[i64]> {
        Some(self.values())
    }
}

/// A column of instants, as the kernel reads it.
pub(super) struct Micros(PrimitiveArray<TimestampMicrosecondType>);

impl Micros {
    pub(super) fn new(column: &ArrayRef) -> Result<Self, EngineError> {
        let column = cast(column, &timestamp_type()).map_err(|e| failure::arrow(e, "a query of identifiers"))?;
        Ok(Self(column.as_primitive::<TimestampMicrosecondType>().clone()))
    }
}

impl TimeColumn for Micros {
    fn micros(&self, row: usize) -> Option<i64> {
        self.0.is_valid(row).then(|| self.0.value(row))
    }
}

/// A column of weights, as the kernel reads it.
pub(super) struct Weights(PrimitiveArray<Float64Type>);

impl Weights {
    /// Of its own, and no part of anything larger.
    pub(super) fn copied(&self) -> Self {
        Self(self.0.iter().collect())
    }

    pub(super) fn bytes(&self) -> usize {
        self.0.get_array_memory_size()
    }

    pub(super) fn new(column: &ArrayRef) -> Result<Self, EngineError> {
        let column = cast(column, &DataType::Float64).map_err(|e| failure::arrow(e, "a query of matches"))?;
        Ok(Self(column.as_primitive::<Float64Type>().clone()))
    }
}

impl WeightColumn for Weights {
    fn weight(&self, row: usize) -> Option<f64> {
        self.0.is_valid(row).then(|| self.0.value(row))
    }
}
