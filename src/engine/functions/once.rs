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
    use datafusion::physical_plan::displayable;

    use super::super::tests::{check, session};

    #[tokio::test]
    async fn conditions_do_not_work_it_out_again() {
        let session = session();
        let found = async |value: &str| {
            let rows =
                "SELECT cast(n AS varchar) AS a, 'b' || cast(n AS varchar) AS b FROM generate_series(1, 9) AS r (n)";
            let sql = format!("SELECT w, w + 1 AS v FROM (SELECT {value} AS w FROM ({rows})) WHERE w > 0.5");
            let plan = session.sql(&sql).await.unwrap().create_physical_plan().await.unwrap();
            displayable(plan.as_ref()).indent(false).to_string().matches("jaro(").count()
        };
        assert_eq!(found("kinfold_once(jaro(a, b))").await, 1);
        assert!(found("jaro(a, b)").await > 1);
    }

    #[tokio::test]
    async fn it_is_the_value() {
        check("kinfold_once(n)", "0|null|null|null").await;
        check("kinfold_once('a')", "a").await;
        check("kinfold_once()", "error: kinfold_once").await;
    }
}
