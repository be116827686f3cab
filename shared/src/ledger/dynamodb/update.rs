//! An `UpdateItem` in the making. Every name goes through a placeholder: many of ours, `grant` and `state` among them,
//! are words of DynamoDB's own.

use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::AttributeValue;

use super::values::Item;

/// The attribute that tells one state of a row from every other: the name of the write that made it.
pub(super) const REV: &str = "rev";

/// What is set and removed, and on which condition.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Update {
    set: Vec<String>,
    remove: Vec<String>,
    condition: Option<String>,
    names: Vec<String>,
    values: Item,
}

impl Update {
    /// What makes `after` of `before`, of which both are without the key. Attributes that neither knows stay.
    pub(super) fn between(before: &Item, after: &Item) -> Self {
        let mut update = Self::default();
        for (name, value) in after {
            if before.get(name) != Some(value) {
                update.set(name, value.clone());
            }
        }
        for name in before.keys().filter(|name| !after.contains_key(*name)) {
            update.remove(name);
        }
        update
    }

    pub(super) fn is_empty(&self) -> bool {
        self.set.is_empty() && self.remove.is_empty()
    }

    pub(super) fn set(&mut self, name: &str, value: AttributeValue) {
        let (name, value) = (self.name(name), self.value(name, value));
        self.set.push(format!("{name} = {value}"));
    }

    pub(super) fn remove(&mut self, name: &str) {
        let name = self.name(name);
        self.remove.push(name);
    }

    /// Only while the row with this key still is `read`: nobody has written it since, or it still is not there. A row
    /// that was written by hand has no [`REV`].
    pub(super) fn while_it_is(&mut self, read: Option<&Item>, key: &str) {
        let condition = match read.map(|item| item.get(REV)) {
            None => format!("attribute_not_exists({})", self.name(key)),
            Some(None) => {
                let (key, rev) = (self.name(key), self.name(REV));
                format!("attribute_exists({key}) AND attribute_not_exists({rev})")
            }
            Some(Some(rev)) => {
                self.values.insert(":read".to_owned(), rev.clone());
                format!("{} = :read", self.name(REV))
            }
        };
        self.condition = Some(condition);
    }

    /// The request that does it.
    pub(super) fn request(self, request: UpdateItemFluentBuilder) -> UpdateItemFluentBuilder {
        let clause = |word: &str, parts: &[String]| match parts {
            [] => String::new(),
            parts => format!("{word} {} ", parts.join(", ")),
        };
        let expression = clause("SET", &self.set) + &clause("REMOVE", &self.remove);
        let names = self.names.into_iter().map(|name| (format!("#{name}"), name));
        request
            .update_expression(expression.trim_end())
            .set_condition_expression(self.condition)
            .set_expression_attribute_names(Some(names.collect()))
            .set_expression_attribute_values(Some(self.values))
    }

    fn name(&mut self, name: &str) -> String {
        if !self.names.iter().any(|known| known == name) {
            self.names.push(name.to_owned());
        }
        format!("#{name}")
    }

    fn value(&mut self, name: &str, value: AttributeValue) -> String {
        let placeholder = format!(":{name}");
        self.values.insert(placeholder.clone(), value);
        placeholder
    }
}
