//! Loops: `exists`, `all`, `exists_one`, `filter` and `map`. The parser writes each as one general loop.

use cel::common::ast::ComprehensionExpr;

use super::{Checker, Found};
use crate::rules::cost::Cost;
use crate::rules::fields::Kind;

/// Loops that may lie within each other. A third would look at each thing a million times.
const LOOPS: usize = 2;

impl Checker<'_> {
    pub(super) fn comprehension(&mut self, id: u64, each: &ComprehensionExpr) -> Found {
        let range = self.look_at(&each.iter_range);
        let element = match range.kind {
            Kind::List(element) => *element,
            Kind::Any => Kind::Any,
            Kind::Null | Kind::Bool | Kind::Number | Kind::Text | Kind::Fields(_) => {
                let what = format!("this loops over a list, and that is {}", range.kind.in_words());
                self.fault(each.iter_range.id, what);
                return Found::nothing();
            }
        };
        if self.loops == LOOPS {
            self.fault(id, format!("at most {LOOPS} loops may lie within each other"));
            return Found::nothing();
        }
        let start = self.look_at(&each.accu_init);
        self.loops += 1;
        let given = self.scope.len();
        self.scope.push((each.accu_var.clone(), Found { length: range.length, ..start.clone() }));
        self.scope.push((each.iter_var.clone(), Found::new(element, Cost::STEP)));
        let (goes_on, step) = (self.look_at(&each.loop_cond), self.look_at(&each.loop_step));
        self.scope.truncate(given);
        self.loops -= 1;
        let kind = start.kind.or(step.kind);
        self.scope.push((each.accu_var.clone(), Found::new(kind, Cost::STEP)));
        let result = self.look_at(&each.result);
        self.scope.truncate(given);
        // What an element holds is copied for each turn, all of them together once.
        let turns = range.length * (goes_on.cost + step.cost + Cost::STEP) + Cost::COPY;
        let cost = range.cost + start.cost + turns + result.cost;
        Found { kind: result.kind, cost, length: range.length }
    }
}
