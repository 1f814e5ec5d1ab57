//! Preparing text for comparison: the functions of the matching crate over columns of text.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};
use kinfold_matching::text;

use super::normalise::{as_text, over};

/// Gives what lies in the text, in the buffer or in a table, or nothing.
type Apply = for<'a> fn(&'a str, &'a mut String) -> Option<&'a str>;

const FUNCTIONS: &[(&str, Apply)] = &[
    ("strip_accents", text::strip_accents),
    ("strip_punctuation", text::strip_punctuation),
    ("transliterate", text::transliterate),
    ("clean_name", text::clean_name),
    ("nickname", text::nickname),
    ("soundex", text::soundex),
    ("double_metaphone", text::double_metaphone),
    ("nysiis", text::nysiis),
    ("cologne_phonetic", text::cologne_phonetic),
];

/// All of them.
pub(super) fn functions() -> impl Iterator<Item = ScalarUDF> {
    let signature = || Signature::user_defined(Volatility::Immutable);
    (0..FUNCTIONS.len()).map(move |at| ScalarUDF::from(Prepare { at, signature: signature() }))
}

/// One function, by its place among [`FUNCTIONS`].
#[derive(Debug, PartialEq, Eq, Hash)]
struct Prepare {
    at: usize,
    signature: Signature,
}

impl ScalarUDFImpl for Prepare {
    fn name(&self) -> &str {
        FUNCTIONS[self.at].0
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let [ty] = types else { return plan_err!("{} takes 1 argument, not {}", self.name(), types.len()) };
        Ok(vec![as_text(ty)])
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8View)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let apply = FUNCTIONS[self.at].1;
        match args.args.as_slice() {
            [ColumnarValue::Array(array)] => Ok(ColumnarValue::Array(over(array, &apply)?)),
            [ColumnarValue::Scalar(scalar)] => {
                let one = over(&scalar.to_array()?, &apply)?;
                Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&one, 0)?))
            }
            _ => exec_err!("{} takes an argument", self.name()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::check;

    #[tokio::test]
    async fn each_function_is_known_to_sql() {
        check("strip_accents('Zoë')", "Zoe").await;
        check("strip_punctuation('O''Brien, J.R.')", "OBrien JR").await;
        check("transliterate('Шостакович')", "Shostakovich").await;
        check("clean_name('  MÜLLER-Lüdenscheidt ')", "muller ludenscheidt").await;
        check("nickname(clean_name('Bob'))", "robert").await;
        check("soundex('Robert')", "R163").await;
        check("double_metaphone('Smith')", "SM0").await;
        check("nysiis('Brown')", "BRAN").await;
        check("cologne_phonetic('Müller')", "657").await;
    }

    #[tokio::test]
    async fn any_layout_of_text_is_taken() {
        for ty in ["Utf8", "LargeUtf8", "Utf8View", "Dictionary(Int32, Utf8)"] {
            check(&format!("clean_name(arrow_cast(v, '{ty}'))"), "ada jr|null|null|istanbul").await;
            check(&format!("clean_name(arrow_cast('Ünal', '{ty}'))"), "unal").await;
        }
        check("clean_name(null)", "null").await;
        check("clean_name('.')", "null").await;
        check("arrow_typeof(clean_name('a'))", "Utf8View").await;
        check("clean_name(12)", "12").await;
        check("clean_name('a', 'b')", "error: clean_name takes 1 argument, not 2").await;
        check("nickname()", "error: nickname takes 1 argument, not 0").await;
    }
}
