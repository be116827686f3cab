//! Searches and the trees they read into.

use super::*;

fn now() -> Timestamp {
    "2026-05-01T12:00:00Z".parse().unwrap()
}

fn parse(text: &str) -> Query {
    Query::parse(text, now()).unwrap()
}

fn words(text: &str) -> Query {
    Query::Is(Test::Words(text.to_owned()))
}

fn from(text: &str) -> Query {
    Query::Is(Test::From(text.to_owned()))
}

fn not(query: Query) -> Query {
    Query::Not(Box::new(query))
}

const UNREAD: Query = Query::Is(Test::Has(LabelId::UNREAD));

#[test]
fn an_empty_search_finds_everything() {
    assert_eq!(parse(""), Query::All(vec![]));
    assert_eq!(parse("  "), Query::All(vec![]));
}

#[test]
fn side_by_side_means_both() {
    assert_eq!(parse("is:unread hello"), Query::All(vec![UNREAD, words("hello")]));
    assert_eq!(parse("is:unread AND hello"), parse("is:unread hello"));
}

#[test]
fn or_binds_closer_than_standing_side_by_side() {
    let either = Query::Any(vec![from("amy"), from("david")]);
    assert_eq!(parse("from:amy OR from:david"), either);
    let and_unread = Query::All(vec![either.clone(), UNREAD]);
    assert_eq!(parse("from:amy OR from:david is:unread"), and_unread);
    assert_eq!(parse("{from:amy from:david}"), either);
    assert_eq!(parse("or ORDER"), Query::All(vec![words("or"), words("ORDER")]));
}

#[test]
fn a_minus_negates_words_operators_and_groups() {
    assert_eq!(parse("-is:unread"), not(UNREAD));
    assert_eq!(parse("-spam"), not(words("spam")));
    assert_eq!(parse("-(a b)"), not(Query::All(vec![words("a"), words("b")])));
    assert_eq!(parse("well-known"), words("well-known"));
    assert_eq!(parse("is:read"), parse("-is:unread"));
}

#[test]
fn an_operator_spreads_over_its_group() {
    assert_eq!(parse("from:(amy david)"), Query::All(vec![from("amy"), from("david")]));
    assert_eq!(parse("from:{amy david}"), parse("from:(amy OR david)"));
    assert_eq!(parse("from:\"Amy Pond\""), from("Amy Pond"));
    assert_eq!(parse("from:(amy) bob"), Query::All(vec![from("amy"), words("bob")]));
}

#[test]
fn quotes_keep_words_together_and_operators_apart() {
    assert_eq!(parse("\"dinner and a movie\""), words("dinner and a movie"));
    assert_eq!(parse("\"is:unread\""), words("is:unread"));
}

#[test]
fn a_date_is_midnight_pacific_and_digits_are_seconds() {
    let midnight: Timestamp = "2026-01-15T08:00:00Z".parse().unwrap();
    let after = Query::Is(Test::After(midnight.millis()));
    assert_eq!(parse("after:2026/01/15"), after);
    assert_eq!(parse(&format!("after:{}", midnight.seconds())), after);
    let day_ago = now().millis() - 86_400_000;
    assert_eq!(parse("newer_than:1d"), Query::Is(Test::After(day_ago)));
    assert_eq!(parse("older_than:1d"), Query::Is(Test::Before(day_ago)));
}

#[test]
fn a_message_id_is_found_with_and_without_its_brackets() {
    let id = Query::Is(Test::MessageId("a.b@c".to_owned()));
    assert_eq!(parse("rfc822msgid:<a.b@c>"), id);
    assert_eq!(parse("rfc822msgid:a.b@c"), id);
}

#[test]
fn an_unknown_operator_or_value_is_an_error() {
    let error = |text| Query::parse(text, now()).unwrap_err();
    assert_eq!(error("form:amy"), QueryError::UnknownOperator("form".to_owned()));
    for bad in ["is:red", "in:nowhere", "after:soon", "after:2026/13/01", "has:fun", "from:"] {
        let operator = bad.split(':').next().unwrap().to_owned();
        assert_eq!(error(bad), QueryError::BadValue(operator), "{bad}");
    }
}

#[test]
fn what_does_not_close_is_an_error() {
    for bad in ["(a", "a)", "{a", "\"a", "from:(a", "(a}", "a OR", "-"] {
        assert_eq!(Query::parse(bad, now()), Err(QueryError::Unbalanced), "{bad}");
    }
    assert_eq!(Query::parse(&"(".repeat(10_000), now()), Err(QueryError::TooDeep));
}

#[test]
fn spam_is_shown_only_to_whoever_asks_for_it() {
    for asked in ["in:spam", "in:anywhere", "label:trash", "x OR in:trash"] {
        assert!(parse(asked).asks_for_hidden(), "{asked}");
    }
    for not_asked in ["", "is:unread", "-in:spam", "label:work"] {
        assert!(!parse(not_asked).asks_for_hidden(), "{not_asked}");
    }
}
