//! Joins.

use kinfold_base::{Diagnostic, SqlType};
use sqlparser::ast::{Join, JoinConstraint, JoinOperator as J, ObjectName, ObjectNamePart, TableFactor};

use crate::typer::{Allow, Col, Frame, Merged, Rows, Typer, pick, quoted_name};

/// Of which side of a join every row comes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keep {
    Inner,
    Left,
    Right,
    Both,
}

impl Typer<'_> {
    pub(super) fn join(&mut self, join: &mut Join, before: &Frame, local: &mut Frame) {
        let mut sight = local.clone();
        sight.rows.extend(before.rows.iter().cloned());
        let right = self.factor(&mut join.relation, &sight, &mut local.merged);
        let left = local.rows.len();
        for rows in right {
            self.add(&mut local.rows, rows, &join.relation);
        }
        if join.global {
            self.unsupported(&join.relation, "the engine has no `global join`");
        }
        let relation = &join.relation;
        match &mut join.join_operator {
            J::Join(on) | J::Inner(on) => self.constraint(on, relation, left, local, Keep::Inner),
            J::Left(on) | J::LeftOuter(on) => self.constraint(on, relation, left, local, Keep::Left),
            J::Right(on) | J::RightOuter(on) => self.constraint(on, relation, left, local, Keep::Right),
            J::FullOuter(on) => self.constraint(on, relation, left, local, Keep::Both),
            J::LeftSemi(on) | J::LeftAnti(on) => {
                self.constraint(on, relation, left, local, Keep::Left);
                local.rows.truncate(left);
            }
            J::RightSemi(on) | J::RightAnti(on) => {
                self.constraint(on, relation, left, local, Keep::Right);
                local.rows.drain(..left);
            }
            J::CrossJoin(JoinConstraint::None) => {}
            J::Semi(_) | J::Anti(_) => {
                self.unsupported(relation, "say on which side: `left semi join` or `left anti join`");
            }
            _ => {
                self.unsupported(relation, "the engine has no such join");
            }
        }
    }

    fn constraint(
        &mut self,
        on: &mut JoinConstraint,
        relation: &TableFactor,
        left: usize,
        local: &mut Frame,
        keep: Keep,
    ) {
        match on {
            JoinConstraint::On(condition) => {
                let flow = std::mem::take(&mut self.flow);
                self.frames.push(local.clone());
                let allow = Allow { subqueries: true, predicates: keep == Keep::Inner, ..Allow::scalar("`on`") };
                self.within(allow, |typer| typer.condition(condition));
                self.frames.pop();
                self.flow = flow;
            }
            JoinConstraint::Using(names) => {
                for name in names {
                    self.using(name, left, local, keep);
                }
            }
            JoinConstraint::Natural => {
                let (a, b) = local.rows.split_at(left);
                let of = |rows: &[Rows]| -> Vec<String> {
                    rows.iter().flat_map(|r| r.columns.iter().flatten()).map(|c| c.name.clone()).collect()
                };
                let (a, b) = (of(a), of(b));
                for name in a.into_iter().filter(|name| b.contains(name)) {
                    merge(name, left, local, keep);
                }
            }
            JoinConstraint::None => {
                let span = self.report.span(relation);
                self.report.push(
                    Diagnostic::error("join-without-condition", span, "this join says not which rows belong together")
                        .hint("add `on a.id = b.id`, or write `cross join` if every pair is meant"),
                );
            }
        }
    }

    fn using(&mut self, name: &mut ObjectName, left: usize, local: &mut Frame, keep: Keep) {
        let [ObjectNamePart::Identifier(ident)] = name.0.as_slice() else {
            self.unsupported(&*name, "`using` takes plain names of columns");
            return;
        };
        let ident = ident.clone();
        let (a, b) = local.rows.split_at(left);
        let mut found = vec![];
        for side in [a, b] {
            let columns: Vec<&Col> = side.iter().flat_map(|r| r.columns.iter().flatten()).collect();
            let open = side.iter().any(|r| r.columns.is_none());
            match pick(&columns, &ident.value, |c| &c.name).first() {
                Some(col) => found.push((col.name.clone(), col.ty.clone())),
                None if open => found.push((ident.value.clone(), SqlType::Unknown)),
                None => {
                    let span = self.report.place(ident.span);
                    let near = Self::near(&ident.value, columns.iter().map(|c| c.name.clone()));
                    let message =
                        format!("both sides of a join `using` a column must have it, and one has no `{}`", ident.value);
                    self.report.push(Diagnostic::error("unknown-column", span, message).hint_opt(near));
                    return;
                }
            }
        }
        if let [(a, a_type), (b, b_type)] = found.as_slice() {
            let span = self.report.place(ident.span);
            if a != b {
                let message = format!("the column is `{a}` on one side and `{b}` on the other");
                self.report.push(Diagnostic::error("unknown-column", span, message).hint("join with `on`"));
            } else if !a_type.is_comparable_with(b_type) {
                let message = format!("`{a}` is {a_type} on one side and {b_type} on the other");
                self.report.push(Diagnostic::error("type-mismatch", span, message).hint("join with `on` and a cast"));
            }
            *name = quoted_name([a.clone()]);
            merge(a.clone(), left, local, keep);
        }
    }
}

/// Makes one column of those that both sides of a join have.
fn merge(name: String, left: usize, local: &mut Frame, keep: Keep) {
    let (a, b) = local.rows.split_at(left);
    let of = |rows: &[Rows]| {
        let has = |r: &&Rows| r.columns.as_ref().is_none_or(|c| c.iter().any(|c| c.name == name));
        rows.iter().find(has).and_then(|r| r.emit.clone())
    };
    let before = local.merged.iter().position(|m| m.name == name).map(|i| local.merged.remove(i).emit);
    let left_side = before.unwrap_or_else(|| of(a).into_iter().collect());
    let emit = match keep {
        Keep::Inner | Keep::Left => left_side,
        Keep::Right => of(b).into_iter().collect(),
        Keep::Both => left_side.into_iter().chain(of(b)).collect(),
    };
    local.merged.push(Merged { name, emit });
}
