//! The shipped mail: every kind there is, every oddity we know of.

use std::collections::BTreeSet;
use std::path::Path;

use message_processor::{Content, understand};
use shared::category::Category;
use shared::result::{AuthResult, MarkKind, ProtectionFormat, ReportKind};

use crate::collection;

fn content(path: &str) -> Content {
    let mail = collection::shipped().into_iter().find(|mail| mail.path == path).unwrap();
    understand::<&str>(&mail.raw, &[]).content
}

fn defects(content: &Content) -> Vec<&str> {
    content.defects.iter().map(|defect| &*defect.code).collect()
}

fn preview(content: &Content) -> &str {
    content.text.as_ref().map_or("", |text| &*text.preview)
}

#[test]
fn every_shipped_message_gets_its_label() {
    let mut surprises = Vec::new();
    for mail in collection::shipped() {
        let judgement = understand::<&str>(&mail.raw, &[]).judgement;
        if Some(judgement.category.as_str()) != mail.label.as_deref() {
            surprises
                .push(format!("{}: {} {:?}", mail.path, judgement.category, judgement.reasons));
        }
    }
    assert!(surprises.is_empty(), "{surprises:#?}");
}

#[test]
fn every_category_is_shipped_and_every_file_is_labelled() {
    let mail = collection::shipped();
    let labels: BTreeSet<_> = mail.iter().filter_map(|mail| mail.label.as_deref()).collect();
    let categories: BTreeSet<_> = Category::ALL.iter().map(|category| category.as_str()).collect();
    assert_eq!(labels, categories);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/mail");
    assert_eq!(collection::files(&folder).len(), mail.len());
}

#[test]
fn names_and_groups_are_read_in_any_alphabet() {
    let names = content("personal/rfc2047-names.eml").headers;
    assert_eq!(names.from.unwrap().name.as_deref(), Some("Jürgen Müller"));
    assert_eq!(names.subject.as_deref(), Some("Grüße aus München"));
    assert_eq!(names.to[1].name.as_deref(), Some("Example, Sam"));
    assert_eq!(content("personal/group-recipients.eml").headers.to.len(), 3);
    assert_eq!(
        content("personal/8-bit-header.eml").headers.subject.as_deref(),
        Some("Café demain ?")
    );
    assert_eq!(preview(&content("personal/japanese-iso-2022-jp.eml")), "こんにちは。");
}

#[test]
fn text_is_read_without_its_markup() {
    assert_eq!(
        preview(&content("personal/html-only.eml")),
        "Hi Kim,\n\nthey came by post. Row\u{a0}7!\n\nAnn"
    );
    assert_eq!(preview(&content("personal/carriage-returns-only.eml")), "It still boots.\n\nAnn");
}

#[test]
fn files_are_named_hashed_and_counted() {
    let files = content("personal/photos-attached.eml").attachments;
    let names: Vec<_> = files.iter().filter_map(|file| file.filename.as_deref()).collect();
    assert_eq!(names, ["summit.png", "gipfel ⛰.png"]);
    assert_eq!(files[1].sha256, "4c4b6a3be1314ab86138bef4314dde022e600960d8689a2c8f8631802d20dab6");
    let winmail = &content("personal/winmail.eml").attachments[0];
    assert_eq!(winmail.content_type, "application/ms-tnef");
    let within = &winmail.contents[0];
    assert_eq!((within.filename.as_deref(), within.size_bytes), (Some("Protokoll Mai.txt"), 16));
    assert_eq!(within.sha256, "791049ef762c0f3f1afea92f9ab7e4741c05ab1357f8848c89554ba5d501b67c");
    let forwarded =
        content("personal/forwarded-message.eml").attachments[0].message.clone().unwrap();
    assert!(forwarded.subject.is_some() && forwarded.from.is_some());
}

#[test]
fn what_is_broken_is_told_and_read_all_the_same() {
    let broken = content("personal/broken-boundary.eml");
    assert!(
        defects(&broken).contains(&"boundary_unclosed")
            && preview(&broken).starts_with("The line went dead")
    );
    let odd = content("personal/malformed-header.eml");
    assert_eq!(defects(&odd), ["malformed_header", "bad_date"]);
    assert_eq!(odd.headers.subject.as_deref(), Some("Odd header"));
    assert!(defects(&content("personal/deeply-nested.eml")).contains(&"too_deep"));
    assert!(defects(&content("personal/huge-header.eml")).contains(&"header_too_long"));
}

#[test]
fn machines_are_understood() {
    let bounce = content("bounce/no-such-user.eml").bounce.unwrap();
    assert_eq!(bounce.recipients[0].status.as_deref(), Some("5.1.1"));
    let invitation = content("calendar/invitation.eml").calendar.unwrap();
    assert_eq!(invitation.start.as_deref(), Some("2026-05-08T14:00:00"));
    assert_eq!(invitation.attendees, ["kim@example.org", "bo@example.net"]);
    let kinds =
        ["report/dmarc-aggregate.eml", "report/arf-complaint.eml", "report/tls.eml"].map(content);
    let kinds = kinds.map(|content| content.report.map(|report| report.kind));
    assert_eq!(kinds, [Some(ReportKind::Dmarc), Some(ReportKind::Arf), Some(ReportKind::Tls)]);
    assert_eq!(
        content("calendar/accepted.eml").calendar.unwrap().reply.as_deref(),
        Some("ACCEPTED")
    );
}

#[test]
fn reports_are_unpacked_and_counted() {
    let reports = ["report/dmarc-aggregate.eml", "report/tls.eml"].map(content);
    let reports = reports.map(|content| content.report.unwrap());
    let counts = reports.each_ref().map(|report| (report.total, report.failed));
    assert_eq!(counts, [(Some(15), Some(3)), (Some(43), Some(2))]);
    let ends = reports.map(|report| report.end.map(|end| end.to_string()));
    assert_eq!(ends[0].as_deref(), Some("2026-04-30T23:59:59.000Z"));
    assert_eq!(ends[0], ends[1]);
}

#[test]
fn what_is_signed_or_encrypted_says_so_and_an_answer_which_words_are_its_own() {
    let told =
        |path| content(path).protection.map(|found| (found.format, found.signed, found.encrypted));
    assert_eq!(told("personal/pgp-signed.eml"), Some((ProtectionFormat::Pgp, true, false)));
    assert_eq!(told("personal/pgp-encrypted.eml"), Some((ProtectionFormat::Pgp, false, true)));
    assert_eq!(told("personal/html-only.eml"), None);
    let text = content("personal/answer.eml").text.unwrap();
    let marks: Vec<_> = text.marks.iter().map(|mark| mark.kind).collect();
    assert_eq!(marks, [MarkKind::Quoted]);
    let own: String = text.preview.chars().take(text.marks[0].start).collect();
    assert!(!own.contains('>'), "{own}");
}

#[test]
fn a_sender_is_proven_and_a_list_can_be_left() {
    let newsletter = content("newsletter/one-click.eml");
    assert_eq!(newsletter.authentication.dmarc, Some(AuthResult::Pass));
    let list = newsletter.list.unwrap();
    assert!(list.one_click && list.unsubscribe.len() == 2);
    assert_eq!(content("phishing/borrowed-brand.eml").authentication.spf, Some(AuthResult::Fail));
}

#[test]
fn no_defect_repeats_the_message() {
    for mail in collection::shipped() {
        let content = understand::<&str>(&mail.raw, &[]).content;
        let subject = content.headers.subject.unwrap_or_default();
        for defect in content.defects {
            assert!(
                !defect.detail.contains('@')
                    && (subject.len() < 8 || !defect.detail.contains(&subject))
            );
        }
    }
}
