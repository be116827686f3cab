//! The index of results: it has whatever was announced, as it stands, and nothing of a mailbox that is purged.

use serde_json::json;
use shared::ids::{Generation, MessageId, UserId};
use shared::index::Entry;
use shared::jobs::{Cause, UserJobKind};
use shared::mark::MarkState;
use shared::settings::ResultsFormat;
use simulation::hand::Strike;

use super::world::{ADA, MINUTE, World};

const DONE: Option<MarkState> = Some(MarkState::Done);

stories!(
    what_is_announced_is_in_the_index_in_either_form,
    a_message_whose_processing_dies_beside_the_index_is_noted_before_it_is_announced,
    what_is_judged_anew_goes_forward_in_the_index,
    a_purge_takes_a_mailboxs_entries_and_no_others,
    where_it_is_off_nothing_is_noted,
);

impl World {
    fn indexing(mut self) -> Self {
        self.settings.results_index = true;
        self
    }

    async fn indexed(&self, user: &UserId) -> Vec<Entry> {
        self.backend.stores.index.entries(user, None, 1_000).await.unwrap()
    }

    /// The entry says what the last event about its message said.
    async fn is_indexed(&self, user: &UserId, id: &MessageId) {
        let entries = self.indexed(user).await;
        let entry = entries.iter().find(|entry| entry.message_id == *id).unwrap();
        let told = self.events_about(id.as_str()).await;
        let data = &told.last().unwrap().event.data;
        assert_eq!(data["result"]["key"], json!(entry.key));
        assert_eq!(data["result"].get("line"), entry.line.map(|line| json!(line)).as_ref());
        assert_eq!(data["generation"], json!(entry.generation));
        assert_eq!(data["internalDate"], json!(entry.internal_date));
        assert_eq!(data["category"], json!(entry.category));
        assert_eq!(data["labels"], json!(entry.labels));
        assert_eq!(data["hasAttachments"], json!(entry.has_attachments));
    }
}

async fn what_is_announced_is_in_the_index_in_either_form(world: World) {
    let mut world = world.indexing();
    let user = world.connect(ADA).await;
    let mut ids = vec![];
    for format in [ResultsFormat::Json, ResultsFormat::Packed] {
        world.settings.results_format = format;
        ids.extend(world.deliver_many(ADA, 3));
        world.poll().await;
    }
    assert_eq!(world.indexed(&user).await.len(), 6);
    for id in &ids {
        world.is_indexed(&user, id).await;
    }
}

async fn a_message_whose_processing_dies_beside_the_index_is_noted_before_it_is_announced(
    world: World,
) {
    let mut world = world.indexing();
    let user = world.connect(ADA).await;
    for format in [ResultsFormat::Json, ResultsFormat::Packed] {
        world.settings.results_format = format;
        for strike in [Strike::DiesBefore, Strike::DiesAfter, Strike::Throttled] {
            let id = world.deliver(ADA, "Lunch");
            let told = world.effects.count("events.publish");
            world.effects.next("index.note", strike);
            world.pass(super::world::TICK);
            world.round().await;
            while !world.effects.outstanding().is_empty() {
                world.pass(MINUTE);
                world.serve_users().await;
                world.serve_messages().await;
            }
            assert_eq!(world.effects.count("events.publish"), told, "announced before it is noted");
            world.rest().await;
            assert_eq!(world.state(&user, &id).await, DONE);
            world.is_indexed(&user, &id).await;
        }
    }
}

async fn what_is_judged_anew_goes_forward_in_the_index(world: World) {
    let mut world = world.indexing();
    let user = world.connect(ADA).await;
    let mut ids = vec![];
    for format in [ResultsFormat::Json, ResultsFormat::Packed] {
        world.settings.results_format = format;
        ids.push(world.deliver(ADA, "Lunch"));
        world.poll().await;
    }
    // What is as old as the run would count as its own.
    world.pass(MINUTE);
    let all = message_processor::reclassify::Scope::default();
    let run = world.stages().reclassification();
    assert_eq!(run.apply(&all, |_| {}).await.unwrap().announced, 2);
    for entry in world.indexed(&user).await {
        assert_eq!(entry.generation, Generation(1));
        world.is_indexed(&user, &entry.message_id).await;
    }
}

async fn a_purge_takes_a_mailboxs_entries_and_no_others(world: World) {
    let world = world.indexing();
    let (ada, ben) = (world.connect(ADA).await, world.connect("ben@example.com").await);
    world.deliver_many(ADA, 3);
    let kept = world.deliver("ben@example.com", "Hello");
    world.poll().await;
    assert_eq!(world.indexed(&ada).await.len(), 3);
    for strike in [Strike::DiesBefore, Strike::DiesAfter] {
        world.effects.next("index.forget", strike);
    }
    world.ask(&ada, UserJobKind::Disconnect { purge: true }, Cause::Manual).await;
    world.rest().await;
    assert_eq!(world.effects.outstanding(), [""; 0]);
    assert_eq!(world.indexed(&ada).await, []);
    assert_eq!(world.indexed(&ben).await.len(), 1);
    world.is_indexed(&ben, &kept).await;
}

async fn where_it_is_off_nothing_is_noted(world: World) {
    let user = world.connect(ADA).await;
    world.deliver(ADA, "Lunch");
    world.poll().await;
    assert_eq!((world.indexed(&user).await, world.effects.count("index.")), (vec![], 0));
}
