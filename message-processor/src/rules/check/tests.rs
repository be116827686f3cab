use crate::rules::condition::{CONDITION_BYTES, Condition};

/// What is wrong with a condition, each with what stands at its place.
fn faults(source: &str) -> Vec<(String, String)> {
    let Err(faults) = Condition::parse(source) else { return Vec::new() };
    let at = |at: usize| source[source.floor_char_boundary(at)..].chars().take(8).collect();
    faults.into_iter().map(|fault| (at(fault.at), fault.what)).collect()
}

/// The one thing that is wrong with a condition.
fn fault(source: &str) -> (String, String) {
    let mut faults = faults(source);
    assert_eq!(faults.len(), 1, "{source}: {faults:?}");
    faults.remove(0)
}

#[test]
fn what_rules_are_written_for_is_taken() {
    for source in [
        "true",
        "category == 'newsletter'",
        "category in ['newsletter', 'promotion'] && confidence > 0.9",
        "headers.from.address.endsWith('@example.com')",
        "headers.from != null && headers.from.address.lowerAscii().contains('billing')",
        "headers['from'].address == 'a@example.com'",
        "attachments.exists(a, a.filename.endsWith('.pdf') && a.sizeBytes > 1024)",
        "attachments.exists(a, a.contents.exists(c, c.filename == 'x'))",
        "attachments.exists(a, a.contents[0].contents.exists(c, c.whatever == 1))",
        "attachments.filter(a, !a.inline).size() >= 2",
        "attachments.map(a, a.sizeBytes).exists(size, size > 1000000)",
        "attachments.exists_one(a, a.contentType == 'text/calendar')",
        "(headers.to + headers.cc).all(person, person.address != null)",
        "'INBOX' in labelIds && !('IMPORTANT' in labelIds)",
        "has(list.id) ? list.id == 'news.example.com' : false",
        "headers.date < '2026-01-01'",
        "size(headers.subject) > 10 || size(attachments) == 0",
        "sizeBytes / 1024 > 100 && int(text.preview) + 1 == 2",
        "ref == 'cust_42' // who\n && userId != null",
        "authentication.dmarc != 'pass' || calendar.attendees.size() > 100",
    ] {
        assert_eq!(faults(source), [], "{source}");
    }
}

#[test]
fn an_unknown_field_is_found_where_it_stands() {
    let cases = [
        ("catgory == 'spam'", "catgory ", "no field 'catgory'; did you mean 'category'?"),
        (
            "true && headers.frm.address == ''",
            "frm.addr",
            "no field 'frm' here; did you mean 'from'?",
        ),
        ("attachments.exists(a, a.filname == 'x')", "filname ", "did you mean 'filename'?"),
        ("attachments.exists(a, b.filename == 'x')", "b.filena", "there is no field 'b'"),
        ("attachments.filename == 'x'", "filename", "this is a list and has no field 'filename'"),
        ("category.name == 'x'", "name == ", "this is text and has no field 'name'"),
        ("has(list.ident)", "has(list", "there is no field 'ident' here"),
        ("'finance' in labels", "labels", "only when the rules have run"),
        ("headers['sbject'] == ''", "'sbject'", "did you mean 'subject'?"),
        ("optional.none() == 1", "optional", "there is no field 'optional'"),
    ];
    for (source, at, what) in cases {
        let found = faults(source);
        let known = found.iter().any(|(place, said)| place.starts_with(at) && said.contains(what));
        assert!(known, "{source}: {found:?}");
    }
}

#[test]
fn what_could_never_hold_is_refused() {
    let cases = [
        ("sizeBytes", "this is a number, and a condition is true or false"),
        ("null", "this is null, and a condition"),
        ("attachments", "this is a list, and a condition"),
        ("category == 'newsleter'", "no category 'newsleter'; did you mean 'newsletter'?"),
        ("category in ['spam', 'fishing']", "no category 'fishing'; did you mean 'phishing'?"),
        ("sizeBytes > '1'", "a number and text are never the same"),
        ("category && true", "this is text, and should be true or false"),
        ("!headers.subject", "this is text, and should be true or false"),
        ("headers.subject.startsWith(1)", "this is a number, and should be text"),
        ("labelIds.contains('INBOX')", "contains is for text, and this is a list"),
        ("'a' in headers.subject", "of text, use .contains"),
        ("headers.exists(h, true)", "this loops over a list"),
        ("headers.subject.matches('x')", "there are no regular expressions"),
        ("headers.subject.startWith('x')", "no function 'startWith'; did you mean 'startsWith'?"),
        ("headers.subject.startsWith('x', 'y')", "not with as many values"),
        ("attachments.exists(a)", "exists takes a name and what is asked of it"),
        ("{'a': 1}.a == 1", "objects cannot be written"),
        ("sizeBytes == 1u", "without its 'u'"),
        ("headers > text", "have an order"),
        ("headers.from + headers.from == headers.from", "cannot be added"),
    ];
    for (source, what) in cases {
        let found = faults(source);
        assert!(found.iter().any(|(_, said)| said.contains(what)), "{source}: {found:?}");
    }
}

#[test]
fn all_faults_are_told_at_once_and_in_their_order() {
    let found = faults("catgory == 'a' || headers.frm == null || sizeByte > 1");
    let places: Vec<_> = found.iter().map(|(at, _)| at.as_str()).collect();
    assert_eq!(places, ["catgory ", "frm == n", "sizeByte"]);
}

#[test]
fn what_cannot_be_read_is_told_where_it_ends_to_make_sense() {
    assert_eq!(fault("category = 'x'").0, "= 'x'");
    assert!(fault("category == ").1.contains("cannot be read"));
    assert!(fault("").1.contains("cannot be read"));
    assert!(fault("category == 'x").1.contains("unterminated"));
    assert_eq!(fault("category == 'é' category").0, "category");
}

#[test]
fn what_could_cost_too_much_is_refused() {
    let third =
        "attachments.exists(a, a.contents.exists(b, headers.to.exists(t, t.name == b.filename)))";
    assert!(fault(third).1.contains("at most 2 loops"));
    let long = format!("category == '{}'", "x".repeat(CONDITION_BYTES));
    assert!(fault(&long).1.contains("at most 2000 bytes"));
    let body = vec!["headers.to == headers.cc"; 60].join("||");
    let dear = format!("attachments.exists(a, headers.to.exists(b, {body}))");
    assert!(fault(&dear).1.contains("takes too long"), "{:?}", fault(&dear));
}

#[test]
fn what_is_nested_too_deep_is_refused_and_does_no_harm() {
    let nested = |open: &str, within: &str, close: &str, count: usize| {
        format!("{}{within}{}", open.repeat(count), close.repeat(count))
    };
    for (deep, bad) in [
        (nested("(", "true", ")", 900), false),
        (nested("(true&&", "true", ")", 200), true),
        (nested("[", "1", "]", 900), true),
        (nested("!(", "true", ")", 300), true),
        (nested("size(", "1", ")", 300), true),
        (nested("(", "", "", 1_900), true),
        (nested("a?b:", "c", "", 490), true),
        (nested("true?true:", "true", "", 190), true),
        (nested("!-", "1", "", 900), true),
        (format!("headers{}", ".a".repeat(900)), true),
        (format!("1{} == 1", "+1".repeat(900)), true),
        (nested("headers[", "'a'", "]", 200), true),
    ] {
        let shown: String = deep.chars().take(20).collect();
        assert_eq!(!faults(&deep).is_empty(), bad, "{shown}");
    }
    let wide = vec!["category == 'spam'"; 90].join("||");
    assert_eq!(faults(&wide), []);
}
