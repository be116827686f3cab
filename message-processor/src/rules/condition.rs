//! One condition: read, checked, and asked of a message.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, LazyLock};

use cel::common::ast::SourceInfo;
use cel::common::types::{CelBool, CelNull, CelString, STRING_TYPE};
use cel::common::value::CowVal;
use cel::parser::{ParseErrors, PrattParser};
use cel::{Env, ExecutionError, IdedExpr, Value};

use super::check::check;
use super::cost::{Budget, Cost};
use super::values::Fields;

/// Bytes of one condition: some thirty lines.
pub(super) const CONDITION_BYTES: usize = 2_000;

/// How deep the brackets of a condition may nest, which is how deep the parser goes.
const BRACKETS: u16 = 24;

/// A condition that has been checked.
#[derive(Debug)]
pub(super) struct Condition {
    pub(super) source: String,
    pub(super) expression: IdedExpr,
    pub(super) places: Arc<SourceInfo>,
    /// The fields of a message that it looks at.
    pub(super) roots: BTreeSet<String>,
    cost: Cost,
}

/// Something that is wrong with a condition, at a byte of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) at: usize,
    pub(super) what: String,
}

/// Why a condition came to no answer.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Failure {
    Error(ExecutionError),
    /// It is neither true nor false.
    NoAnswer,
    TooCostly,
    /// The evaluator gave up.
    Panicked,
}

/// What a part of a condition comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Came {
    To(bool),
    ToNull,
    ToSomethingElse,
}

impl Condition {
    /// Reads and checks a condition. All that is wrong with it is told at once.
    pub(super) fn parse(source: &str) -> Result<Self, Vec<Fault>> {
        if source.len() > CONDITION_BYTES {
            let what = format!("a condition has at most {CONDITION_BYTES} bytes");
            return Err(vec![Fault { at: CONDITION_BYTES, what }]);
        }
        let expression = read(source).map_err(|errors| faults(source, &errors))?;
        let places = places(source);
        let checked = check(&expression, &places)?;
        let (roots, cost) = (checked.roots, checked.cost);
        Ok(Self { source: source.to_owned(), expression, places, roots, cost })
    }

    /// Whether the condition holds for a message with these fields.
    pub(super) fn holds(&self, fields: &Fields<'_>, budget: &mut Budget) -> Result<bool, Failure> {
        if !budget.pays(self.cost, fields.weight(&self.roots)) {
            return Err(Failure::TooCostly);
        }
        match came(&self.expression, fields.context())? {
            Came::To(is) => Ok(is),
            Came::ToNull | Came::ToSomethingElse => Err(Failure::NoAnswer),
        }
    }
}

/// What an expression comes to.
pub(super) fn came(expression: &IdedExpr, context: &cel::Context<'_, '_>) -> Result<Came, Failure> {
    // The evaluator is others' work, and no message may wait for it. What it holds it only reads.
    let value = catch_unwind(AssertUnwindSafe(|| seen(expression, context)));
    value.unwrap_or(Err(Failure::Panicked))
}

// Apart from the walk that the evaluator inlines into whoever calls it.
#[inline(never)]
fn seen(expression: &IdedExpr, context: &cel::Context<'_, '_>) -> Result<Came, Failure> {
    let value = Value::resolve_val(expression, context).map_err(Failure::Error)?;
    Ok(match value.downcast_ref::<CelBool>() {
        Some(is) => Came::To(*is.inner()),
        None if value.downcast_ref::<CelNull>().is_some() => Came::ToNull,
        None => Came::ToSomethingElse,
    })
}

/// CEL's standard functions, and `lowerAscii` of its string extension.
pub(super) fn language() -> Arc<Env> {
    static LANGUAGE: LazyLock<Arc<Env>> = LazyLock::new(|| {
        let mut env = Env::stdlib();
        // The name is new, and where it were not, the function would be there.
        let _ = env.add_member_overload(
            "lowerAscii",
            "string.lowerAscii()",
            STRING_TYPE,
            Vec::new(),
            lower_ascii,
        );
        Arc::new(env)
    });
    LANGUAGE.clone()
}

#[expect(clippy::needless_pass_by_value, reason = "CEL calls functions so")]
fn lower_ascii<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let text = args.first().and_then(|text| text.downcast_ref::<CelString>());
    let text = text.ok_or_else(ExecutionError::missing_argument_or_target)?;
    Ok(CowVal::owned(CelString::from(text.inner().to_ascii_lowercase())))
}

fn read(source: &str) -> Result<IdedExpr, ParseErrors> {
    PrattParser::new().max_recursion_depth(BRACKETS).parse(source)
}

/// Where each part of a condition stands. This parser tells it with errors alone, so it is given one: a bracket after
/// the end, when everything has been read and numbered as it was without it.
fn places(source: &str) -> Arc<SourceInfo> {
    let told = read(&format!("{source}\n]")).err();
    let places = told.and_then(|told| told.errors.into_iter().find_map(|error| error.source_info));
    places.unwrap_or_default()
}

fn faults(source: &str, errors: &ParseErrors) -> Vec<Fault> {
    let fault = |error: &cel::ParseError| {
        let place = error.source_info.as_ref().and_then(|places| places.offset_for(error.expr_id));
        let at = place.map_or(0, |(start, _)| start as usize).min(source.len());
        let what = error.msg.trim_start_matches("Syntax error: ");
        Fault { at, what: format!("the condition cannot be read: {what}") }
    };
    errors.errors.iter().map(fault).collect()
}
