//! Why a rule hit, or did not.

use cel::common::ast::{Expr, operators};
use cel::{Context, ExecutionError, IdedExpr};
use serde::Serialize;

use super::Rule;
use super::condition::{Came, Condition, Failure, came};
use super::cost::Budget;
use super::parts::{parts_of, text};
use super::values::Fields;

/// What one rule says about one message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explained<'r> {
    pub rule: &'r str,
    #[serde(flatten)]
    pub verdict: Verdict,
}

/// Whether a rule hits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "verdict", rename_all = "camelCase")]
pub enum Verdict {
    Hit {
        labels: Vec<String>,
        /// Such as `forward books@example.com`.
        actions: Vec<String>,
    },
    /// `part` is the smallest part of the condition that makes it false.
    Missed { part: String },
    /// The condition came to no answer, because of `part`: the rule does not hit.
    Failed { part: String, why: String },
    /// A rule above it has stopped the rest.
    NotAsked { stopped_by: String },
}

/// Asks each rule in turn, as it is done for a message.
pub(super) fn each<'r>(rules: &'r [Rule], fields: &Fields<'_>) -> Vec<Explained<'r>> {
    let (mut budget, mut stopped_by): (_, Option<&Rule>) = (Budget::of_a_message(), None);
    let mut explained = Vec::with_capacity(rules.len());
    for rule in rules {
        let verdict = match stopped_by {
            Some(above) => Verdict::NotAsked { stopped_by: above.name.clone() },
            None => verdict(rule, fields, &mut budget),
        };
        if rule.stop && matches!(verdict, Verdict::Hit { .. }) {
            stopped_by = Some(rule);
        }
        explained.push(Explained { rule: &rule.name, verdict });
    }
    explained
}

fn verdict(rule: &Rule, fields: &Fields<'_>, budget: &mut Budget) -> Verdict {
    let (when, context) = (&rule.when, fields.context());
    match when.holds(fields, budget) {
        Ok(true) => Verdict::Hit {
            labels: rule.labels.clone(),
            actions: rule.actions.iter().map(ToString::to_string).collect(),
        },
        Ok(false) => Verdict::Missed { part: when.part(what_is_false(&when.expression, context)) },
        Err(Failure::Error(_) | Failure::Panicked) => {
            let part = what_fails(&when.expression, context);
            Verdict::Failed { part: when.part(part), why: why(when, part, context) }
        }
        Err(Failure::NoAnswer) => {
            let why = "it is neither true nor false".to_owned();
            Verdict::Failed { part: when.part(&when.expression), why }
        }
        Err(Failure::TooCostly) => {
            let why = "there is too much in this message for it".to_owned();
            Verdict::Failed { part: when.part(&when.expression), why }
        }
    }
}

impl Condition {
    fn part(&self, part: &IdedExpr) -> String {
        text(&self.source, &self.places, part)
    }
}

/// The smallest part of what is false that makes it so. Where one of two had to hold and neither does, it is both.
fn what_is_false<'e>(part: &'e IdedExpr, context: &Context<'_, '_>) -> &'e IdedExpr {
    let Expr::Call(call) = &part.expr else { return part };
    let is = |part: &IdedExpr, wanted| came(part, context) == Ok(Came::To(wanted));
    let within = match (call.func_name.as_str(), call.args.as_slice()) {
        (operators::LOGICAL_AND, sides) => sides.iter().find(|side| is(side, false)),
        (operators::CONDITIONAL, [cond, then, or]) => Some(if is(cond, true) { then } else { or }),
        _ => None,
    };
    within.map_or(part, |within| what_is_false(within, context))
}

/// The smallest part of what fails that fails by itself. What is within a loop fails only there.
fn what_fails<'e>(part: &'e IdedExpr, context: &Context<'_, '_>) -> &'e IdedExpr {
    let within = if let Expr::Comprehension(each) = &part.expr {
        vec![&each.iter_range]
    } else {
        parts_of(part)
    };
    let failing = within.into_iter().find(|within| came(within, context).is_err());
    failing.map_or(part, |within| what_fails(within, context))
}

/// Why this part fails. No text of the message is in it.
fn why(when: &Condition, part: &IdedExpr, context: &Context<'_, '_>) -> String {
    let is_null = |within: &&IdedExpr| {
        !matches!(within.expr, Expr::Literal(_)) && came(within, context) == Ok(Came::ToNull)
    };
    if !matches!(part.expr, Expr::Comprehension(_))
        && let Some(null) = parts_of(part).into_iter().find(is_null)
    {
        return format!("{} is null", when.part(null));
    }
    match came(part, context) {
        Err(Failure::Error(error)) => in_words(&error),
        Err(Failure::Panicked) => "the evaluator gave up".to_owned(),
        Err(Failure::NoAnswer | Failure::TooCostly) | Ok(_) => "it came to no answer".to_owned(),
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "CEL may fail in ways that are not known yet")]
fn in_words(error: &ExecutionError) -> String {
    match error {
        ExecutionError::NoSuchOverload(overload) => {
            let types = overload.argument_types().join(" and ");
            let function = overload.function().trim_matches(['_', '@']);
            format!("{function} does not go with {types}")
        }
        ExecutionError::UnexpectedType { got, want } => {
            format!("there is {got} where {want} is wanted")
        }
        ExecutionError::DivisionByZero(_) | ExecutionError::RemainderByZero(_) => {
            "it divides by zero".to_owned()
        }
        ExecutionError::IndexOutOfBounds(_) => "the list has no such element".to_owned(),
        ExecutionError::Overflow(..) => "the number becomes too large".to_owned(),
        ExecutionError::NoSuchKey(name) => format!("there is no field '{name}' in this message"),
        ExecutionError::FunctionError { function, .. } => {
            format!("{function} cannot make anything of this")
        }
        _ => "one of its values is of another kind".to_owned(),
    }
}
