use shared::result::CarriedAs;
use shared::scope::GmailScope;

use super::*;
use crate::understand::{Circumstances, understand};

const MAIL: &str = "From: Bob <bob@example.org>\r\nTo: ada@example.com\r\nSubject: Lunch\r\n";

struct World {
    features: BTreeSet<Feature>,
    targets: ForwardTargets,
    signs: bool,
    scopes: Vec<String>,
    connected_at: Timestamp,
}

impl World {
    fn new() -> Self {
        Self {
            features: Feature::ALL.iter().copied().collect(),
            targets: "books@example.com, ada@example.com, bob@example.org".parse().unwrap(),
            signs: true,
            scopes: GmailScope::ALL.map(|scope| scope.address().to_owned()).to_vec(),
            connected_at: "2026-05-01T00:00:00Z".parse().unwrap(),
        }
    }

    /// What becomes of one action on a message with these fields beside the usual ones.
    fn planned(&self, kind: ActionKind, target: Option<&str>, fields: &str) -> Option<Action> {
        let raw = format!("{MAIL}{fields}\r\nShall we?\r\n");
        let known = Circumstances {
            message_id: Some("m1".parse().unwrap()),
            internal_date: Some("2026-05-01T12:00:00Z".parse().unwrap()),
            ..Circumstances::default()
        };
        let mut result = understand::<&str>(raw.as_bytes(), &[]).into_result(known);
        result.actions = vec![Action {
            id: None,
            kind,
            target: target.map(str::to_owned),
            original: (kind == ActionKind::Forward).then_some(CarriedAs::Attached),
            state: ActionState::Pending,
            detail: None,
        }];
        let user = "42".parse().unwrap();
        let owner = Owner {
            user: &user,
            email: "ada@example.com",
            scopes: &self.scopes,
            connected_at: self.connected_at,
        };
        let means = Means {
            features: &self.features,
            forward_targets: &self.targets,
            networks: &Networks::default(),
            signs: self.signs,
            stack: "local",
        };
        plan(&mut result, raw.as_bytes(), &owner, &means);
        result.actions.pop()
    }

    fn refused(&self, kind: ActionKind, target: &str, fields: &str) -> String {
        let action = self.planned(kind, Some(target), fields).unwrap();
        assert_eq!(action.state == ActionState::Failed, action.detail.is_some());
        action.detail.unwrap_or_default()
    }
}

#[test]
fn what_may_be_tried_is_pending_and_named() {
    let world = World::new();
    for (kind, target) in [
        (ActionKind::Label, Some("Bills")),
        (ActionKind::Archive, None),
        (ActionKind::MarkRead, None),
        (ActionKind::Forward, Some("books@example.com")),
        (ActionKind::Webhook, Some("https://example.com/hook")),
    ] {
        let action = world.planned(kind, target, "").unwrap();
        assert_eq!((action.state, &action.detail), (ActionState::Pending, &None), "{kind}");
        let (user, message) = ("42".parse().unwrap(), "m1".parse().unwrap());
        let id = action_id(&user, &message, shared::ids::Generation(0), kind, target);
        assert_eq!(action.id, Some(id));
    }
}

#[test]
fn what_would_loop_is_refused() {
    let world = World::new();
    let own = hop("local", &"42".parse().unwrap());
    let others = "1111111111111111 2222222222222222";
    for (target, fields, why) in [
        ("ADA@example.com", String::new(), "it would go to the mailbox itself"),
        ("Bob@Example.org", String::new(), "it comes from the target"),
        ("books@example.com", format!("{HOPS}: {own}\r\n"), "through this mailbox before"),
        ("books@example.com", format!("{HOPS}:\r\n {others}\r\n {own}\r\n"), "through this mailbox"),
        ("books@example.com", format!("{HOPS}: {others} {others}\r\n"), "forwarded 3 times"),
        (
            "books@example.com",
            "Auto-Submitted: auto-replied\r\nContent-Type: multipart/report; report-type=delivery-status; \
             boundary=b\r\n\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; a\r\n\r\n\
             Final-Recipient: rfc822; x@example.net\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n--b--\r\n"
                .to_owned(),
            "a machine answers with it",
        ),
        ("books@example.com", "Auto-Submitted: auto-replied\r\n".to_owned(), "a machine answers with it"),
    ] {
        let detail = world.refused(ActionKind::Forward, target, &fields);
        assert!(detail.starts_with("it would loop: ") && detail.contains(why), "{target}: {detail}");
    }
    let few = format!("{HOPS}: {others} nonsense\r\n");
    assert_eq!(world.refused(ActionKind::Forward, "books@example.com", &few), "");
}

#[test]
fn a_header_that_hides_a_line_is_not_forwarded() {
    let world = World::new();
    for field in [
        "Reply-To: =?utf-8?q?a=0D=0ABcc:_eve@example.net?= <bob@example.org>\r\n",
        "Reply-To: =?utf-8?b?YQ0KQmNjOiBldmVAZXhhbXBsZS5uZXQ=?= <bob@example.org>\r\n",
        "Reply-To: a\rBcc: eve@example.net\r\n",
    ] {
        let detail = world.refused(ActionKind::Forward, "books@example.com", field);
        assert!(detail.starts_with("its Reply-To hides a line"), "{field}: {detail}");
        assert_eq!(world.refused(ActionKind::Label, "Bills", field), "", "it says so of forwards");
    }
    for field in [
        "Reply-To: =?utf-8?q?a=0D=0A?=\r\n <bob@example.org>\r\n",
        "Reply-To: Bob\r\n\tof Example\r\n <bob@example.org>\r\n",
        "Reply-To: =?utf-8?q?Bob?=\r\n =?utf-8?q?Example?= <bob@example.org>\r\n",
    ] {
        let hides = field.contains("=0A");
        let detail = world.refused(ActionKind::Forward, "books@example.com", field);
        assert_eq!(!detail.is_empty(), hides, "{field}: {detail}");
    }
}

#[test]
fn what_nobody_has_allowed_is_refused() {
    let mut world = World::new();
    let stranger = world.refused(ActionKind::Forward, "eve@example.net", "");
    assert_eq!(stranger, "FORWARD_TARGETS does not name the target");
    let inside = world.refused(ActionKind::Webhook, "https://169.254.169.254/latest", "");
    assert!(inside.contains("private network"), "{inside}");
    world.scopes.clear();
    let unasked = world.refused(ActionKind::Label, "Bills", "");
    assert!(unasked.contains("has not allowed gmail.modify"), "{unasked}");
    world.signs = false;
    let unsigned = world.refused(ActionKind::Webhook, "https://example.com/", "");
    assert!(unsigned.contains("WEBHOOK_SECRET is not set"), "{unsigned}");
    world.features.clear();
    assert_eq!(world.refused(ActionKind::Label, "Bills", ""), "FEATURES does not name labels");
    let forward = world.refused(ActionKind::Forward, "books@example.com", "");
    assert_eq!(forward, "FEATURES does not name forwarding");
}

#[test]
fn nothing_is_done_with_what_was_there_before_the_mailbox_was_connected() {
    let connected_at = "2026-05-01T12:00:01Z".parse().unwrap();
    let world = World { connected_at, ..World::new() };
    assert!(world.planned(ActionKind::Label, Some("Bills"), "").is_none());
}
