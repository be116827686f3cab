//! The `fields` parameter: the parts of an answer that a client wants, such as `messages/id,nextPageToken` or
//! `history/messagesAdded/message(id,labelIds)`
//! (<https://developers.google.com/workspace/gmail/api/guides/performance#partial>).

use serde_json::Value;

use crate::errors::ApiError;

/// Brackets inside brackets that are followed.
const MAX_DEPTH: usize = 20;

/// What is kept of an object; nothing named means all of it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Fields(Vec<(String, Fields)>);

impl Fields {
    /// Reads a selection.
    pub(super) fn parse(text: &str) -> Result<Self, ApiError> {
        let mut rest = text;
        let fields = list(&mut rest, 0).filter(|_| rest.is_empty());
        fields.ok_or_else(|| ApiError::invalid(format!("Invalid field selection {text}")))
    }

    /// Whether a member of the answer is wanted.
    pub(super) fn keep(&self, name: &str) -> bool {
        self.0.is_empty() || self.below(name).is_some()
    }

    /// What is left of a value.
    pub(super) fn prune(&self, value: Value) -> Value {
        match value {
            _ if self.0.is_empty() => value,
            Value::Array(items) => items.into_iter().map(|item| self.prune(item)).collect(),
            Value::Object(members) => {
                let kept = members.into_iter().filter_map(|(name, value)| {
                    let value = self.below(&name)?.prune(value);
                    Some((name, value))
                });
                kept.collect()
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value,
        }
    }

    fn below(&self, name: &str) -> Option<&Self> {
        self.0.iter().find(|(wanted, _)| wanted == name || wanted == "*").map(|(_, below)| below)
    }
}

/// `a,b/c,d(e,f)` up to the end or a closing bracket.
fn list(rest: &mut &str, depth: usize) -> Option<Fields> {
    let mut fields = Vec::new();
    loop {
        fields.push(path(rest, depth)?);
        match rest.strip_prefix(',') {
            Some(after) => *rest = after,
            None => return Some(Fields(fields)),
        }
    }
}

fn path(rest: &mut &str, depth: usize) -> Option<(String, Fields)> {
    let end = rest.find([',', '/', '(', ')']).unwrap_or(rest.len());
    let (name, after) = rest.split_at(end);
    *rest = after;
    if name.is_empty() || depth == MAX_DEPTH {
        return None;
    }
    let below = if let Some(after) = rest.strip_prefix('/') {
        *rest = after;
        Fields(vec![path(rest, depth + 1)?])
    } else if let Some(after) = rest.strip_prefix('(') {
        *rest = after;
        let below = list(rest, depth + 1)?;
        *rest = rest.strip_prefix(')')?;
        below
    } else {
        Fields::default()
    };
    Some((name.trim().to_owned(), below))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_selection_keeps_what_it_names_and_all_below_it() {
        let prune = |fields: &str, value| Fields::parse(fields).unwrap().prune(value);
        let page = json!({"messages": [{"id": 1, "t": 2}, {"id": 3, "t": 4}], "next": "x", "n": 2});
        assert_eq!(
            prune("messages/id,next", page.clone()),
            json!({"messages": [{"id": 1}, {"id": 3}], "next": "x"})
        );
        assert_eq!(prune("messages(id,t)", page.clone()), json!({"messages": page["messages"]}));
        assert_eq!(prune("*", page.clone()), page);
        let deep = json!({"a": {"b": {"c": 1, "d": 2}, "e": 3}});
        assert_eq!(prune("a/b(c)", deep), json!({"a": {"b": {"c": 1}}}));
    }

    #[test]
    fn a_selection_that_is_none_is_refused() {
        for bad in ["", "a,", "a(b", "a)", "a//b", "(a)", &"a/".repeat(10_000)] {
            assert_eq!(Fields::parse(bad).unwrap_err().code, 400, "{bad}");
        }
    }
}
