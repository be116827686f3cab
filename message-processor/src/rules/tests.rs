use shared::category::Category;
use shared::result::{Address, CarriedAs, MessageResult};

use super::file::{LABELS, RULES};
use super::*;

fn rules(text: &str) -> Rules {
    Rules::parse(text.as_bytes()).unwrap_or_else(|bad| panic!("{bad}"))
}

fn problems(text: &str) -> Vec<String> {
    let bad = Rules::parse(text.as_bytes()).unwrap_err();
    bad.problems.iter().map(ToString::to_string).collect()
}

/// A file of one rule with this condition.
fn one(when: &str) -> Rules {
    rules(&format!("[[rule]]\nname = 'one'\nlabels = ['hit']\nwhen = '''{when}'''\n"))
}

fn hits(when: &str, result: &MessageResult) -> bool {
    one(when).ask(result).labels == ["hit"]
}

fn verdict(when: &str, result: &MessageResult) -> Verdict {
    one(when).explain(result).remove(0).verdict
}

/// A message of which nothing is known.
fn bare() -> MessageResult {
    crate::understand::<&str>(b"Subject: Hello\n\nYou", &[])
        .into_result(crate::Circumstances::default())
}

const FILE: &str = r#"
# Bills are kept for ten years.
[[rule]]
name = "bills"
when = '''
  category == "transactional"
  && attachments.exists(a, a.contentType == "application/pdf")
'''
labels = ["finance", "keep"]

[[rule]]
name = "own"
when = 'headers.from.address.endsWith("@example.com")'
labels = ["own", "finance"]
stop = true

[[rule]]
name = "rest"
when = "true"
labels = ["rest"]
"#;

#[test]
fn a_message_gets_the_labels_of_all_rules_that_hit_in_the_files_order() {
    let (rules, mut result) = (rules(FILE), sample());
    rules.apply(&mut result);
    assert_eq!(result.labels, ["finance", "keep", "own"]);
    assert_eq!(result.rules.as_deref(), Some(rules.hash()));
    assert_eq!(rules.hash(), hash(FILE.as_bytes()));
    let mut other = MessageResult { category: Category::Spam, ..sample() };
    other.headers.from = None;
    assert_eq!(rules.ask(&other).labels, ["rest"]);
}

#[test]
fn labels_and_rules_of_before_say_nothing_about_a_message() {
    let rules = rules(FILE);
    let (before, mut after) = (sample(), sample());
    rules.apply(&mut after);
    assert_eq!(rules.ask(&before).labels, rules.ask(&after).labels);
}

#[test]
fn a_rule_that_fails_does_not_hit_and_hinders_no_other() {
    let file = "[[rule]]\nname='a'\nwhen='list.id == \"x\"'\nlabels=['a']\n\
                [[rule]]\nname='b'\nwhen='list.id == \"x\" || category != \"spam\"'\nlabels=['b']\n";
    assert_eq!(rules(file).ask(&bare()).labels, ["b"]);
}

#[test]
fn conditions_mean_what_they_say() {
    let mut result = sample();
    result.headers.subject = Some("RECHNUNG Nr. 5".to_owned());
    result.headers.to = ["a@x.example", "b@x.example"]
        .map(|to| Address { name: None, address: Some(to.to_owned()) })
        .to_vec();
    for (when, is) in [
        ("headers.subject.lowerAscii().startsWith('rechnung')", true),
        ("headers.to.all(t, t.address.endsWith('@x.example'))", true),
        ("headers.to.exists(t, t.name.contains('x') || t.address == 'b@x.example')", true),
        ("headers.to.exists_one(t, t.address == 'b@x.example')", true),
        ("headers.to.filter(t, t.address == 'c')  == []", true),
        ("headers.to.map(t, t.address) == ['a@x.example', 'b@x.example']", true),
        ("headers.to[1].address == 'b@x.example'", true),
        ("headers['subject'] == 'RECHNUNG Nr. 5'", true),
        ("confidence >= 0.9 && confidence < 1", true),
        ("sizeBytes == 20480 && attachments[0].sizeBytes / 1024 == 10", true),
        ("attachments[0].contents[0].contents == []", true),
        ("headers.date < '2026' && authentication.dmarc == 'pass'", true),
        ("'INBOX' in labelIds", true),
        ("size(headers.to) == 2 && headers.to.size() == 2", true),
        ("string(sizeBytes) == '20480' && int('5') == 5 && double('0.5') == 0.5", true),
        ("bounce == null || report == null", false),
        ("has(list.id) && list.oneClick", true),
        ("category == 'spam' ? true : false", false),
        ("headers.to[2].address == ''", false),
    ] {
        assert_eq!(hits(when, &result), is, "{when}: {:?}", verdict(when, &result));
    }
}

#[test]
fn a_rule_that_misses_says_which_part_of_it_is_false() {
    for (when, part) in [
        ("category == 'transactional' && sizeBytes > 1000000", "sizeBytes > 1000000"),
        (
            "(confidence > 0.5) && (true && headers.subject.contains('x'))",
            "headers.subject.contains('x')",
        ),
        ("category == 'spam' || category ==\n 'list'", "category == 'spam' || category == 'list'"),
        ("!(category == 'transactional')", "!(category == 'transactional')"),
        ("true && attachments.exists(a, a.inline)", "attachments.exists(a, a.inline)"),
        ("true && has(list.id) && !has(list.id)", "!has(list.id)"),
        ("(sizeBytes + 1) * 2 == 3", "(sizeBytes + 1) * 2 == 3"),
        ("headers.to[0].address == 'é' && true", "headers.to[0].address == 'é'"),
        ("list.oneClick ? protection.encrypted : true", "protection.encrypted"),
        ("(headers.subject.size() == 0) && true", "headers.subject.size() == 0"),
        ("'x' in [ref, userId]", "'x' in [ref, userId]"),
        ("true && category in [\n'spam' ]", "category in [ 'spam' ]"),
    ] {
        assert_eq!(verdict(when, &sample()), Verdict::Missed { part: part.to_owned() }, "{when}");
    }
}

#[test]
fn a_rule_that_fails_says_which_part_of_it_does_and_why() {
    for (when, part, why) in [
        ("true && list.id == 'x'", "list.id", "list is null"),
        ("headers.from.address.endsWith('x')", "headers.from.address", "headers.from is null"),
        (
            "headers.inReplyTo.contains('x')",
            "headers.inReplyTo.contains('x')",
            "headers.inReplyTo is null",
        ),
        ("!(calendar.method == 'REQUEST')", "calendar.method", "calendar is null"),
        ("sizeBytes / generation > 1", "sizeBytes / generation", "it divides by zero"),
        ("headers.to[3].address == 'x'", "headers.to[3]", "the list has no such element"),
        ("int(headers.subject) == 1", "int(headers.subject)", "cannot make anything"),
        ("userId < 'x'", "userId < 'x'", "userId is null"),
    ] {
        let Verdict::Failed { part: found, why: said } = verdict(when, &bare()) else {
            panic!("{when}: {:?}", verdict(when, &bare()))
        };
        assert!(found == part && said.contains(why), "{when}: {found}: {said}");
    }
    let Verdict::Failed { part, .. } = verdict("attachments.exists(a, a.filename < 'x')", &{
        let mut result = sample();
        result.attachments[0].filename = None;
        result
    }) else {
        panic!("it holds")
    };
    assert_eq!(part, "attachments.exists(a, a.filename < 'x')");
}

#[test]
fn rules_below_one_that_stops_are_not_asked() {
    let rules = rules(FILE);
    let explained = rules.explain(&sample()).remove(2);
    let stopped = Verdict::NotAsked { stopped_by: "own".to_owned() };
    assert_eq!(explained, Explained { rule: "rest", verdict: stopped });
}

#[test]
fn a_bad_file_names_every_problem_with_its_place() {
    let file = "\
[[rule]]
name = 'a'
when = '''
  category == 'spam' &&
    headers.frm == null
'''
lables = ['x']

[[rule]]
name = 'a'
when = \"true \\u0026& catgory == 'spam'\"
labels = ['']
";
    let expected = [
        "1:1: this rule does nothing: it needs labels, actions, or stop = true",
        "5:13: there is no field 'frm' here; did you mean 'from'?",
        "7:1: a rule has no 'lables'; did you mean 'labels'?",
        "10:8: the rule in line 2 has this name too",
        "11:22: there is no field 'catgory'; did you mean 'category'?",
        "12:11: a label is a text of 1 to 100 bytes on one line",
    ];
    assert_eq!(problems(file), expected);
}

#[test]
fn what_is_no_file_of_rules_is_refused() {
    let many: Vec<_> =
        (0..=RULES).map(|i| format!("[[rule]]\nname='{i}'\nwhen='true'\nlabels=['x']\n")).collect();
    let many = many.concat();
    let labels: Vec<_> = (0..=LABELS).map(|i| format!("'{i}'")).collect();
    let labels = format!("[[rule]]\nname='a'\nwhen='true'\nlabels=[{}]", labels.join(","));
    for (file, problem) in [
        ("", "1:1: there is no [[rule]]"),
        ("rule = 1", "1:1: a rule begins with [[rule]]"),
        ("[[rule]]\nname = 'a", "2:"),
        ("[[rules]]\nname = 'a'", "1:3: there is no setting 'rules'; did you mean 'rule'?"),
        ("[[rule]]\nname = 1\nwhen = 1\nlabels = 1\nstop = 1", "2:8: a name is a text"),
        ("[[rule]]\nstop = true", "1:1: this rule has no"),
        (many.as_str(), "1:1: there are 501 rules, and 500 may be"),
        (labels.as_str(), "4:8: a file has at most 100 different labels"),
    ] {
        assert!(problems(file)[0].starts_with(problem), "{:?}", problems(file));
    }
    assert!(problems(&"#".repeat(300 * 1024))[0].contains("at most"));
    let bad = Rules::parse(b"# \xc3\xa9 \xff").unwrap_err();
    assert_eq!(bad.to_string(), "1:5: this is not UTF-8");
}

/// A file of one rule with these actions.
fn acting(actions: &str) -> String {
    format!("[[rule]]\nname = 'one'\nwhen = 'true'\nactions = {actions}\n")
}

#[test]
fn what_rules_have_done_is_asked_for_in_the_files_order_and_once() {
    let all = "['archive', { label = 'Work/Bills' }, { forward = 'books@example.com', original = 'inline' }, \
               { webhook = 'https://example.com/hook' }, 'mark_read', 'archive']";
    let mut result = bare();
    rules(&acting(all)).apply(&mut result);
    let asked: Vec<_> =
        result.actions.iter().map(|one| (one.kind.as_str(), one.target.as_deref())).collect();
    assert_eq!(
        asked,
        [
            ("archive", None),
            ("label", Some("Work/Bills")),
            ("forward", Some("books@example.com")),
            ("webhook", Some("https://example.com/hook")),
            ("mark_read", None),
        ]
    );
    assert_eq!(result.actions[2].original, Some(CarriedAs::Inline));
    let Verdict::Hit { actions, .. } = rules(&acting(all)).explain(&bare()).remove(0).verdict
    else {
        panic!()
    };
    assert_eq!(actions[2], "forward books@example.com");
}

#[test]
fn an_action_that_is_none_is_told_with_its_place() {
    for (actions, told) in [
        ("'archive'", "4:11: actions are a list: actions = ['archive']"),
        ("[]", "4:11: there is no action in this list"),
        ("['archiv']", "4:12: there is no action 'archiv'; did you mean 'archive'?; an action is"),
        ("[3]", "4:12: an action is 'archive', 'mark_read',"),
        ("[{ lable = 'a' }]", "4:14: an action has no 'lable'; did you mean 'label'?"),
        ("[{ label = 'a', forward = 'b@c.de' }]", "4:12: an action is"),
        ("[{ label = 3 }]", "4:22: what an action is done to is a text"),
        ("[{ label = 'inbox' }]", "4:22: 'inbox' is a label of Gmail's own"),
        ("[{ label = 'CATEGORY_SOCIAL' }]", "4:22: 'CATEGORY_SOCIAL' is a label of Gmail's own"),
        ("[{ label = 'a//b' }]", "4:22: a label of Gmail's is a text of"),
        ("[{ forward = 'nobody' }]", "4:24: 'nobody' is not an address"),
        (
            "[{ forward = \"a@b.de\\r\\nBcc: c@d.de\" }]",
            "4:24: 'a@b.de\\r\\nBcc: c@d.de' is not an address",
        ),
        ("[{ forward = 'a@b.de', original = 'cut' }]", "4:45: original is 'attached' or 'inline'"),
        ("[{ label = 'a', original = 'inline' }]", "4:38: only a forward carries the original"),
        ("[{ webhook = 'ftp://example.com' }]", "4:24: a webhook is an address that begins with"),
        ("[{ webhook = 'http://example.com' }]", "4:24: a webhook's address begins with https://"),
        ("[{ webhook = 'https://a:b@example.com' }]", "4:24: a webhook's address has no user"),
    ] {
        let problems = problems(&acting(actions));
        assert!(
            problems.iter().any(|problem| problem.starts_with(told)),
            "{actions}: {problems:?}"
        );
    }
    let many = format!("[{}]", vec!["'archive'"; 21].join(", "));
    assert_eq!(problems(&acting(&many)), ["4:11: a rule has at most 20 actions"]);
}
