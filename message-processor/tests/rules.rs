//! Files of rules of all kinds: right, wrong, and no rules at all.

// `cfg(test)` holds for the whole binary; it tells clippy that an unwrap in here is a test's.
#[cfg(test)]
#[path = "rules/promise.rs"]
mod promise;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use message_processor::{Rules, Verdict};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// What conditions are made of.
const WORDS: [&str; 59] = [
    "category",
    "headers",
    "from",
    "address",
    "attachments",
    "list",
    "id",
    "to",
    "text",
    "a",
    "b",
    "sizeBytes",
    "subject",
    "preview",
    "labels",
    "'x'",
    "1",
    "0.5",
    "-1",
    "null",
    "true",
    "false",
    "&&",
    "||",
    "!",
    "==",
    "!=",
    "<",
    ">=",
    "+",
    "-",
    "*",
    "/",
    "%",
    "in",
    "?",
    ":",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ",",
    ".",
    ".exists(a,",
    ".all(b,",
    ".map(a,",
    ".filter(b,",
    ".size()",
    "has(",
    ".contains('x')",
    ".lowerAscii()",
    "size(",
    "string(",
    "\n",
    "//",
    "\"",
    "`",
];

/// Rightly and wrongly made conditions, most of them wrongly.
fn any_condition() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        vec(select(WORDS.to_vec()), 0..60).prop_map(|words| words.join(" ")),
        vec(select(WORDS.to_vec()), 0..400).prop_map(|words| words.concat()),
        (select(WORDS.to_vec()), select(WORDS.to_vec()), 0_usize..900)
            .prop_map(|(one, other, count)| format!("{}{other}", one.repeat(count))),
    ]
}

/// Conditions that are mostly good.
fn good_condition() -> impl Strategy<Value = String> {
    let value = prop_oneof![
        Just("headers.subject".to_owned()),
        Just("headers.from.address".to_owned()),
        Just("text.preview".to_owned()),
        Just("attachments[0].filename".to_owned()),
        Just("list.id".to_owned()),
        "'[a-z]{0,3}'",
    ];
    let leaf = prop_oneof![
        (value.clone(), value.clone()).prop_map(|(a, b)| format!("{a} == {b}")),
        (value.clone(), value.clone()).prop_map(|(a, b)| format!("{a}.contains({b} + {a})")),
        (value.clone(), 0..9).prop_map(|(a, n)| format!("{a}.size() / {n} > {n}")),
        value.clone().prop_map(|a| format!("attachments.exists(x, x.filename < {a})")),
        value.prop_map(|a| format!("headers.to.map(x, x.address).filter(y, y != {a}).size() > 0")),
    ];
    leaf.prop_recursive(4, 30, 3, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} && {b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} || {b})")),
            inner.clone().prop_map(|a| format!("!({a})")),
            inner.prop_map(|a| format!("(headers.cc + headers.to).all(z, {a})")),
        ]
    })
}

/// A file of one rule, its condition escaped.
fn file(when: &str) -> String {
    let escape = |c: char| match c {
        '"' | '\\' => format!("\\{c}"),
        c if c.is_control() => format!("\\U{:08X}", u32::from(c)),
        c => c.to_string(),
    };
    let when: String = when.chars().map(escape).collect();
    format!("[[rule]]\nname = 'one'\nlabels = ['hit']\nwhen = \"{when}\"\n")
}

/// Whatever it is, it is answered soon: what is found here is what does not end, or ends in minutes. Tests run without
/// the optimizer, and beside others.
fn is_kept_soon(content: &str) {
    let began = now();
    promise::is_kept_by(content.as_bytes());
    assert!(began.elapsed() < Duration::from_secs(20), "{content}");
}

#[expect(clippy::disallowed_methods, reason = "how long it takes is the promise")]
fn now() -> Instant {
    Instant::now()
}

fn tries(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

#[test]
fn the_samples_of_the_fuzzer_keep_the_promise() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds/rules");
    let mut good = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let content = fs::read(entry.unwrap().path()).unwrap();
        promise::is_kept_by(&content);
        good += usize::from(Rules::parse(&content).is_ok());
    }
    assert!(good >= 2, "{good} of the samples are good");
}

#[test]
#[expect(clippy::print_stdout, reason = "how long it takes is measured, and not judged")]
fn the_fullest_message_is_not_looked_at_longer_than_its_budget_lasts() {
    let dear = [
        "headers.to.exists(a, headers.cc.exists(b, a.address == b.name))",
        "calendar.attendees.exists(a, (headers.to + headers.cc).size() == 1)",
        "calendar.attendees.exists(a, calendar.attendees.exists(b, a + b == b + a + b))",
        "attachments.filter(a, a.contents.exists(c, c.filename == a.sha256)).size() == 9",
    ];
    let rule = |i: usize| {
        let when = dear[i % dear.len()];
        format!("[[rule]]\nname='{i}'\nwhen='{when}'\nlabels=['x']\n")
    };
    let rules: Vec<_> = (0..100).map(rule).collect();
    let rules = Rules::parse(rules.concat().as_bytes()).unwrap();
    let mut longest = Duration::ZERO;
    for elements in (10..=500).step_by(10) {
        let result = promise::full(elements);
        let began = now();
        assert!(rules.ask(&result).labels.is_empty());
        longest = longest.max(began.elapsed());
    }
    println!("100 dear rules took {longest:?} at most");
    let why = "there is too much in this message for it".to_owned();
    let costly = Verdict::Failed { part: dear[0].to_owned(), why };
    assert_eq!(rules.explain(&promise::full(500))[0].verdict, costly);
    let cheap = file("attachments.size() == 500 && headers.to.all(t, t.name == 'Billing')");
    let cheap = Rules::parse(cheap.as_bytes()).unwrap();
    assert_eq!(cheap.ask(&promise::full(500)).labels, ["hit"]);
}

proptest! {
    #![proptest_config(tries(1_000))]

    #[test]
    fn any_text_as_a_condition_is_refused_or_answered_soon(when in any_condition()) {
        is_kept_soon(&file(&when));
    }

    #[test]
    fn any_text_as_a_file_is_refused_with_places_within_it(text in any::<String>()) {
        is_kept_soon(&text);
    }
}

proptest! {
    #![proptest_config(tries(100))]

    #[test]
    fn a_good_condition_is_answered_and_its_answer_explained(when in good_condition()) {
        is_kept_soon(&file(&when));
    }
}
