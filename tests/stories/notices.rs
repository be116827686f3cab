//! A grant dies: the consumers hear of it, and the person is told, with a link on which their mailbox goes on.

use google_sim::grants::Cause as Death;
use serde_json::Value;
use shared::connect_link::{Link, LinkSigning};
use shared::events::EventKind;
use shared::ids::UserId;
use shared::mailbox::Owed;
use shared::mailer::Mail;
use simulation::hand::Strike;
use url::Url;

use super::world::{ADA, DAY, HOUR, PAGES, WEB_KEY, World};

stories!(
    who_lost_a_grant_is_written_to_once_with_a_link_for_that_mailbox,
    whoever_consents_again_and_loses_that_too_is_written_to_again,
    a_mail_server_that_is_down_holds_no_event_back_and_the_mail_comes_once_it_is_up,
    killed_while_writing_it_writes_the_same_mail_again,
    nobody_is_written_to_who_consented_again_meanwhile,
    nobody_is_written_to_who_has_gone_meanwhile,
    an_address_that_is_refused_owes_nothing_any_more,
    with_mail_switched_off_the_event_carries_the_words_with_a_link,
    what_a_person_is_told_stands_in_no_event_job_or_letter,
);

impl World {
    /// Ada's grant dies, and everything that follows from it has been done.
    async fn grant_dies(&self) {
        self.google.revoke(ADA, Death::UserRevoked).unwrap();
        self.poll().await;
    }

    fn mails(&self) -> Vec<Mail> {
        self.backend.mailer.sent()
    }

    async fn owes_nothing(&self, user: &UserId) -> bool {
        self.mailbox(user).await.owed == Owed::default()
    }
}

/// The link in a text, opened with the key of the pages that it leads to.
fn link_in(text: &str) -> Link {
    let links: Vec<Url> = text.lines().filter_map(|line| line.parse().ok()).collect();
    assert_eq!(links.len(), 1, "{text}");
    assert_eq!(links[0].join("../oauth2callback").unwrap().as_str(), PAGES);
    let (name, link) = links[0].query_pairs().next().unwrap();
    assert_eq!(name, "link");
    LinkSigning::new(&WEB_KEY).open(&link).expect("our own link")
}

async fn who_lost_a_grant_is_written_to_once_with_a_link_for_that_mailbox(world: World) {
    let user = world.connect(ADA).await;
    world.grant_dies().await;
    world.live_for(DAY).await;
    let mails = world.mails();
    assert_eq!((mails.len(), &*mails[0].to), (1, ADA));
    let link = link_in(&mails[0].body);
    assert_eq!(link.user.as_ref(), Some(&user));
    assert!(!link.is_over(mails[0].at + 6 * DAY) && link.is_over(mails[0].at + 7 * DAY));
    assert_eq!(mails[0].id, world.notices().await[0], "one fact, one id");
    assert!(world.owes_nothing(&user).await);
    world.connect(ADA).await;
    let id = world.deliver(ADA, "After the second consent");
    world.live_for(HOUR).await;
    assert!(world.state(&user, &id).await.is_some());
}

async fn whoever_consents_again_and_loses_that_too_is_written_to_again(world: World) {
    world.connect(ADA).await;
    for deaths in 1..=3 {
        world.grant_dies().await;
        assert_eq!(world.mails().len(), deaths);
        world.connect(ADA).await;
        // The cached token of the consent before is gone; the next poll asks with a new one.
        world.poll().await;
    }
    let mut ids: Vec<String> = world.mails().into_iter().map(|mail| mail.id).collect();
    ids.dedup();
    assert_eq!(ids.len(), 3, "each under an id of its own");
}

async fn a_mail_server_that_is_down_holds_no_event_back_and_the_mail_comes_once_it_is_up(
    world: World,
) {
    let user = world.connect(ADA).await;
    for _ in 0..5 {
        world.effects.next("mailer.send", Strike::Throttled);
    }
    world.google.revoke(ADA, Death::UserRevoked).unwrap();
    // A visibility timeout is six minutes: the fifth try has failed after half an hour.
    world.live_for(HOUR / 4).await;
    assert_eq!((world.notices().await.len(), world.mails().len()), (1, 0));
    assert!(world.mailbox(&user).await.owed.mail.is_some());
    world.live_for(2 * HOUR).await;
    assert_eq!((world.notices().await.len(), world.mails().len()), (1, 1));
    assert!(world.owes_nothing(&user).await && world.effects.outstanding().is_empty());
}

async fn killed_while_writing_it_writes_the_same_mail_again(world: World) {
    let user = world.connect(ADA).await;
    world.effects.next("mailer.send", Strike::DiesAfter);
    world.grant_dies().await;
    let mails = world.mails();
    assert_eq!((mails.len(), world.notices().await.len()), (2, 1));
    assert_eq!(mails[0].id, mails[1].id);
    assert!(world.owes_nothing(&user).await);
}

async fn nobody_is_written_to_who_consented_again_meanwhile(world: World) {
    let user = world.connect(ADA).await;
    world.effects.next("mailer.send", Strike::Throttled);
    world.google.revoke(ADA, Death::UserRevoked).unwrap();
    world.live_for(HOUR / 6).await;
    assert!(world.mailbox(&user).await.owed.mail.is_some());
    world.connect(ADA).await;
    world.live_for(HOUR).await;
    assert!(world.mails().is_empty() && world.owes_nothing(&user).await);
}

async fn nobody_is_written_to_who_has_gone_meanwhile(world: World) {
    let user = world.connect(ADA).await;
    world.effects.next("mailer.send", Strike::Throttled);
    world.google.revoke(ADA, Death::UserRevoked).unwrap();
    world.live_for(HOUR / 6).await;
    world.disconnect(&user).await;
    world.live_for(HOUR).await;
    assert!(world.mails().is_empty() && world.owes_nothing(&user).await);
}

async fn an_address_that_is_refused_owes_nothing_any_more(world: World) {
    let user = world.connect(ADA).await;
    world.backend.mailer.refuse(ADA);
    world.grant_dies().await;
    assert!(world.owes_nothing(&user).await);
    assert_eq!((world.notices().await.len(), world.effects.count("mailer.send")), (1, 1));
}

async fn with_mail_switched_off_the_event_carries_the_words_with_a_link(mut world: World) {
    world.writes = false;
    let user = world.connect(ADA).await;
    world.grant_dies().await;
    let notice = &world.events(EventKind::NeedsReauth).await[0].event;
    let text = &notice.data["text"];
    let link = link_in(text["body"].as_str().unwrap());
    assert_eq!(link.user.as_ref(), Some(&user));
    assert!(text["subject"].is_string() && !notice.data.to_string().contains('@'));
    assert!(world.mails().is_empty() && world.owes_nothing(&user).await);
}

async fn what_a_person_is_told_stands_in_no_event_job_or_letter(world: World) {
    world.connect(ADA).await;
    world.deliver_many(ADA, 3);
    world.grant_dies().await;
    let mail = world.mails().remove(0);
    for seen in world.published().await {
        let told = format!("{} {}", seen.event.data, seen.attributes);
        assert_eq!(seen.event.data["text"], Value::Null);
        assert!(!told.contains(ADA) && !told.contains(&mail.subject), "{told}");
    }
    let link = mail.body.lines().find(|line| line.starts_with("http")).unwrap();
    for row in (world.backend.dump)() {
        assert!(!row.contains(link) && !row.contains(&mail.subject), "{row}");
        assert!(row.starts_with("row:") || !row.contains(ADA), "{row}");
    }
}
