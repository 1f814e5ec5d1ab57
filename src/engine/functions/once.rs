//! A value that is worked out once.
//!
//! Optimisers move conditions towards where rows come from, and put what a column stands for in its place: a column that costs much and
//! is looked at several times is then worked out as often. They leave alone what may be another value each time.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, exec_err, plan_err};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};

/// `kinfold_once(any)`.
pub(super) fn function() -> ScalarUDF {
    ScalarUDF::from(Once { signature: Signature::any(1, Volatility::Volatile) })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Once {
    signature: Signature,
}

impl ScalarUDFImpl for Once {
    fn name(&self) -> &'static str {
        "kinfold_once"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        let [ty] = types else { return plan_err!("kinfold_once takes a value") };
        Ok(ty.clone())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        args.args.into_iter().next().map_or_else(|| exec_err!("kinfold_once takes a value"), Ok)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::check;

    #[tokio::test]
    async fn it_is_the_value() {
        check("kinfold_once(n)", "0|null|null|null").await;
        check("kinfold_once('a')", "a").await;
        check("kinfold_once()", "error: kinfold_once").await;
    }
}
