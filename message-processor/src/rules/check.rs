//! What can be known of a condition before there is a message: whether it names what there is, whether it comes to true
//! or false, and what it costs at most.

mod calls;
mod loops;

use std::collections::BTreeSet;

use cel::IdedExpr;
use cel::common::ast::{Expr, LiteralValue, SelectExpr, SourceInfo};

use super::condition::Fault;
use super::cost::Cost;
use super::fields::{Kind, did_you_mean, fields, is_not_asked};

/// How deep the parts of a condition may lie within each other. Alternatives that are joined by `||` or `&&` lie side by
/// side: of them there may be thousands.
const DEPTH: usize = 32;

/// What a condition is, if nothing is wrong with it.
#[derive(Debug)]
pub(super) struct Checked {
    /// The fields of a message that it looks at.
    pub(super) roots: BTreeSet<String>,
    pub(super) cost: Cost,
}

/// Checks a condition that has been read. All faults are told, in the order of their places.
pub(super) fn check(expression: &IdedExpr, places: &SourceInfo) -> Result<Checked, Vec<Fault>> {
    let mut checker = Checker {
        places,
        faults: Vec::new(),
        scope: Vec::new(),
        roots: BTreeSet::new(),
        depth: 0,
        loops: 0,
    };
    let found = checker.look_at(expression);
    if !matches!(found.kind, Kind::Bool | Kind::Any) {
        let what = format!("this is {}, and a condition is true or false", found.kind.in_words());
        checker.fault(expression.id, what);
    }
    if checker.faults.is_empty() && found.cost.is_too_much() {
        checker
            .fault(expression.id, "this takes too long, however small the message: loop over less");
    }
    let Checker { mut faults, roots, .. } = checker;
    faults.sort_by_key(|fault| fault.at);
    if faults.is_empty() { Ok(Checked { roots, cost: found.cost }) } else { Err(faults) }
}

/// What is known of a part of a condition.
#[derive(Debug, Clone)]
struct Found {
    kind: Kind,
    cost: Cost,
    /// Of a list, how many elements it has at most.
    length: Cost,
}

impl Found {
    fn new(kind: Kind, cost: Cost) -> Self {
        Self { kind, cost, length: Cost::ALL }
    }

    /// Where something is wrong: what is around it is not wrong for that reason.
    fn nothing() -> Self {
        Self::new(Kind::Any, Cost::NOTHING)
    }
}

struct Checker<'s> {
    places: &'s SourceInfo,
    faults: Vec<Fault>,
    /// The names that loops have given, innermost last.
    scope: Vec<(String, Found)>,
    roots: BTreeSet<String>,
    depth: usize,
    loops: usize,
}

impl Checker<'_> {
    fn place(&self, id: u64) -> usize {
        self.places.offset_for(id).map_or(0, |(start, _)| start as usize)
    }

    fn fault(&mut self, id: u64, what: impl Into<String>) {
        self.faults.push(Fault { at: self.place(id), what: what.into() });
    }

    fn look_at(&mut self, expression: &IdedExpr) -> Found {
        if self.depth >= DEPTH {
            // Said once: what is around it is as deep.
            if self.faults.last().is_none_or(|fault| !fault.what.contains("too deep")) {
                self.fault(expression.id, "the condition is nested too deep here");
            }
            return Found::nothing();
        }
        self.depth += 1;
        let found = self.look_into(expression);
        self.depth -= 1;
        found
    }

    fn look_into(&mut self, expression: &IdedExpr) -> Found {
        let id = expression.id;
        match &expression.expr {
            Expr::Literal(literal) => self.literal(id, literal),
            Expr::Ident(name) => self.name(id, name),
            Expr::Select(select) => self.select(id, select),
            Expr::Call(call) => self.call(id, call),
            Expr::Comprehension(each) => self.comprehension(id, each),
            Expr::List(list) => {
                let mut found = Found::new(Kind::Any, Cost::STEP);
                for element in &list.elements {
                    let element = self.look_at(element);
                    found.kind = found.kind.or(element.kind);
                    found.cost = found.cost + element.cost;
                }
                found.length = Cost::steps(list.elements.len());
                found.kind = Kind::list(found.kind);
                found
            }
            Expr::Map(_) | Expr::Struct(_) => {
                self.fault(id, "objects cannot be written in a condition");
                Found::nothing()
            }
            // The parser has told of it.
            Expr::Unspecified => Found::nothing(),
        }
    }

    fn literal(&mut self, id: u64, literal: &LiteralValue) -> Found {
        let kind = match literal {
            LiteralValue::Null => Kind::Null,
            LiteralValue::Boolean(_) => Kind::Bool,
            LiteralValue::Int(_) | LiteralValue::Double(_) => Kind::Number,
            LiteralValue::String(_) => Kind::Text,
            LiteralValue::UInt(_) => {
                self.fault(id, "write the number without its 'u'");
                Kind::Number
            }
            LiteralValue::Bytes(_) => {
                self.fault(id, "no field has bytes; write the text without its 'b'");
                Kind::Text
            }
        };
        Found::new(kind, Cost::STEP)
    }

    fn name(&mut self, id: u64, name: &str) -> Found {
        if let Some((_, found)) = self.scope.iter().rev().find(|(known, _)| known == name) {
            return found.clone();
        }
        if let Some(value) = fields().get(name) {
            self.roots.insert(name.to_owned());
            return Found::new(Kind::of(value), Cost::STEP);
        }
        let what = if is_not_asked(name) {
            format!("'{name}' is there only when the rules have run: a condition cannot ask for it")
        } else {
            let given = self.scope.iter().map(|(given, _)| given.as_str());
            let words = ["true", "false", "null"];
            let known = fields().keys().map(String::as_str).chain(given).chain(words);
            format!("there is no field '{name}'{}", did_you_mean(name, known))
        };
        self.fault(id, what);
        Found::nothing()
    }

    fn select(&mut self, id: u64, select: &SelectExpr) -> Found {
        let operand = self.look_at(&select.operand);
        let place = self.places.offset_for(id).unwrap_or_default();
        // What is known is where the dot is, and of `has(…)` where it begins.
        let at = if select.test { place.0 } else { place.1 };
        let found = self.field(at as usize, &operand, &select.field);
        if select.test { Found { kind: Kind::Bool, ..found } } else { found }
    }

    /// The field of something, which is named at this byte.
    fn field(&mut self, at: usize, operand: &Found, field: &str) -> Found {
        let cost = operand.cost + Cost::STEP;
        let what = match &operand.kind {
            Kind::Any => return Found::new(Kind::Any, cost),
            Kind::Fields(fields) => {
                if let Some(value) = fields.get(field) {
                    return Found::new(Kind::of(value), cost);
                }
                let hint = did_you_mean(field, fields.keys().map(String::as_str));
                format!("there is no field '{field}' here{hint}")
            }
            Kind::List(_) => format!(
                "this is a list and has no field '{field}'; ask its elements, as in \
                 attachments.exists(a, a.inline)"
            ),
            Kind::Null | Kind::Bool | Kind::Number | Kind::Text => {
                format!("this is {} and has no field '{field}'", operand.kind.in_words())
            }
        };
        self.faults.push(Fault { at, what });
        Found::nothing()
    }
}

#[cfg(test)]
mod tests;
