//! Identifiers in one form: the normalisers of the identity crate over columns of text.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, StringViewArray, StringViewBuilder};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};
use kinfold_identity::normalise::{self, Phone};

type Normaliser = for<'a> fn(&'a str, &'a mut String) -> Option<&'a str>;

/// All of them.
pub(super) fn functions() -> Vec<ScalarUDF> {
    let plain: [(&'static str, Normaliser); 5] = [
        ("kinfold_exact", exact),
        ("kinfold_lower", lower),
        ("kinfold_digits", digits),
        ("kinfold_uuid", uuid),
        ("kinfold_email", email),
    ];
    let plain = plain.into_iter().map(|(name, normaliser)| ScalarUDF::from(Normalise::new(name, Some(normaliser))));
    plain.chain([ScalarUDF::from(Normalise::new("kinfold_phone", None))]).collect()
}

fn exact<'a>(value: &'a str, _: &'a mut String) -> Option<&'a str> {
    normalise::exact(value)
}

fn lower<'a>(value: &'a str, buffer: &'a mut String) -> Option<&'a str> {
    normalise::lower(value, buffer)
}

fn digits<'a>(value: &'a str, buffer: &'a mut String) -> Option<&'a str> {
    normalise::digits(value, buffer)
}

fn uuid<'a>(value: &'a str, buffer: &'a mut String) -> Option<&'a str> {
    normalise::uuid(value, buffer)
}

fn email<'a>(value: &'a str, buffer: &'a mut String) -> Option<&'a str> {
    normalise::email(value, buffer)
}

/// One function. Without a normaliser it is the one for phones, which needs a region to be made.
#[derive(Debug)]
struct Normalise {
    name: &'static str,
    normaliser: Option<Normaliser>,
    signature: Signature,
}

impl Normalise {
    fn new(name: &'static str, normaliser: Option<Normaliser>) -> Self {
        Self { name, normaliser, signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl PartialEq for Normalise {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Normalise {}

impl std::hash::Hash for Normalise {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl ScalarUDFImpl for Normalise {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let expected = if self.normaliser.is_some() { 1..=1 } else { 1..=2 };
        if !expected.contains(&types.len()) {
            return plan_err!("{} takes {} arguments, not {}", self.name, expected.end(), types.len());
        }
        Ok(types.iter().map(as_text).collect())
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8View)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let Some(value) = args.args.first() else { return exec_err!("{} takes an argument", self.name) };
        let apply: Box<Apply> = if let Some(normaliser) = self.normaliser {
            Box::new(normaliser)
        } else {
            let phone = phone(args.args.get(1))?;
            Box::new(move |value, buffer| phone.normalise(value, buffer))
        };
        match value {
            ColumnarValue::Array(array) => Ok(ColumnarValue::Array(over(array, &*apply)?)),
            ColumnarValue::Scalar(scalar) => {
                let one = over(&scalar.to_array()?, &*apply)?;
                Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&one, 0)?))
            }
        }
    }
}

/// The type that an argument is cast to: strings stay as they are, anything else becomes the text that it prints as.
pub(super) fn as_text(ty: &DataType) -> DataType {
    match ty {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => ty.clone(),
        _ => DataType::Utf8View,
    }
}

/// Brings a value into its form, which lies in the value itself or in the buffer.
type Apply = dyn for<'a> Fn(&'a str, &'a mut String) -> Option<&'a str>;

fn phone(region: Option<&ColumnarValue>) -> Result<Phone> {
    let region = match region {
        None => None,
        Some(ColumnarValue::Scalar(region)) => region.try_as_str().flatten(),
        Some(ColumnarValue::Array(_)) => return exec_err!("the region of kinfold_phone must be a constant"),
    };
    let Some(phone) = Phone::new(region) else { return exec_err!("kinfold_phone knows no region of this name") };
    Ok(phone)
}

/// A function of texts over a column of them, in whatever layout.
pub(super) fn over(array: &ArrayRef, apply: &Apply) -> Result<ArrayRef> {
    if let Some(values) = array.as_string_view_opt() {
        // Most columns hold identifiers in their form already: then nothing is copied.
        let mut buffer = String::new();
        let mut is_same = |value: &str| apply(value, &mut buffer).is_some_and(|form| std::ptr::eq(form, value));
        if values.iter().flatten().all(&mut is_same) {
            return Ok(Arc::clone(array));
        }
    }
    Ok(Arc::new(match array.data_type() {
        DataType::Utf8View => each(array.as_string_view().iter(), apply),
        DataType::Utf8 => each(array.as_string::<i32>().iter(), apply),
        DataType::LargeUtf8 => each(array.as_string::<i64>().iter(), apply),
        other => return exec_err!("text was expected, not {other}"),
    }))
}

fn each<'v>(
    values: impl ExactSizeIterator<Item = Option<&'v str>>,
    apply: &dyn for<'a> Fn(&'a str, &'a mut String) -> Option<&'a str>,
) -> StringViewArray {
    let mut out = StringViewBuilder::with_capacity(values.len());
    let mut buffer = String::new();
    for value in values {
        out.append_option(value.and_then(|v| apply(v, &mut buffer)));
    }
    out.finish()
}
