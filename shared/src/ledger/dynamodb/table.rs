//! One table: reading a row, and changing it while it still is the one that was read.
//!
//! Each write puts a random name of its own into the row, `rev`, and is conditional on the `rev` that was read. A
//! condition that fails hands the row back as it now is, and the change is decided again on that.
//!
//! The SDK repeats a request that got no answer, and the first may have been done: the second then fails its
//! condition. The row that it hands back bears the name of this very write, and the answer is that it was done. Where
//! yet another writer has come after it, the change is decided again, mostly to `Stale`, "done before": the answer that
//! a worker gets, too, that died after its write, so that every caller lives with it.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure as OnFailure};

use super::update::{REV, Update};
use super::values::{Item, Malformed, shown};
use crate::aws::{Place, fault};
use crate::clock::Chance;
use crate::store::{StoreError, Write};

/// How often a change is decided anew because somebody else was faster: more often than anything but a fault of ours
/// can take, for each time another writer got on.
const RACES: usize = 32;

/// A table, by name.
#[derive(Clone)]
pub(super) struct Table {
    pub(super) client: Client,
    pub(super) name: String,
    pub(super) key: &'static [&'static str],
    pub(super) chance: Chance,
}

/// A value that is one row.
pub(super) trait Row: Sized {
    /// All of its attributes, the key included.
    fn item(&self) -> Item;

    /// Reads them back.
    fn read(item: &Item) -> Result<Self, Malformed>;
}

/// How a change ended: whether it was made, and the row as it now is.
pub(super) struct Changed<T> {
    pub(super) write: Write,
    pub(super) row: Option<T>,
}

/// How a conditional write ended.
#[derive(Debug, PartialEq)]
pub(super) enum Outcome {
    /// It was done.
    Done,
    /// Its condition does not hold for the row, which now is this.
    Refused(Option<Item>),
}

impl Table {
    pub(super) fn new(
        client: Client,
        name: String,
        key: &'static [&'static str],
        chance: Chance,
    ) -> Self {
        Self { client, name, key, chance }
    }

    /// The key whose parts these are.
    pub(super) fn key(&self, parts: &[&str]) -> Item {
        let text = |part: &&str| AttributeValue::S((*part).to_owned());
        self.key.iter().map(|name| (*name).to_owned()).zip(parts.iter().map(text)).collect()
    }

    /// One row, as it is now.
    pub(super) async fn get(
        &self,
        doing: &'static str,
        key: Item,
    ) -> Result<Option<Item>, StoreError> {
        let at = self.place(doing, "dynamodb:GetItem");
        let request = self.client.get_item().table_name(&self.name).set_key(Some(key));
        let answer = request.consistent_read(true).send().await;
        Ok(answer.map_err(|error| fault(at, error))?.item)
    }

    /// Changes a row that was read as `there` to what `decide` makes of it; `None` leaves it. Decided anew whenever
    /// somebody else was faster.
    pub(super) async fn change<T: Row>(
        &self,
        doing: &'static str,
        key: Item,
        mut there: Option<Item>,
        decide: impl Fn(Option<&T>) -> Option<T>,
    ) -> Result<Changed<T>, StoreError> {
        for _ in 0..RACES {
            let before = there.as_ref().map(|item| self.read::<T>(doing, item)).transpose()?;
            let Some(after) = decide(before.as_ref()) else {
                return Ok(Changed { write: Write::Stale, row: before });
            };
            let mut update = Update::between(&self.body(before.as_ref()), &self.body(Some(&after)));
            if before.is_some() && update.is_empty() {
                return Ok(Changed { write: Write::Applied, row: Some(after) });
            }
            update.while_it_is(there.as_ref(), self.key[0]);
            match self.update(doing, key.clone(), update).await? {
                Outcome::Done => return Ok(Changed { write: Write::Applied, row: Some(after) }),
                Outcome::Refused(now) => there = now,
            }
        }
        let source = format!("a row of {} changed every time it was read", self.name).into();
        Err(StoreError::Unavailable { doing, source })
    }

    /// Makes one write, which may be conditional.
    pub(super) async fn update(
        &self,
        doing: &'static str,
        key: Item,
        mut update: Update,
    ) -> Result<Outcome, StoreError> {
        let name = AttributeValue::S(hex::encode(self.chance.bytes::<12>()));
        update.set(REV, name.clone());
        let request = self.client.update_item().table_name(&self.name).set_key(Some(key));
        let request = request.return_values_on_condition_check_failure(OnFailure::AllOld);
        let Err(error) = update.request(request).send().await else { return Ok(Outcome::Done) };
        match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(failed)) => {
                let now = failed.item().cloned();
                let ours = now.as_ref().is_some_and(|item| item.get(REV) == Some(&name));
                Ok(if ours { Outcome::Done } else { Outcome::Refused(now) })
            }
            _ => Err(fault(self.place(doing, "dynamodb:UpdateItem"), error)),
        }
    }

    /// Deletes a row, whatever it is now; one that is not there is as good.
    pub(super) async fn delete(&self, doing: &'static str, key: Item) -> Result<(), StoreError> {
        let request = self.client.delete_item().table_name(&self.name).set_key(Some(key));
        let at = self.place(doing, "dynamodb:DeleteItem");
        request.send().await.map(drop).map_err(|error| fault(at, error))
    }

    /// Deletes a row while one of its attributes is this; one that is not there, or is another by now, is as good.
    pub(super) async fn delete_while(
        &self,
        doing: &'static str,
        key: Item,
        name: &str,
        value: AttributeValue,
    ) -> Result<(), StoreError> {
        let request = self.client.delete_item().table_name(&self.name).set_key(Some(key));
        let request = request.condition_expression("#name = :value");
        let request = request.expression_attribute_names("#name", name);
        let Err(error) = request.expression_attribute_values(":value", value).send().await else {
            return Ok(());
        };
        match error.as_service_error() {
            Some(DeleteItemError::ConditionalCheckFailedException(_)) => Ok(()),
            _ => Err(fault(self.place(doing, "dynamodb:DeleteItem"), error)),
        }
    }

    /// Reads a row back. What it cannot read it names, by key and attribute.
    pub(super) fn read<T: Row>(&self, doing: &'static str, item: &Item) -> Result<T, StoreError> {
        T::read(item).map_err(|malformed| {
            let key: Vec<_> = self.key.iter().map(|name| shown(item, name)).collect();
            let source = format!("row {} of {}: {malformed}", key.join("/"), self.name).into();
            StoreError::Broken { doing, source }
        })
    }

    pub(super) fn place(&self, doing: &'static str, action: &'static str) -> Place<'_> {
        Place { doing, action, resource: &self.name }
    }

    /// The attributes that a write may touch.
    pub(super) fn body<T: Row>(&self, row: Option<&T>) -> Item {
        let mut item = row.map(Row::item).unwrap_or_default();
        item.retain(|name, _| !self.key.contains(&name.as_str()));
        item
    }
}
