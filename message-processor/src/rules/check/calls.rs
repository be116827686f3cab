//! Operators and functions: what each takes, and what it gives.

use cel::IdedExpr;
use cel::common::ast::{CallExpr, Expr, LiteralValue, operators};
use shared::category::Category;

use super::{Checker, Found};
use crate::rules::cost::{Cost, TEXT};
use crate::rules::fields::{Kind, did_you_mean};

/// What can be called, for hints.
const FUNCTIONS: [&str; 14] = [
    "contains",
    "startsWith",
    "endsWith",
    "lowerAscii",
    "size",
    "int",
    "double",
    "string",
    "has",
    "exists",
    "all",
    "exists_one",
    "filter",
    "map",
];

impl Checker<'_> {
    pub(super) fn call(&mut self, id: u64, call: &CallExpr) -> Found {
        let on = call.target.as_deref().map(|target| self.look_at(target));
        let args: Vec<Found> = call.args.iter().map(|arg| self.look_at(arg)).collect();
        let cost = on.iter().chain(&args).fold(Cost::STEP, |sum, part| sum + part.cost);
        let known = match (&on, args.as_slice()) {
            (None, [cond, then, or]) if call.func_name == operators::CONDITIONAL => {
                self.is(&call.args[0], cond, &Kind::Bool);
                let length = then.length + or.length;
                let kind = then.kind.clone().or(or.kind.clone());
                Some(Found { kind, cost, length })
            }
            (None, [one]) => self.of_one(call, one, cost),
            (None, [left, right]) => self.of_two(id, call, [left, right], cost),
            (Some(on), args) => self.of_text(call, on, args, cost),
            (None, _) => None,
        };
        known.unwrap_or_else(|| {
            self.fault(id, unknown(&call.func_name));
            Found::nothing()
        })
    }

    /// What is called with one value in its brackets, or an operator before its value.
    fn of_one(&mut self, call: &CallExpr, one: &Found, cost: Cost) -> Option<Found> {
        let kind = match call.func_name.as_str() {
            operators::LOGICAL_NOT => {
                self.is(&call.args[0], one, &Kind::Bool);
                Kind::Bool
            }
            operators::NOT_STRICTLY_FALSE => Kind::Bool,
            operators::NEGATE => {
                self.is(&call.args[0], one, &Kind::Number);
                Kind::Number
            }
            "size" => {
                self.has_a_size(&call.args[0], one);
                return Some(Found::new(Kind::Number, cost + TEXT));
            }
            "int" | "double" => Kind::Number,
            "string" => return Some(Found::new(Kind::Text, cost + TEXT)),
            _ => return None,
        };
        Some(Found::new(kind, cost))
    }

    fn of_two(
        &mut self,
        id: u64,
        call: &CallExpr,
        [left, right]: [&Found; 2],
        cost: Cost,
    ) -> Option<Found> {
        let parts = [&call.args[0], &call.args[1]];
        let found = match call.func_name.as_str() {
            operators::LOGICAL_AND | operators::LOGICAL_OR => {
                self.is(parts[0], left, &Kind::Bool);
                self.is(parts[1], right, &Kind::Bool);
                Found::new(Kind::Bool, cost)
            }
            operators::EQUALS | operators::NOT_EQUALS => {
                self.go_together(id, &left.kind, &right.kind);
                self.is_a_category(parts[0], parts[1]);
                self.is_a_category(parts[1], parts[0]);
                let large = left.kind.is_large() && right.kind.is_large();
                Found::new(Kind::Bool, cost + if large { Cost::ALL } else { TEXT })
            }
            operators::LESS
            | operators::LESS_EQUALS
            | operators::GREATER
            | operators::GREATER_EQUALS => {
                self.go_together(id, &left.kind, &right.kind);
                self.has_an_order(parts[0], left);
                self.has_an_order(parts[1], right);
                Found::new(Kind::Bool, cost + TEXT)
            }
            operators::ADD => {
                self.go_together(id, &left.kind, &right.kind);
                let kind = left.kind.clone().or(right.kind.clone());
                if matches!(kind, Kind::Null | Kind::Bool | Kind::Fields(_)) {
                    self.fault(id, format!("{} cannot be added", kind.in_words()));
                }
                let copy = match kind {
                    Kind::Number => Cost::STEP,
                    Kind::Text => Cost::ALL,
                    Kind::Any | Kind::Null | Kind::Bool | Kind::List(_) | Kind::Fields(_) => {
                        Cost::COPY
                    }
                };
                Found { kind, cost: cost + copy, length: left.length + right.length }
            }
            operators::SUBSTRACT | operators::MULTIPLY | operators::DIVIDE | operators::MODULO => {
                self.is(parts[0], left, &Kind::Number);
                self.is(parts[1], right, &Kind::Number);
                Found::new(Kind::Number, cost)
            }
            operators::IN => {
                self.is_among(id, parts, left, right);
                Found::new(Kind::Bool, cost + right.length * TEXT)
            }
            operators::INDEX => self.element(parts, left, right, cost),
            _ => return None,
        };
        Some(found)
    }

    /// What is called on something, with a dot.
    fn of_text(
        &mut self,
        call: &CallExpr,
        on: &Found,
        args: &[Found],
        cost: Cost,
    ) -> Option<Found> {
        let target = call.target.as_deref()?;
        let kind = match (call.func_name.as_str(), args) {
            ("contains" | "startsWith" | "endsWith", [arg]) => {
                if matches!(on.kind, Kind::List(_)) {
                    let what = format!(
                        "{} is for text, and this is a list; 'x' in LIST looks for an element",
                        call.func_name
                    );
                    self.fault(target.id, what);
                } else {
                    self.is(target, on, &Kind::Text);
                }
                self.is(&call.args[0], arg, &Kind::Text);
                Kind::Bool
            }
            ("lowerAscii", []) => {
                self.is(target, on, &Kind::Text);
                Kind::Text
            }
            ("size", []) => {
                self.has_a_size(target, on);
                Kind::Number
            }
            _ => return None,
        };
        Some(Found::new(kind, cost + TEXT))
    }

    /// `LIST[0]`, or `OBJECT['field']`.
    fn element(&mut self, parts: [&IdedExpr; 2], of: &Found, index: &Found, cost: Cost) -> Found {
        match (&of.kind, &parts[1].expr) {
            (Kind::List(element), _) => {
                self.is(parts[1], index, &Kind::Number);
                Found::new((**element).clone(), cost)
            }
            (Kind::Fields(_), Expr::Literal(LiteralValue::String(field))) => {
                let at = self.place(parts[1].id);
                self.field(at, &Found { cost, ..of.clone() }, field.inner())
            }
            (Kind::Any, _) => Found::new(Kind::Any, cost),
            (kind, _) => {
                let what =
                    format!("only a list has elements by number, and this is {}", kind.in_words());
                self.fault(parts[0].id, what);
                Found::nothing()
            }
        }
    }

    fn is_among(&mut self, id: u64, parts: [&IdedExpr; 2], left: &Found, right: &Found) {
        match &right.kind {
            Kind::List(element) => self.go_together(id, &left.kind, element),
            Kind::Any => {}
            Kind::Text => {
                let what = "'in' looks for an element of a list; of text, use .contains(…)";
                self.fault(parts[1].id, what);
            }
            kind @ (Kind::Null | Kind::Bool | Kind::Number | Kind::Fields(_)) => {
                let what =
                    format!("'in' looks for an element of a list, and this is {}", kind.in_words());
                self.fault(parts[1].id, what);
            }
        }
        if let Expr::List(list) = &parts[1].expr {
            for element in &list.elements {
                self.is_a_category(parts[0], element);
            }
        }
    }

    fn is(&mut self, part: &IdedExpr, found: &Found, wanted: &Kind) {
        if !found.kind.goes_with(wanted) || found.kind == Kind::Null {
            let (is, wanted) = (found.kind.in_words(), wanted.in_words());
            self.fault(part.id, format!("this is {is}, and should be {wanted}"));
        }
    }

    fn has_a_size(&mut self, part: &IdedExpr, found: &Found) {
        if !matches!(found.kind, Kind::Any | Kind::Text | Kind::List(_)) {
            let what =
                format!("only text and lists have a size, and this is {}", found.kind.in_words());
            self.fault(part.id, what);
        }
    }

    fn has_an_order(&mut self, part: &IdedExpr, found: &Found) {
        if !matches!(found.kind, Kind::Any | Kind::Text | Kind::Number) {
            let what = format!(
                "only numbers and texts have an order, and this is {}",
                found.kind.in_words()
            );
            self.fault(part.id, what);
        }
    }

    fn go_together(&mut self, id: u64, left: &Kind, right: &Kind) {
        if !left.goes_with(right) {
            let (left, right) = (left.in_words(), right.in_words());
            self.fault(id, format!("{left} and {right} are never the same"));
        }
    }

    /// A category that does not exist would never be any message's.
    fn is_a_category(&mut self, field: &IdedExpr, word: &IdedExpr) {
        let Expr::Literal(LiteralValue::String(text)) = &word.expr else { return };
        let named = matches!(&field.expr, Expr::Ident(name) if name == "category");
        if named && self.scope.iter().all(|(given, _)| given != "category") {
            let (text, known) = (text.inner(), Category::ALL.iter().map(|known| known.as_str()));
            if known.clone().all(|known| known != text) {
                let hint = did_you_mean(text, known);
                self.fault(word.id, format!("there is no category '{text}'{hint}"));
            }
        }
    }
}

fn unknown(name: &str) -> String {
    match name {
        "matches" => "there are no regular expressions; \
                      use .contains(…), .startsWith(…) or .endsWith(…)"
            .to_owned(),
        "exists" | "all" | "exists_one" | "filter" | "map" => {
            format!(
                "{name} takes a name and what is asked of it, as in attachments.{name}(a, a.inline)"
            )
        }
        known if FUNCTIONS.contains(&known) => {
            format!("{known} is not called like this, or not with as many values")
        }
        name if name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '.') => {
            format!("there is no function '{name}'{}", did_you_mean(name, FUNCTIONS))
        }
        _ => "this operator cannot be used here".to_owned(),
    }
}
