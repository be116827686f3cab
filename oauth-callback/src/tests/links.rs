//! Stories of people who come with a connect link.

use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::http::StatusCode;
use shared::connect_link::{Link, LinkSigning};
use shared::goodbye::DisconnectDebt;
use shared::ids::{Grant, UserId};
use shared::ledger::Mailboxes;
use shared::mailbox::Owed;
use shared::scope::{Feature, GmailScope};
use shared::settings::ConnectLinks;

use super::google::Choice;
use super::world::READ_MAIL;
use super::world::{Reply, World, user};

const WEEK: Duration = Duration::from_hours(7 * 24);
const OTHER: &str = "This mailbox is connected through another link";

fn link(world: &World, reference: &str, scopes: &[GmailScope]) -> String {
    let link = Link {
        reference: Some(reference.parse().unwrap()),
        user: None,
        scopes: scopes.iter().copied().collect(),
        expires_at: world.clock.now() + WEEK,
    };
    LinkSigning::new(&[7; 32]).sign(&link)
}

fn required() -> World {
    World::with(|callback| callback.settings.connect_links = ConnectLinks::Required)
}

async fn follow(world: &World, link: &str, choice: Choice) -> Reply {
    let start = world.get(&format!("/oauth2/start?link={link}"), "").await;
    let back = world.google.consent(&start.sent_to(), choice);
    world.get(&back, &start.cookie()).await
}

async fn connect_as(world: &World, reference: &str) -> Reply {
    follow(world, &link(world, reference, &[]), Choice::default()).await
}

async fn reference(world: &World) -> Option<String> {
    world.row().await.unwrap().reference
}

#[tokio::test]
async fn who_comes_with_a_link_is_connected_under_its_ref_and_keeps_it_without_one() {
    for world in [World::new(), required()] {
        let reply = connect_as(&world, "cust_42").await;
        assert_eq!(reply.status, StatusCode::OK, "{}", reply.body);
        assert_eq!(reference(&world).await.as_deref(), Some("cust_42"));
        let again = connect_as(&world, "cust_42").await;
        assert!(again.body.contains("Already connected"), "{}", again.body);
    }
    let world = World::new();
    connect_as(&world, "cust_42").await;
    world.connect(Choice::default()).await;
    assert_eq!(reference(&world).await.as_deref(), Some("cust_42"));
    assert_eq!(world.row().await.unwrap().grant, Grant(2));
}

#[tokio::test]
async fn a_mailbox_without_a_ref_takes_the_first_that_comes() {
    let world = World::new();
    world.connect(Choice::default()).await;
    assert_eq!(reference(&world).await, None);
    connect_as(&world, "cust_42").await;
    assert_eq!(reference(&world).await.as_deref(), Some("cust_42"));
}

#[tokio::test]
async fn a_link_of_another_ref_changes_nothing_until_the_mailbox_is_disconnected() {
    let world = World::new();
    connect_as(&world, "cust_42").await;
    let before = world.row().await;
    let reply = connect_as(&world, "cust_43").await;
    assert!(reply.body.contains(OTHER), "{}", reply.body);
    assert!(!reply.body.contains("cust_4"), "neither is shown: {}", reply.body);
    assert!(world.row().await == before);
    world.change(|row| row.owed = Owed::default()).await;
    let row = world.row().await.unwrap();
    let (id, at) = ("e".to_owned(), world.clock.now());
    let debt = DisconnectDebt::new(id, row.epoch, row.grant, at);
    let _ = world.ledger.disconnect(&user(), debt.clone()).await.unwrap();
    let paid = Owed { disconnect: Some(debt), ..Owed::default() };
    world.ledger.settle(&user(), paid).await.unwrap();
    assert_eq!(connect_as(&world, "cust_43").await.status, StatusCode::OK);
    assert_eq!(reference(&world).await.as_deref(), Some("cust_43"));
}

#[tokio::test]
async fn of_two_links_that_race_for_a_mailbox_one_wins_and_the_other_is_told() {
    let world = World::new();
    world.connect(Choice::default()).await;
    let (one, two) = tokio::join!(connect_as(&world, "cust_42"), connect_as(&world, "cust_43"));
    let told = [&one, &two].iter().filter(|reply| reply.body.contains(OTHER)).count();
    let won = if one.status == StatusCode::OK { "cust_42" } else { "cust_43" };
    assert_eq!((told, reference(&world).await.as_deref()), (1, Some(won)));
    assert_eq!(world.row().await.unwrap().grant, Grant(2));
}

#[tokio::test]
async fn a_link_that_was_changed_cut_off_or_has_expired_begins_nothing() {
    for world in [World::new(), required()] {
        let good = link(&world, "cust_42", &[]);
        let theirs =
            LinkSigning::new(&[8; 32]).sign(&LinkSigning::new(&[7; 32]).open(&good).unwrap());
        let other = if good.ends_with('A') { 'B' } else { 'A' };
        let changed = format!("{}{other}", &good[..good.len() - 1]);
        for bad in ["", "x", &good[1..], &good[..20], &changed, &theirs, "%FF", &"A".repeat(5_000)]
        {
            let reply = world.get(&format!("/oauth2/start?link={bad}"), "").await;
            assert!(reply.body.contains("This link is not complete"), "{bad}: {}", reply.status);
            assert_eq!((reply.status, reply.header("set-cookie")), (StatusCode::BAD_REQUEST, ""));
        }
        world.clock.advance(Duration::from_secs(WEEK.as_secs() - 1));
        let last_moment = world.get(&format!("/oauth2/start?link={good}"), "").await;
        world.clock.advance(Duration::from_secs(1));
        let reply = world.get(&format!("/oauth2/start?link={good}"), "").await;
        assert!(reply.body.contains("This link has expired"), "{}", reply.body);
        assert_eq!((reply.status, reply.header("set-cookie")), (StatusCode::GONE, ""));
        let back = world.google.consent(&last_moment.sent_to(), Choice::default());
        let reply = world.get(&back, &last_moment.cookie()).await;
        assert_eq!(reply.status, StatusCode::OK, "who began in time may finish");
    }
}

#[tokio::test]
async fn where_links_are_required_nobody_begins_without_one() {
    let world = required();
    let original =
        "/oauth2callback?client_id=c&redirect_uri=r&response_type=code&scope=s&prompt=consent";
    for start in ["/oauth2/start", "/oauth2/start?ref=cust_42", "/oauth2callback", original] {
        let reply = world.get(start, "").await;
        assert!(reply.body.contains("You need a link to connect a mailbox"), "{start}");
        assert_eq!((reply.status, reply.header("location")), (StatusCode::FORBIDDEN, ""));
    }
    let lost = world.get("/nowhere", "").await;
    assert!(lost.body.contains("open the link that you were sent") && !lost.body.contains("<a "));
    assert_eq!(world.google.exchanges.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn who_was_not_connected_begins_again_with_the_link_that_they_came_with() {
    let world = required();
    let link = link(&world, "cust_42", &[]);
    let start = world.get(&format!("/oauth2/start?link={link}"), "").await;
    let button = format!("<a href=\"https://fanmail.example.org/oauth2/start?link={link}\">");
    let denied = world.get("/oauth2callback?error=access_denied&state=x", &start.cookie()).await;
    assert!(denied.body.contains(&button), "{}", denied.body);
    let partial = Choice { scopes: vec!["openid".into()], ..Choice::default() };
    let reply = follow(&world, &link, partial).await;
    assert!(reply.body.contains(&button), "{}", reply.body);
}

#[tokio::test]
async fn a_link_may_ask_for_more_and_who_unticks_that_is_connected_without_it() {
    let world = World::new();
    let link = link(&world, "cust_42", &[GmailScope::Readonly, GmailScope::Send]);
    let start = world.get(&format!("/oauth2/start?link={link}"), "").await.sent_to();
    let asked = start.query_pairs().find(|(name, _)| name == "scope").unwrap().1.into_owned();
    let send = GmailScope::Send.address();
    assert_eq!(asked, format!("openid email {READ_MAIL} {send}"));
    let reply = follow(&world, &link, Choice::default()).await;
    assert_eq!(reply.status, StatusCode::OK);
    assert!(reply.body.contains("Allow the rest") && reply.body.contains(&link), "{}", reply.body);
    assert!(!world.row().await.unwrap().scopes.iter().any(|scope| scope == send));
    let reply = follow(&world, &link, Choice { scopes: vec![], ..Choice::default() }).await;
    assert!(reply.body.contains("Already connected"), "{}", reply.body);
    assert_eq!(world.row().await.unwrap().scopes, ["openid", "email", READ_MAIL, send]);
}

#[tokio::test]
async fn a_feature_that_is_switched_on_is_asked_for_and_missing_in_old_mailboxes_until_they_consent()
 {
    let before = World::new();
    before.connect(Choice::default()).await;
    let row = before.row().await.unwrap();
    assert_eq!(Feature::granted(&row.scopes), []);
    let world =
        World::with(|callback| callback.settings.features = Feature::ALL.iter().copied().collect());
    let start = world.get("/oauth2/start", "").await.sent_to();
    let asked = start.query_pairs().find(|(name, _)| name == "scope").unwrap().1.into_owned();
    let (modify, send) = (GmailScope::Modify.address(), GmailScope::Send.address());
    assert_eq!(asked, format!("openid email {READ_MAIL} {modify} {send}"));
    // Whoever keeps a box unticked is connected all the same, and so is who ticks the wider of two.
    for (granted, features) in [
        (vec!["openid", READ_MAIL], vec![]),
        (vec!["openid", READ_MAIL, send], vec![Feature::Forwarding]),
        (vec!["openid", modify], vec![Feature::Labels]),
    ] {
        let scopes = granted.into_iter().map(str::to_owned).collect();
        let reply = world.connect(Choice { scopes, ..Choice::default() }).await;
        assert!(reply.body.contains("Allow the rest"), "{}", reply.body);
        assert_eq!(Feature::granted(&world.row().await.unwrap().scopes), features);
    }
    let again = Link {
        reference: None,
        user: Some(user()),
        scopes: [].into(),
        expires_at: world.clock.now() + WEEK,
    };
    let again = LinkSigning::new(&[7; 32]).sign(&again);
    let reply = follow(&world, &again, Choice { scopes: vec![], ..Choice::default() }).await;
    assert!(reply.body.contains("Already connected"), "{}", reply.body);
    assert_eq!(Feature::granted(&world.row().await.unwrap().scopes), Feature::ALL);
    let neither = Choice { scopes: vec!["openid".into(), send.into()], ..Choice::default() };
    assert!(world.connect(neither).await.body.contains("Reading mail was not allowed"));
}

#[tokio::test]
async fn on_a_link_for_a_mailbox_no_other_is_connected() {
    let world = World::with(|callback| callback.settings.connect_links = ConnectLinks::Required);
    connect_as(&world, "cust_42").await;
    let again = |user: &UserId| {
        let expires_at = world.clock.now() + WEEK;
        let link =
            Link { reference: None, user: Some(user.clone()), scopes: [].into(), expires_at };
        LinkSigning::new(&[7; 32]).sign(&link)
    };
    let own = again(&user());
    let start = world.get(&format!("/oauth2/start?link={own}"), "").await.sent_to();
    assert!(
        start.query_pairs().any(|(name, value)| name == "login_hint" && *value == *user().as_str())
    );
    assert_eq!(follow(&world, &own, Choice::default()).await.status, StatusCode::OK);
    let row = world.row().await.unwrap();
    assert_eq!((row.grant, row.reference.as_deref()), (Grant(2), Some("cust_42")));
    let reply = follow(&world, &again(&"7".parse().unwrap()), Choice::default()).await;
    assert!(reply.body.contains("This link is for another Google account"), "{}", reply.body);
    assert!(world.row().await.unwrap() == row);
}

#[tokio::test]
async fn a_link_on_the_way_back_is_not_followed() {
    let world = World::new();
    let link = link(&world, "cust_42", &[]);
    let (back, cookie) = world.at_google(Choice::default()).await;
    world.get(&format!("{back}&link={link}"), &cookie).await;
    assert_eq!(reference(&world).await, None);
}
