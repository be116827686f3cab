//! Marks of messages.

use std::time::Duration;

use shared::ids::{Epoch, Generation, JobId, MessageId};
use shared::mark::{Ending, Forward, ForwardStep, Listing, MARK_LIFE, Mark, MarkCounts, MarkState};
use shared::reason::SkipReason;
use shared::store::Write;

use super::world::{MOMENT, World, start, user};

const LIFE: Epoch = Epoch(1);

fn id(name: &str) -> MessageId {
    name.parse().unwrap()
}

fn by(job: &str) -> JobId {
    job.parse().unwrap()
}

fn listing(name: &str, job: &str) -> Listing {
    Listing { message_id: id(name), job_id: by(job), state: MarkState::Listed }
}

fn end(name: &str, state: MarkState, generation: u32) -> Ending {
    let generation = Generation(generation);
    Ending { message_id: id(name), state, generation, internal_date: Some(start()) }
}

impl World {
    async fn list_in(&self, epoch: Epoch, name: &str, job: &str) -> MarkState {
        let listings = [listing(name, job)];
        let listed = self.here.marks.list(&user("ada"), epoch, &listings, self.now()).await;
        listed.unwrap()[0]
    }

    async fn list(&self, name: &str) -> MarkState {
        self.list_in(LIFE, name, "j1").await
    }

    async fn finish(&self, ending: Ending) {
        self.here.marks.finish(&user("ada"), LIFE, &[ending], self.now()).await.unwrap();
    }

    async fn park(&self, name: &str, job: &str) {
        self.here.marks.park(&user("ada"), LIFE, &[id(name)], &by(job)).await.unwrap();
    }

    async fn mark(&self, name: &str) -> Mark {
        let mut marks = self.there.marks.get(&user("ada"), &[id(name)]).await.unwrap();
        marks.pop().flatten().unwrap()
    }
}

async fn a_message_is_listed_once(world: World) {
    assert_eq!(world.list("m1").await, MarkState::Listed);
    world.pass(Duration::from_secs(5));
    assert_eq!(world.list_in(LIFE, "m1", "j2").await, MarkState::Listed);
    let mark = world.mark("m1").await;
    assert_eq!((mark.job_id, mark.listed_at, mark.expires_at), (by("j1"), start(), None));
}

async fn listing_answers_where_each_message_stands(world: World) {
    world.list("done").await;
    world.finish(end("done", MarkState::Done, 0)).await;
    world.list("parked").await;
    world.park("parked", "j9").await;
    let spam = MarkState::Skipped(SkipReason::Spam);
    let skipped = Listing { state: spam, ..listing("spam", "j2") };
    let batch =
        [listing("new", "j2"), listing("done", "j2"), listing("parked", "j2"), skipped.clone()];
    let states = world.here.marks.list(&user("ada"), LIFE, &batch, world.now()).await.unwrap();
    assert_eq!(states, [MarkState::Listed, MarkState::Done, MarkState::Parked, spam]);
    let mark = world.mark("spam").await;
    assert_eq!((mark.done_at, mark.expires_at), (Some(start()), Some(start() + MARK_LIFE)));
}

async fn a_forward_is_intended_by_one_and_sent_once(world: World) {
    let (ada, action) = (user("ada"), by("a1"));
    let step = async |epoch, step| {
        let marks = &world.here.marks;
        marks.forward(&ada, epoch, &id("m1"), &action, step).await.unwrap()
    };
    let intend = |read| ForwardStep::Intend { read, at: world.now() };
    assert_eq!(step(LIFE, intend(None)).await, Write::Stale, "of a message that nobody knows");
    world.list("m1").await;
    assert_eq!(step(LIFE, ForwardStep::Sent).await, Write::Stale, "what nobody began");
    assert_eq!(step(Epoch(2), intend(None)).await, Write::Stale);
    let first = world.now();
    assert_eq!(step(LIFE, intend(None)).await, Write::Applied);
    assert_eq!(step(LIFE, intend(None)).await, Write::Stale, "another was faster");
    world.pass(Duration::from_secs(5));
    assert_eq!(step(LIFE, intend(Some(first))).await, Write::Applied);
    let second = world.now();
    assert_eq!(step(LIFE, intend(Some(first))).await, Write::Stale);
    let withdraw = |at| ForwardStep::Withdraw { at };
    assert_eq!(step(LIFE, withdraw(first)).await, Write::Stale, "another's intent");
    assert_eq!(step(LIFE, withdraw(second)).await, Write::Applied);
    assert_eq!(step(LIFE, ForwardStep::Sent).await, Write::Stale, "it is forgotten");
    assert_eq!(step(LIFE, intend(None)).await, Write::Applied);
    // Its message's end changes nothing of it.
    world.finish(end("m1", MarkState::Done, 0)).await;
    let intended = Forward { intended_at: second, is_sent: false };
    assert_eq!(world.mark("m1").await.forwards.0.get(&action), Some(&intended));
    assert_eq!(step(LIFE, ForwardStep::Sent).await, Write::Applied);
    assert_eq!(step(LIFE, intend(Some(second))).await, Write::Stale, "it is sent");
    assert_eq!(step(LIFE, withdraw(second)).await, Write::Stale);
    let sent = Forward { is_sent: true, ..intended };
    let mark = world.mark("m1").await;
    assert_eq!((mark.state, mark.forwards.0.get(&action)), (MarkState::Done, Some(&sent)));
}

async fn a_message_twice_in_one_batch_has_one_mark(world: World) {
    let batch = [listing("m1", "j1"), listing("m1", "j2")];
    let states = world.here.marks.list(&user("ada"), LIFE, &batch, world.now()).await.unwrap();
    assert_eq!(states, [MarkState::Listed; 2]);
    assert_eq!(world.mark("m1").await.job_id, by("j1"));
}

async fn marks_come_in_the_order_they_were_asked_for(world: World) {
    world.list("m1").await;
    world.list("m2").await;
    let asked = [id("m2"), id("none"), id("m1")];
    let marks = world.here.marks.get(&user("ada"), &asked).await.unwrap();
    let found: Vec<_> = marks.into_iter().map(|mark| mark.map(|mark| mark.message_id)).collect();
    assert_eq!(found, [Some(id("m2")), None, Some(id("m1"))]);
}

async fn a_batch_may_be_long(world: World) {
    let names: Vec<_> = (0..250).map(|number| format!("m{number}")).collect();
    let listings: Vec<_> = names.iter().map(|name| listing(name, "j1")).collect();
    let ada = user("ada");
    world.here.marks.list(&ada, LIFE, &listings[..200], world.now()).await.unwrap();
    let endings: Vec<_> = names[..100].iter().map(|name| end(name, MarkState::Done, 0)).collect();
    world.here.marks.finish(&ada, LIFE, &endings, world.now()).await.unwrap();
    let states = world.there.marks.list(&ada, LIFE, &listings, world.now()).await.unwrap();
    assert!(states[..100].iter().all(|state| *state == MarkState::Done));
    assert!(states[100..].iter().all(|state| *state == MarkState::Listed));
    let ids: Vec<_> = names.iter().map(|name| id(name)).collect();
    let marks = world.there.marks.get(&ada, &ids).await.unwrap();
    assert!(marks.iter().zip(&ids).all(|(mark, id)| mark.as_ref().unwrap().message_id == *id));
}

async fn an_id_may_be_asked_for_twice(world: World) {
    world.list("m1").await;
    let marks = world.here.marks.get(&user("ada"), &[id("m1"), id("m1")]).await.unwrap();
    assert!(marks.len() == 2 && marks[0].is_some() && marks[0] == marks[1]);
}

async fn who_ends_a_message_at_once_with_others_leaves_one_end(world: World) {
    world.list("m1").await;
    let ada = user("ada");
    let end = |generation| [end("m1", MarkState::Done, generation)];
    let ends: Vec<_> = (0..20).map(end).collect();
    let marks = |number: usize| {
        if number.is_multiple_of(2) { &world.here.marks } else { &world.there.marks }
    };
    let finish = |(number, end)| marks(number).finish(&ada, LIFE, end, start());
    let written =
        futures::future::join_all(ends.iter().enumerate().map(|(n, end)| finish((n, &end[..]))));
    assert!(written.await.into_iter().all(|ended| ended.is_ok()));
    assert_eq!(world.mark("m1").await.generation, Generation(19));
}

async fn the_same_id_in_two_mailboxes_is_two_messages(world: World) {
    world.list("m1").await;
    let other = world.here.marks.get(&user("bob"), &[id("m1")]).await.unwrap();
    assert_eq!(other, [None]);
}

async fn a_mark_of_an_ended_life_counts_only_when_it_came_to_its_end(world: World) {
    world.list("way").await;
    world.list("parked").await;
    world.park("parked", "j9").await;
    world.list("done").await;
    world.finish(end("done", MarkState::Done, 0)).await;
    let next = LIFE.next();
    assert_eq!(world.list_in(next, "way", "j2").await, MarkState::Listed);
    assert_eq!(world.list_in(next, "parked", "j2").await, MarkState::Listed);
    assert_eq!(world.list_in(next, "done", "j2").await, MarkState::Done);
    let mark = world.mark("way").await;
    assert_eq!((mark.epoch, mark.job_id), (next, by("j2")));
}

async fn an_end_is_forgotten_after_its_time_and_not_before(world: World) {
    world.list("m1").await;
    world.finish(end("m1", MarkState::Done, 2)).await;
    world.almost(MARK_LIFE);
    assert_eq!(world.list("m1").await, MarkState::Done);
    world.pass(MOMENT);
    assert_eq!(world.list("m1").await, MarkState::Listed);
    let mark = world.mark("m1").await;
    assert_eq!((mark.generation, mark.done_at, mark.expires_at), (Generation(0), None, None));
}

async fn what_is_on_its_way_or_parked_is_never_forgotten(world: World) {
    world.list("way").await;
    world.list("parked").await;
    world.park("parked", "j9").await;
    world.pass(100 * MARK_LIFE);
    world.list_in(LIFE, "way", "j2").await;
    assert_eq!(world.mark("way").await.job_id, by("j1"));
    assert_eq!(world.list("parked").await, MarkState::Parked);
}

async fn finishing_notes_when_and_what(world: World) {
    world.list("m1").await;
    world.pass(Duration::from_mins(1));
    world.finish(end("m1", MarkState::Done, 0)).await;
    let mark = world.mark("m1").await;
    assert_eq!((mark.state, mark.listed_at), (MarkState::Done, start()));
    assert_eq!((mark.done_at, mark.internal_date), (Some(world.now()), Some(start())));
    assert_eq!(mark.expires_at, Some(world.now() + MARK_LIFE));
}

async fn the_first_end_of_a_generation_stands(world: World) {
    world.list("m1").await;
    world.finish(end("m1", MarkState::Done, 1)).await;
    world.finish(end("m1", MarkState::Skipped(SkipReason::DeletedAtSource), 1)).await;
    world.finish(end("m1", MarkState::Skipped(SkipReason::Spam), 0)).await;
    assert_eq!(world.mark("m1").await.state, MarkState::Done);
    world.finish(end("m1", MarkState::Skipped(SkipReason::Filtered), 2)).await;
    let mark = world.mark("m1").await;
    assert_eq!(mark.state, MarkState::Skipped(SkipReason::Filtered));
    assert_eq!(mark.generation, Generation(2));
}

async fn a_mark_of_another_life_is_not_finished_nor_moved(world: World) {
    world.list_in(Epoch(2), "m1", "j1").await;
    world.finish(end("m1", MarkState::Done, 0)).await;
    world.park("m1", "j9").await;
    let mark = world.mark("m1").await;
    assert_eq!((mark.state, mark.job_id), (MarkState::Listed, by("j1")));
}

async fn what_was_never_listed_gets_no_mark(world: World) {
    world.finish(end("m1", MarkState::Done, 0)).await;
    world.park("m1", "j9").await;
    assert_eq!(world.here.marks.get(&user("ada"), &[id("m1")]).await.unwrap(), [None]);
}

async fn only_what_is_on_its_way_is_parked(world: World) {
    world.list("way").await;
    world.list("done").await;
    world.finish(end("done", MarkState::Done, 0)).await;
    let ids = [id("way"), id("done")];
    world.here.marks.park(&user("ada"), LIFE, &ids, &by("j9")).await.unwrap();
    let (way, done) = (world.mark("way").await, world.mark("done").await);
    assert_eq!((way.state, way.job_id), (MarkState::Parked, by("j9")));
    assert_eq!((done.state, done.job_id), (MarkState::Done, by("j1")));
    world.park("way", "j10").await;
    assert_eq!(world.mark("way").await.job_id, by("j9"));
}

async fn only_what_is_parked_is_sent_round_again(world: World) {
    for name in ["parked", "done", "way"] {
        world.list(name).await;
    }
    world.park("parked", "j9").await;
    world.finish(end("done", MarkState::Done, 0)).await;
    let ids = [id("parked"), id("done"), id("way")];
    world.here.marks.unpark(&user("ada"), LIFE, &ids, &by("j10")).await.unwrap();
    let (parked, done) = (world.mark("parked").await, world.mark("done").await);
    assert_eq!((parked.state, parked.job_id), (MarkState::Listed, by("j10")));
    assert_eq!(done.state, MarkState::Done);
    assert_eq!(world.mark("way").await.job_id, by("j1"));
}

async fn a_parked_message_that_comes_to_its_end_is_done(world: World) {
    world.list("m1").await;
    world.park("m1", "j9").await;
    world.finish(end("m1", MarkState::Done, 0)).await;
    assert_eq!(world.mark("m1").await.state, MarkState::Done);
}

async fn counting_counts_what_counts(world: World) {
    for name in ["way", "parked", "done", "spam"] {
        world.list(name).await;
    }
    world.list_in(Epoch(2), "elsewhere", "j1").await;
    world.park("parked", "j9").await;
    world.finish(end("done", MarkState::Done, 0)).await;
    world.finish(end("spam", MarkState::Skipped(SkipReason::Spam), 0)).await;
    let ada = user("ada");
    let count = |epoch, now| world.there.marks.count(&ada, epoch, now);
    let all = MarkCounts { listed: 1, done: 1, skipped: 1, parked: 1 };
    assert_eq!(count(LIFE, world.now()).await.unwrap(), all);
    let next_life = MarkCounts { listed: 1, parked: 0, ..all };
    assert_eq!(count(Epoch(2), world.now()).await.unwrap(), next_life);
    let later = MarkCounts { done: 0, skipped: 0, ..all };
    assert_eq!(count(LIFE, world.now() + MARK_LIFE).await.unwrap(), later);
}

async fn what_is_found_missing_is_listed_again(world: World) {
    for name in ["way", "parked", "done", "spam"] {
        world.list(name).await;
    }
    world.list_in(Epoch(2), "elsewhere", "j1").await;
    world.park("parked", "j9").await;
    world.finish(end("done", MarkState::Done, 3)).await;
    let spam = MarkState::Skipped(SkipReason::Spam);
    world.finish(end("spam", spam, 0)).await;
    let ids = ["way", "parked", "done", "spam", "elsewhere", "never"].map(id);
    world.here.marks.relist(&user("ada"), LIFE, &ids, &by("j2")).await.unwrap();
    let done = world.mark("done").await;
    assert_eq!((done.state, done.job_id), (MarkState::Listed, by("j2")));
    assert_eq!((done.generation, done.done_at, done.expires_at), (Generation(3), None, None));
    assert_eq!(world.mark("way").await.job_id, by("j2"));
    assert_eq!(world.mark("parked").await.state, MarkState::Parked);
    assert_eq!(world.mark("spam").await.state, spam);
    assert_eq!(world.mark("elsewhere").await.job_id, by("j1"));
    world.finish(end("done", MarkState::Done, 3)).await;
    assert_eq!(world.mark("done").await.state, MarkState::Done);
}

async fn a_mailboxs_marks_are_read_in_pages(world: World) {
    for name in ["m3", "m1", "m2"] {
        world.list(name).await;
    }
    let listings = [listing("m0", "j1")];
    world.here.marks.list(&user("bob"), LIFE, &listings, world.now()).await.unwrap();
    let ada = user("ada");
    let page = async |after: Option<&MessageId>, limit| {
        let marks = world.there.marks.page(&ada, after, limit).await.unwrap();
        marks.into_iter().map(|mark| mark.message_id).collect::<Vec<_>>()
    };
    assert_eq!(page(None, 2).await, [id("m1"), id("m2")]);
    assert_eq!(page(Some(&id("m2")), 2).await, [id("m3")]);
    assert_eq!(page(Some(&id("m3")), 2).await, []);
}

promises!(
    what_is_found_missing_is_listed_again,
    a_mailboxs_marks_are_read_in_pages,
    a_message_is_listed_once,
    listing_answers_where_each_message_stands,
    a_forward_is_intended_by_one_and_sent_once,
    a_message_twice_in_one_batch_has_one_mark,
    marks_come_in_the_order_they_were_asked_for,
    a_batch_may_be_long,
    an_id_may_be_asked_for_twice,
    who_ends_a_message_at_once_with_others_leaves_one_end,
    the_same_id_in_two_mailboxes_is_two_messages,
    a_mark_of_an_ended_life_counts_only_when_it_came_to_its_end,
    an_end_is_forgotten_after_its_time_and_not_before,
    what_is_on_its_way_or_parked_is_never_forgotten,
    finishing_notes_when_and_what,
    the_first_end_of_a_generation_stands,
    a_mark_of_another_life_is_not_finished_nor_moved,
    what_was_never_listed_gets_no_mark,
    only_what_is_on_its_way_is_parked,
    only_what_is_parked_is_sent_round_again,
    a_parked_message_that_comes_to_its_end_is_done,
    counting_counts_what_counts,
);
