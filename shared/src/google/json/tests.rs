use super::*;

/// Anything of this in an error would be a leak.
const PRIVATE: &str = "marker-7f3a";

fn cause<T>(read: Result<T, Misfit>) -> String {
    let Err(Misfit(cause)) = read else { panic!("it was taken") };
    assert!(!cause.contains(PRIVATE), "{cause}");
    cause
}

fn raw(encoded: &str) -> Result<Vec<u8>, Misfit> {
    let body = format!(r#"{{"id":"a","internalDate":"1","raw":"{encoded}"}}"#);
    message(body.as_bytes(), 1000).map(|whole| whole.map(|m| m.raw).unwrap_or_default())
}

#[test]
fn a_misfit_names_the_field_and_never_its_content() {
    let history = |message: &str| {
        let body = format!(
            r#"{{"historyId":"9","history":[{{}},{{"messagesAdded":[{{"message":{message}}}]}}]}}"#
        );
        cause(history_page(body.as_bytes()))
    };
    let at = "history[1].messagesAdded[0].message";
    assert_eq!(history("{}"), format!("{at}.id is missing"));
    for bad in
        [r#""../marker-7f3a""#, r#""marker-7f3a.x""#, r#""""#, "7", "null", r#"["marker-7f3a"]"#]
    {
        let told = history(&format!(r#"{{"id":{bad}}}"#));
        assert_eq!(told, format!("{at}.id is not what it should be"));
    }
    for bad in [r#""-1""#, r#""18446744073709551616""#, r#""marker-7f3a""#, "5", "-5", "1e400000"] {
        let told =
            cause(profile(format!(r#"{{"emailAddress":"x","historyId":{bad}}}"#).as_bytes()));
        let expected = ["historyId is not what it should be", "not JSON"];
        assert_eq!(told, expected[usize::from(bad == "1e400000")], "{bad}");
    }
    assert_eq!(cause(profile(br#"{"historyId":"1"}"#)), "emailAddress is missing");
    assert_eq!(cause(profile(br#""marker-7f3a""#)), "not the documented object");
    assert_eq!(cause(profile(b"<html>marker-7f3a")), "not JSON");
    assert_eq!(cause(profile(b"")), "the JSON is cut off");
    assert_eq!(cause(list_page(br#"{"messages":{}}"#)), "messages is not what it should be");
    assert_eq!(cause(list_page(br"{} {}")), "the JSON goes on after its end");
}

#[test]
fn an_answer_that_is_cut_anywhere_is_refused() {
    let whole =
        br#"{"id":"18f","threadId":"18e","labelIds":["INBOX"],"internalDate":"1","raw":"SGk"}"#;
    assert!(message(whole, 10).is_ok());
    for end in 0..whole.len() {
        assert_eq!(cause(message(&whole[..end], 10)), "the JSON is cut off", "after {end} bytes");
    }
}

#[test]
fn a_page_without_history_or_messages_is_an_empty_page() {
    let page = history_page(br#"{"historyId":"12","nextPageToken":"n"}"#).unwrap();
    assert_eq!((page.added, page.next), (vec![], Some(PageToken("n".into()))));
    let page = list_page(br#"{"resultSizeEstimate":0}"#).unwrap();
    assert_eq!(page, ListPage { ids: vec![], next: None });
}

#[test]
fn an_empty_page_token_ends_the_listing_and_a_huge_one_is_refused() {
    assert_eq!(list_page(br#"{"nextPageToken":""}"#).unwrap().next, None);
    let huge = format!(r#"{{"nextPageToken":"{}"}}"#, "x".repeat(LONGEST_PAGE_TOKEN + 1));
    assert_eq!(cause(list_page(huge.as_bytes())), "nextPageToken is too long");
}

#[test]
fn history_gives_every_added_message_once_per_mention_and_nothing_else() {
    let page = history_page(
        br#"{"historyId":"12","history":[
            {"id":"10","messages":[{"id":"zz"}],"messagesAdded":[{"message":{"id":"a1","threadId":"t","labelIds":["INBOX"]}}]},
            {"id":"11","labelsAdded":[{"message":{"id":"b2"},"labelIds":["X"]}]},
            {"id":"12","messagesAdded":[{"message":{"id":"a1"}}]}]}"#,
    )
    .unwrap();
    let a1: MessageId = "a1".parse().unwrap();
    let labelled = Added { id: a1.clone(), label_ids: Some(vec!["INBOX".into()]) };
    assert_eq!(page.added, [labelled, Added { id: a1, label_ids: None }]);
}

#[test]
fn raw_is_read_with_and_without_padding_and_when_the_padding_is_escaped() {
    for encoded in ["_-8", "_-8=", r"_-8\u003d"] {
        assert_eq!(raw(encoded), Ok(vec![0xff, 0xef]), "{encoded}");
    }
    assert_eq!(raw(""), Ok(vec![]));
    for bad in ["+/8", "a", "_-8==", "=", "_-=8", "_ -8", "äää"] {
        assert_eq!(raw(bad), Err(Misfit("raw is not base64url".into())), "{bad}");
    }
}

#[test]
fn raw_is_borrowed_from_the_body() {
    let wire: MessageJson<'_> = parse(br#"{"id":"a","internalDate":"1","raw":"SGk"}"#).unwrap();
    assert!(matches!(wire.raw, Cow::Borrowed("SGk")));
}

#[test]
fn a_message_of_exactly_the_limit_is_taken_and_one_byte_more_is_not() {
    for length in 0..12 {
        let encoded = BASE64URL.encode(vec![7; length]);
        let body = format!(r#"{{"id":"a","internalDate":"1","raw":"{encoded}"}}"#);
        assert!(message(body.as_bytes(), length).unwrap().is_some(), "{length}");
        if let Some(less) = length.checked_sub(1) {
            assert!(message(body.as_bytes(), less).unwrap().is_none(), "{length}");
        }
    }
}

#[test]
fn an_internal_date_may_be_old_but_not_out_of_time() {
    let date = |text: &str| internal_date(text).map(|date| date.to_string());
    assert_eq!(date("-86400000"), Ok("1969-12-31T00:00:00.000Z".into()));
    for bad in ["", "x", "1.5", "999999999999999999", "99999999999999999999999", "-999999999999999"]
    {
        assert!(date(bad).is_err(), "{bad}");
    }
}

#[test]
fn a_token_answer_is_refused_by_the_field_that_is_wrong() {
    let answer = |field: &str, value: &str| {
        let mut json: Value = serde_json::from_str(
            r#"{"access_token":"ya29.marker-7f3a","expires_in":3599,"token_type":"Bearer"}"#,
        )
        .unwrap();
        json[field] = serde_json::from_str(value).unwrap();
        token_answer(json.to_string().as_bytes())
    };
    assert!(answer("scope", r#""openid  email""#).is_ok_and(|a| a.scopes == ["openid", "email"]));
    assert!(answer("token_type", r#""bearer""#).is_ok());
    let wrong = [
        ("access_token", r#""""#),
        ("access_token", r#""marker-7f3a\r\nX: y""#),
        ("access_token", "null"),
        ("refresh_token", r#""marker 7f3a""#),
        ("refresh_token", "5"),
        ("expires_in", "-1"),
        ("expires_in", "0"),
        ("expires_in", "86401"),
        ("expires_in", r#""marker-7f3a""#),
        ("token_type", r#""marker-7f3a""#),
        ("scope", r#"["marker-7f3a"]"#),
        ("id_token", "{}"),
    ];
    for (field, value) in wrong {
        let told = cause(answer(field, value));
        assert_eq!(told, format!("{field} is not what it should be"), "{value}");
    }
    assert_eq!(cause(token_answer(br#"{"expires_in":1}"#)), "access_token is missing");
}

#[test]
fn a_word_that_could_be_anything_else_is_left_out_of_a_refusal() {
    let body = br#"{"error":{"errors":[{"reason":"ya29.marker-7f3a"},{"reason":"notFound"}],"status":"a b"}}"#;
    assert_eq!(refusal(body).words, ["notFound"]);
    assert_eq!(refusal(br#"{"error":"someone@example.org"}"#), Refusal::default());
    for no_refusal in [&b""[..], b"[]", b"null", b"<html>", br#"{"error":7}"#, b"\xff\xff"] {
        assert_eq!(refusal(no_refusal), Refusal::default());
    }
}
