//! Connected components of identifiers in SQL alone: randomised contraction, for engines that cannot take the clustering kernel.
//!
//! H. Bögeholz, M. Brand and R.-A. Todor, "In-database connected component analysis", ICDE 2020. A round gives every vertex a key by a
//! random bijection, and each vertex is represented by the one of smallest key among itself and its neighbours; the
//! representatives, with the edges between them, are the graph of the next round. O(log n) rounds are expected, whatever the graph:
//! about 14 for a chain of 10,000 values, 20 for one of a million.
//!
//! What comes out is what the kernel makes of the same rows where no identifier has a limit or shared values and nothing is pinned.
//! Limits, shared values, pins and stable ids are the kernel's alone.
//!
//! **The loop ends, and with the components.** Let `label(x)` be the representative of representatives of a value `x`, and E the edges
//! that are left.
//! 1. A round with an edge loses a vertex: of the component that has the edge, let m be the vertex of smallest key; m and all its
//!    neighbours, of which there is one, are represented by m. So n values take at most n - 1 rounds, however the keys fall.
//! 2. A value is always connected with its label: it is so while it is its own label, and a label's representative is itself or its
//!    neighbour in E, whose edges join labels of values that are linked.
//! 3. Two linked values have one label, or their labels have an edge in E: it is so at first, when labels are the values and E the
//!    links, and representatives of neighbours are one vertex or have an edge in the next E.
//!
//! When E is empty, linked values have one label by 3, and by 2 no others do: labels are the components, and further rounds
//! change nothing. That no link has two labels is asked of the database as well, in [`Contraction::split_links`].
//!
//! No step of this needs the keys to be random: they decide on the number of rounds, not on the result. An entity has at most
//! 2^31 - 1 values; the cast that numbers them fails on more, in every engine. Keys and products are then below 2^62.
//!
//! Deliberately absent: the loop. It is an engine's, or [`script`](Contraction::script)'s.

mod script;

use kinfold_lang::project::{Entity, EntityTable};
use sqlparser::ast::{BinaryOperator, DataType, Expr, Query, TableFactor};

use crate::identity::ROW_COUNT;
use crate::sql::{
    Aggregate, Select, Sort, Stages, and, binary, boolean, call, case, case_of, cast, cast_big_int, cast_text,
    coalesce, col, col_of, count_rows, derived_columns, eq, int, is_not_null, null, number, relation, text, union_all,
    window,
};
use crate::step::{Resolve, ResolveRows};

/// A prime, and the largest vertex: with an `a` that is not 0, `a * x + b` modulo it is different for each vertex.
const MODULUS: i64 = (1 << 31) - 1;
/// The first `a` and `b`, and what they are multiplied by in each round, modulo the same: two of the best multipliers for it in
/// G. S. Fishman and L. R. Moore, "An exhaustive analysis of multiplicative congruential random number generators with modulus
/// 2^31 - 1", 1986. No `a` is ever 0, and every engine comes to the same ones.
const SEEDS: [i64; 2] = [314_159_265, 271_828_182];
const MULTIPLIERS: [i64; 2] = [742_938_285, 950_706_376];
/// Above every vertex, so that a key and its vertex are one number.
const VERTICES: i64 = 1 << 31;

/// A table to be made from a query, in the place of the one of that name: the query may read what it replaces. Names are bare, and
/// so are those of these tables in queries.
#[derive(Debug, Clone)]
pub struct MakeTable {
    pub table: String,
    pub query: Query,
}

/// The statements that find the connected components of one entity's identifiers: make the tables of [`begin`](Self::begin); while
/// [`edges_left`](Self::edges_left) is not 0 make those of [`round`](Self::round), in order; [`split_links`](Self::split_links) is
/// then 0, and [`finish`](Self::finish) gives the result.
///
/// | table `_<entity>_component_…` | columns |
/// |---|---|
/// | `rows` | `i<n>` text for each identifier |
/// | `values` | `vertex` integer from 1 up, `identifier` integer, `value` text |
/// | `links` | `v`, `w`: linked vertices, each pair in both directions, once |
/// | `edges` | `v`, `w`: as `links`, between the labels that are left |
/// | `labels` | `vertex`, `representative` |
/// | `round` | `a`, `b`: one row |
/// | `nearest` | `vertex`, `representative`, of the vertices that have edges |
#[derive(Debug, Clone)]
pub struct Contraction {
    entity: String,
    identifiers: Vec<String>,
    rows: Vec<ResolveRows>,
}

impl Contraction {
    /// Over the project's own tables and models, whatever else of a plan has been built.
    #[must_use]
    pub fn of(entity: &Entity) -> Self {
        Self::new(&super::resolve(entity, |_| None))
    }

    /// Over the rows that the clustering kernel would be fed.
    #[must_use]
    pub fn new(resolve: &Resolve) -> Self {
        Self {
            entity: resolve.entity.clone(),
            identifiers: resolve.identifiers.iter().map(|i| i.name.clone()).collect(),
            rows: resolve.rows.clone(),
        }
    }

    /// Values as vertices, and as edges the values that stand on one row.
    #[must_use]
    pub fn begin(&self) -> Vec<MakeTable> {
        let vertices = Select::from(self.read("values", "t"));
        let labels = vertices.column("vertex").item(col("vertex"), "representative");
        let edges = Select::from(self.read("links", "t")).columns(["v", "w"]);
        let [a, b] = SEEDS.map(|seed| cast_big_int(int(seed)));
        let round = Select::of_constants().item(a, "a").item(b, "b");
        vec![
            self.make("rows", self.all_rows()),
            self.make("values", self.values()),
            self.make("links", self.links()),
            self.make("edges", edges.query()),
            self.make("labels", labels.query()),
            self.make("round", round.query()),
        ]
    }

    /// One round: the same text each time, as what changes is in tables.
    #[must_use]
    pub fn round(&self) -> Vec<MakeTable> {
        let next = |name: &str, multiplier| {
            binary(binary(col(name), BinaryOperator::Multiply, int(multiplier)), BinaryOperator::Modulo, int(MODULUS))
        };
        let [a, b] = MULTIPLIERS;
        let round = Select::from(self.read("round", "t")).item(next("a", a), "a").item(next("b", b), "b");

        let representative = |alias| col_of(alias, "representative");
        let label = coalesce(vec![representative("n"), representative("l")]);
        let labels = Select::from(self.read("labels", "l"))
            .left_join(self.read("nearest", "n"), eq(col_of("n", "vertex"), representative("l")))
            .item(col_of("l", "vertex"), "vertex")
            .item(label, "representative");
        vec![
            self.make("round", round.query()),
            self.make("nearest", self.nearest()),
            self.make("labels", labels.query()),
            self.make("edges", self.contracted()),
        ]
    }

    /// One number: 0 when the loop is done.
    #[must_use]
    pub fn edges_left(&self) -> Query {
        Select::from(self.read("edges", "e")).item(count_rows().build(), "edges_left").query()
    }

    /// One number, 0 after the loop: the links whose values have different labels.
    #[must_use]
    pub fn split_links(&self) -> Query {
        let differs = binary(col_of("a", "representative"), BinaryOperator::NotEq, col_of("b", "representative"));
        Select::from(self.read("links", "l"))
            .join(self.read("labels", "a"), eq(col_of("a", "vertex"), col_of("l", "v")))
            .join(self.read("labels", "b"), eq(col_of("b", "vertex"), col_of("l", "w")))
            .item(count_rows().build(), "split_links")
            .filter([differs])
            .query()
    }

    /// The table `<entity>_components`: `identifier` text, `value` text, `component` integer, the smallest vertex of the value's
    /// component. Each value stands there once.
    #[must_use]
    pub fn finish(&self) -> MakeTable {
        let mut stages = Stages::default();
        let first = Aggregate::new("min", vec![col("vertex")]).build();
        let smallest = Select::from(self.read("labels", "l"))
            .column("representative")
            .item(first, "component")
            .group_by(["representative"]);
        stages.add("smallest", smallest.query());
        let names = self.identifiers.iter().enumerate().map(|(i, name)| (ordinal(i), text(name)));
        let query = Select::from(self.read("values", "v"))
            .join(self.read("labels", "l"), eq(col_of("l", "vertex"), col_of("v", "vertex")))
            .join(
                relation(None, "smallest", Some("s")),
                eq(col_of("s", "representative"), col_of("l", "representative")),
            )
            .item(case_of(col_of("v", "identifier"), names, None), "identifier")
            .item(col_of("v", "value"), "value")
            .item(col_of("s", "component"), "component");
        MakeTable { table: EntityTable::Components.of(&self.entity), query: stages.finish(query.query()) }
    }

    fn table(&self, what: &str) -> String {
        format!("_{}_component_{what}", self.entity)
    }

    fn make(&self, what: &str, query: Query) -> MakeTable {
        MakeTable { table: self.table(what), query }
    }

    fn read(&self, what: &str, alias: &str) -> TableFactor {
        relation(None, &self.table(what), Some(alias))
    }

    /// The rows of all sources, with a column for every identifier; each combination once.
    fn all_rows(&self) -> Query {
        let of = |rows: &ResolveRows| {
            let own: Vec<String> = rows.identifiers.iter().map(|i| column(*i)).collect();
            let told = ["first_seen_at", "last_seen_at", ROW_COUNT].map(str::to_owned);
            let unusable: Vec<String> = own.iter().map(|name| format!("unusable_{name}")).collect();
            let columns: Vec<&str> = own.iter().chain(&told).chain(&unusable).map(String::as_str).collect();
            let value = |i: usize| if rows.identifiers.contains(&i) { col(&column(i)) } else { null() };
            Select::from(derived_columns(rows.query.clone(), "r", &columns))
                .items((0..self.identifiers.len()).map(|i| (cast_text(value(i)), column(i))))
                .query()
        };
        let columns: Vec<String> = (0..self.identifiers.len()).map(column).collect();
        let none = || nothing(columns.iter().map(|name| (cast_text(null()), name.clone())));
        let names = || columns.iter().map(String::as_str);
        let mut stages = Stages::default();
        stages.add("read", union_all(self.rows.iter().map(of)).unwrap_or_else(none));
        stages.finish(Select::from_stage("read").columns(names()).group_by(names()).query())
    }

    /// Each value once, numbered.
    fn values(&self) -> Query {
        let mut stages = Stages::default();
        let of = |i: usize| {
            let value = || col(&column(i));
            Select::from(self.read("rows", "r"))
                .item(ordinal(i), "identifier")
                .item(value(), "value")
                .filter([is_not_null(value())])
                .query()
        };
        let none = || nothing([(ordinal(0), "identifier".to_owned()), (cast_text(null()), "value".to_owned())]);
        stages.add("found", union_all((0..self.identifiers.len()).map(of)).unwrap_or_else(none));
        let names = ["identifier", "value"];
        stages.add("distinct_values", Select::from_stage("found").columns(names).group_by(names).query());
        let order = names.map(|name| Sort::up(col(name))).to_vec();
        let vertex = cast(window(Aggregate::new("row_number", vec![]), vec![], order), DataType::Integer(None));
        stages.finish(Select::from_stage("distinct_values").item(cast_big_int(vertex), "vertex").columns(names).query())
    }

    /// The first value of a row with each of its others: that connects the same values as every pair would.
    fn links(&self) -> Query {
        let mut stages = Stages::default();
        let of = |i: usize| {
            let before = || (0..i).map(|earlier| col(&column(earlier)));
            let first = (0..i).map(|earlier| (is_not_null(col(&column(earlier))), ordinal(earlier)));
            let value = coalesce(before().collect());
            Select::from(self.read("rows", "r"))
                .item(case(first, None), "identifier_a")
                .item(value.clone(), "value_a")
                .item(ordinal(i), "identifier_b")
                .item(col(&column(i)), "value_b")
                .filter([is_not_null(col(&column(i))), is_not_null(value)])
                .query()
        };
        let none = || {
            let side = |s: &str| [(ordinal(0), format!("identifier_{s}")), (cast_text(null()), format!("value_{s}"))];
            nothing(["a", "b"].iter().flat_map(|s| side(s)))
        };
        stages.add("pairs", union_all((1..self.identifiers.len()).map(of)).unwrap_or_else(none));
        let same = |side: &str| {
            let is = |column: &str| eq(col_of(side, column), col_of("p", &format!("{column}_{side}")));
            and([is("identifier"), is("value")])
        };
        let numbered = Select::from(relation(None, "pairs", Some("p")))
            .join(self.read("values", "a"), same("a"))
            .join(self.read("values", "b"), same("b"))
            .item(col_of("a", "vertex"), "v")
            .item(col_of("b", "vertex"), "w");
        stages.add("numbered", numbered.query());
        let there = Select::from_stage("numbered").columns(["v", "w"]).query();
        let back = Select::from_stage("numbered").item(col("w"), "v").item(col("v"), "w").query();
        stages.add("both", union_all([there, back]).unwrap_or_else(|| nothing([])));
        stages.finish(Select::from_stage("both").columns(["v", "w"]).group_by(["v", "w"]).query())
    }

    /// Who represents each vertex that has an edge.
    fn nearest(&self) -> Query {
        let mut stages = Stages::default();
        let key = |vertex: &str| {
            let vertex = || col_of("e", vertex);
            let scaled = binary(col_of("r", "a"), BinaryOperator::Multiply, vertex());
            let moved = binary(scaled, BinaryOperator::Plus, col_of("r", "b"));
            let key = binary(moved, BinaryOperator::Modulo, int(MODULUS));
            binary(binary(key, BinaryOperator::Multiply, int(VERTICES)), BinaryOperator::Plus, vertex())
        };
        let keyed = Select::from(self.read("edges", "e"))
            .join(self.read("round", "r"), boolean(true))
            .item(col_of("e", "v"), "vertex")
            .item(call("least", vec![key("v"), key("w")]), "key");
        stages.add("keyed", keyed.query());
        let smallest = Aggregate::new("min", vec![col("key")]).build();
        let representative = binary(smallest, BinaryOperator::Modulo, int(VERTICES));
        let nearest =
            Select::from_stage("keyed").column("vertex").item(representative, "representative").group_by(["vertex"]);
        stages.finish(nearest.query())
    }

    /// The edges between representatives.
    fn contracted(&self) -> Query {
        let mut stages = Stages::default();
        let end = |alias: &str| col_of(alias, "representative");
        let moved = Select::from(self.read("edges", "e"))
            .join(self.read("nearest", "a"), eq(col_of("a", "vertex"), col_of("e", "v")))
            .join(self.read("nearest", "b"), eq(col_of("b", "vertex"), col_of("e", "w")))
            .item(end("a"), "v")
            .item(end("b"), "w")
            .filter([binary(end("a"), BinaryOperator::NotEq, end("b"))]);
        stages.add("moved", moved.query());
        stages.finish(Select::from_stage("moved").columns(["v", "w"]).group_by(["v", "w"]).query())
    }
}

/// The column of an identifier in `rows`.
fn column(identifier: usize) -> String {
    format!("i{identifier}")
}

/// An identifier in `values`.
fn ordinal(identifier: usize) -> Expr {
    number(&identifier.to_string())
}

/// No rows, of these columns.
fn nothing(items: impl IntoIterator<Item = (Expr, String)>) -> Query {
    Select::of_constants().items(items).filter([boolean(false)]).query()
}
