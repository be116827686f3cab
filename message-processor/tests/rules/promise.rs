//! What holds for any bytes as a file of rules.

use message_processor::{Rules, Verdict, sample};
use shared::result::MessageResult;

/// Panics where a file breaks the promise: it is refused with places within it, or it answers for every message, and
/// explains the same as it does.
pub(crate) fn is_kept_by(content: &[u8]) {
    match Rules::parse(content) {
        Err(bad) => {
            let lines = content.split(|byte| *byte == b'\n').count();
            assert!(!bad.problems.is_empty());
            for problem in &bad.problems {
                assert!((1..=lines).contains(&problem.line) && problem.column > 0, "{problem}");
                assert!(!problem.what.is_empty(), "{problem}");
            }
        }
        Ok(rules) => {
            for result in [sample(), bare(), full(500)] {
                answers(&rules, &result);
            }
        }
    }
}

fn answers(rules: &Rules, result: &MessageResult) {
    let labels = rules.ask(result).labels;
    let mut explained: Vec<String> = Vec::new();
    for rule in rules.explain(result) {
        match rule.verdict {
            Verdict::Hit { labels, .. } => explained.extend(labels),
            Verdict::Missed { part } => assert!(!part.is_empty()),
            Verdict::Failed { part, why } => assert!(!part.is_empty() && !why.is_empty()),
            Verdict::NotAsked { stopped_by } => assert!(!stopped_by.is_empty()),
        }
    }
    assert!(labels.iter().all(|label| explained.contains(label)), "{labels:?}, {explained:?}");
    assert!(explained.iter().all(|label| labels.contains(label)), "{labels:?}, {explained:?}");
}

/// A message of which nothing is known.
fn bare() -> MessageResult {
    let known = message_processor::Circumstances::default();
    message_processor::understand::<&str>(b"Subject: Hello\n\nYou", &[]).into_result(known)
}

/// A message with so much in each of its lists, which the parser keeps 500 of at most.
pub(crate) fn full(elements: usize) -> MessageResult {
    let mut result = sample();
    result.headers.to = vec![result.headers.to[0].clone(); elements];
    result.headers.cc = result.headers.to.clone();
    result.attachments = vec![result.attachments[0].clone(); elements];
    if let Some(calendar) = &mut result.calendar {
        calendar.attendees = vec!["b@example.com".to_owned(); elements.min(200)];
    }
    result
}
