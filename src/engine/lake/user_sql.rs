//! SQL that a user wrote: it may read declared tables, and nothing else.

use datafusion::execution::SessionState;
use datafusion::execution::context::SQLOptions;
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::parser::{DFParserBuilder, Statement};
use datafusion::sql::sqlparser::ast::Statement as SqlStatement;
use datafusion::sql::sqlparser::dialect::GenericDialect;
use kinfold_base::did_you_mean;

use crate::error::EngineError;
use crate::failure::{self, input};
use crate::lake::catalog::Names;

const WHAT: &str = "the query";

/// Plans a query.
///
/// # Errors
/// When it is not one query, names what is not declared, or would do anything but read.
pub(crate) async fn plan(session: &SessionState, sql: &str, names: &Names) -> Result<LogicalPlan, EngineError> {
    let statements = DFParserBuilder::new(sql)
        .with_dialect(&GenericDialect {})
        .build()
        .and_then(|mut parser| parser.parse_statements())
        .map_err(|e| failure::query(e, WHAT))?;
    let mut statements = statements.into_iter();
    let (Some(mut statement), None) = (statements.next(), statements.next()) else {
        return Err(input("a query is one statement").hint("write one `select`, without a second statement after it"));
    };
    let query = match &mut statement {
        Statement::Statement(statement) => match statement.as_mut() {
            SqlStatement::Query(query) => Some(query),
            _ => None,
        },
        _ => None,
    };
    if let Some(query) = query {
        kinfold_sql::floats_for_exponents(query);
    } else {
        return Err(input("a query may only read: this is another kind of statement")
            .hint("write a `select`; tables are made by the project's models and entities"));
    }
    check_tables(session, &statement, names)?;
    let plan = session.statement_to_plan(statement).await.map_err(|e| failure::query(e, WHAT))?;
    let reading = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
    reading.verify_plan(&plan).map_err(|_| {
        input("a query may only read: it would write, or change a setting").hint("write a plain `select`")
    })?;
    Ok(plan)
}

/// Names the first table that is not declared, with the nearest one that is.
fn check_tables(session: &SessionState, statement: &Statement, names: &Names) -> Result<(), EngineError> {
    let references = session.resolve_table_references(statement).map_err(|e| failure::query(e, WHAT))?;
    for reference in references {
        let known = session.schema_for_ref(reference.clone()).is_ok_and(|s| s.table_exist(reference.table()));
        if !known {
            let name = reference.to_string();
            let declared = names.public_names();
            let hint = match did_you_mean(&name, declared.iter().map(String::as_str)) {
                Some(near) => format!("did you mean `{near}`?"),
                None if declared.len() <= 30 => format!("a query may read {}", declared.join(", ")),
                None => "a query may read the project's sources, models and the tables that Kinfold makes".to_owned(),
            };
            return Err(input(format!("there is no table `{name}`")).hint(hint));
        }
    }
    Ok(())
}
