//! A message's fields as CEL sees them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use cel::Context;
use cel::common::types::{
    CelBool, CelDouble, CelInt, CelList, CelMap, CelMapKey, CelNull, CelString,
};
use cel::common::value::Val;
use serde_json::Value;

use super::condition::language;

/// Bytes of text that weigh as much as one value.
const TEXT_OF_ONE: usize = 64;

/// The fields that rules look at, of one message.
pub(super) struct Fields<'v> {
    context: Context<'v, 'v>,
    weights: BTreeMap<&'v str, u64>,
}

impl<'v> Fields<'v> {
    /// The fields of `document` with these names.
    pub(super) fn of(document: &'v Value, names: &BTreeSet<String>) -> Self {
        let mut context = Context::with_env(language());
        let mut weights = BTreeMap::new();
        let all = document.as_object().into_iter().flatten();
        for (name, value) in all.filter(|(name, _)| names.contains(*name)) {
            context.add_variable_as_val(name.as_str(), seen(value));
            weights.insert(name.as_str(), weight(value));
        }
        Self { context, weights }
    }

    pub(super) fn context(&self) -> &Context<'v, 'v> {
        &self.context
    }

    /// How much there is in the fields with these names.
    pub(super) fn weight(&self, names: &BTreeSet<String>) -> u64 {
        names.iter().filter_map(|name| self.weights.get(name.as_str())).sum()
    }
}

fn seen(value: &Value) -> Box<dyn Val + '_> {
    match value {
        Value::Null => Box::new(CelNull),
        Value::Bool(is) => Box::new(CelBool::from(*is)),
        // One kind of integer, for CEL does not reckon with two of them.
        Value::Number(number) => match number.as_i64() {
            Some(whole) => Box::new(CelInt::from(whole)),
            None => Box::new(CelDouble::from(number.as_f64().unwrap_or(f64::NAN))),
        },
        Value::String(text) => Box::new(CelString::from(text.as_str())),
        Value::Array(list) => Box::new(CelList::from(list.iter().map(seen).collect::<Vec<_>>())),
        Value::Object(fields) => {
            let entry = |(name, value)| (CelMapKey::from(String::as_str(name)), seen(value));
            Box::new(CelMap::from(fields.iter().map(entry).collect::<HashMap<_, _>>()))
        }
    }
}

fn weight(value: &Value) -> u64 {
    let within: u64 = match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        Value::String(text) => (text.len() / TEXT_OF_ONE) as u64,
        Value::Array(list) => list.iter().map(weight).sum(),
        Value::Object(fields) => fields.values().map(weight).sum(),
    };
    1 + within
}
