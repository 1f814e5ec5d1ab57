//! The names that SQL may use, and what stands behind each.
//!
//! Every query plans against a view of the same names: Kinfold's own queries may see the file tables they were given, a user's
//! query sees neither those nor scratch tables. No view can be written to, and none reads a file because SQL names it.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use datafusion::catalog::{CatalogProvider, CatalogProviderList, SchemaProvider, TableProvider};
use datafusion::common::Result;

/// The one catalog.
pub(crate) const CATALOG: &str = "lake";
/// Models and Kinfold's own tables; the default schema.
pub(crate) const KINFOLD: &str = "kinfold";
/// The last committed version of Kinfold's tables.
pub(crate) const PREVIOUS: &str = "previous";
/// Of Kinfold's tables, what the run that is going on has written.
pub(crate) const WRITTEN: &str = "_written";
/// Tables that a single query was given.
pub(crate) const FILES: &str = "files";

/// A table, and whether a user's SQL may name it.
#[derive(Debug, Clone)]
struct Entry {
    table: Arc<dyn TableProvider>,
    public: bool,
}

/// Every table that an engine knows, by schema and name.
#[derive(Debug, Default)]
pub(crate) struct Names {
    schemas: RwLock<BTreeMap<String, BTreeMap<String, Entry>>>,
}

impl Names {
    pub(crate) fn put(&self, schema: &str, name: &str, table: Arc<dyn TableProvider>, public: bool) {
        let mut schemas = self.schemas.write().unwrap_or_else(PoisonError::into_inner);
        schemas.entry(schema.to_owned()).or_default().insert(name.to_owned(), Entry { table, public });
    }

    pub(crate) fn take(&self, schema: &str, name: &str) -> Option<Arc<dyn TableProvider>> {
        let mut schemas = self.schemas.write().unwrap_or_else(PoisonError::into_inner);
        schemas.get_mut(schema)?.remove(name).map(|e| e.table)
    }

    pub(crate) fn get(&self, schema: &str, name: &str) -> Option<Arc<dyn TableProvider>> {
        self.find(schema, name).map(|e| e.table)
    }

    fn find(&self, schema: &str, name: &str) -> Option<Entry> {
        self.schemas.read().unwrap_or_else(PoisonError::into_inner).get(schema)?.get(name).cloned()
    }

    /// Full names of the tables that a user's SQL may name.
    pub(crate) fn public_names(&self) -> Vec<String> {
        let schemas = self.schemas.read().unwrap_or_else(PoisonError::into_inner);
        let tables = schemas.iter().flat_map(|(schema, tables)| tables.iter().map(move |(name, e)| (schema, name, e)));
        tables
            .filter(|(_, _, e)| e.public)
            .map(|(schema, name, _)| if schema == KINFOLD { name.clone() } else { format!("{schema}.{name}") })
            .collect()
    }
}

/// Tables that one query was given.
pub(crate) type GivenTables = Arc<HashMap<String, Arc<dyn TableProvider>>>;

/// The names as one query sees them.
#[derive(Debug, Clone)]
pub(crate) struct Visible {
    pub(crate) names: Arc<Names>,
    pub(crate) files: GivenTables,
    /// Only what a user's SQL may name.
    pub(crate) public_only: bool,
}

impl CatalogProviderList for Visible {
    fn register_catalog(&self, _: String, _: Arc<dyn CatalogProvider>) -> Option<Arc<dyn CatalogProvider>> {
        None
    }

    fn catalog_names(&self) -> Vec<String> {
        vec![CATALOG.to_owned()]
    }

    fn catalog(&self, name: &str) -> Option<Arc<dyn CatalogProvider>> {
        (name == CATALOG).then(|| Arc::new(self.clone()) as _)
    }
}

impl CatalogProvider for Visible {
    fn schema_names(&self) -> Vec<String> {
        let schemas = self.names.schemas.read().unwrap_or_else(PoisonError::into_inner);
        schemas.keys().cloned().chain((!self.public_only).then(|| FILES.to_owned())).collect()
    }

    fn schema(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        Some(Arc::new(VisibleSchema { visible: self.clone(), schema: name.to_owned() }))
    }
}

#[derive(Debug)]
struct VisibleSchema {
    visible: Visible,
    schema: String,
}

impl VisibleSchema {
    fn find(&self, name: &str) -> Option<Arc<dyn TableProvider>> {
        if self.schema == FILES {
            return self.visible.files.get(name).filter(|_| !self.visible.public_only).cloned();
        }
        let entry = self.visible.names.find(&self.schema, name)?;
        (entry.public || !self.visible.public_only).then_some(entry.table)
    }
}

#[async_trait]
impl SchemaProvider for VisibleSchema {
    fn table_names(&self) -> Vec<String> {
        let schemas = self.visible.names.schemas.read().unwrap_or_else(PoisonError::into_inner);
        let names = schemas.get(&self.schema).into_iter().flatten();
        names.filter(|(_, e)| e.public || !self.visible.public_only).map(|(name, _)| name.clone()).collect()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        Ok(self.find(name))
    }

    fn table_exist(&self, name: &str) -> bool {
        self.find(name).is_some()
    }
}
