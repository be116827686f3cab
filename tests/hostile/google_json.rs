//! What holds for whatever answers in Google's place.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use shared::google::json::{self, Misfit};

/// What a message may have, for this test.
const LIMIT: usize = 10_000;

/// All that a misfit may be made of, beside the place in a list. Anything else would be Google's, or a person's.
const VOCABULARY: &str = "emailAddress historyId history messagesAdded message id labelIds nextPageToken messages \
    threadId internalDate raw access_token expires_in scope token_type refresh_token id_token keys \
    is missing not what it should be JSON UTF the documented object goes on after its end cut off too long base url a \
    number of milliseconds";

/// Panics where an answer breaks the promise.
pub(crate) fn is_kept_by(body: &[u8]) {
    let is_json = serde_json::from_slice::<serde::de::IgnoredAny>(body).is_ok();
    let taken = [
        read(json::profile(body), |profile| drop(profile.history_id.to_string())),
        read(json::history_page(body), |page| {
            page.added.iter().for_each(|added| word(added.id.as_str()));
            page.next.iter().for_each(|token| assert!((1..=4096).contains(&token.0.len())));
        }),
        read(json::list_page(body), |page| {
            page.ids.iter().for_each(|id| word(id.as_str()));
            page.next.iter().for_each(|token| assert!((1..=4096).contains(&token.0.len())));
        }),
        read(json::message(body, LIMIT), |message| {
            if let Some(message) = message {
                is_whole(&message, body);
            }
        }),
        read(json::token_answer(body), |answer| {
            sendable(answer.access_token.bearer());
            answer.refresh_token.iter().for_each(|token| sendable(token.for_google()));
            assert!((1..=86_400).contains(&answer.expires_in.as_secs()));
        }),
        read(json::key_set(body.to_vec()), |keys| assert_eq!(keys.as_bytes(), body)),
    ];
    assert!(is_json || taken == [false; 6], "taken, and no JSON");
    refused(body);
}

/// Whether it was taken; what was not taken says why in our own words alone.
fn read<T>(answer: Result<T, Misfit>, promise: impl FnOnce(T)) -> bool {
    match answer {
        Ok(answer) => promise(answer),
        Err(Misfit(cause)) => {
            let between = |c: char| !c.is_ascii_alphabetic() && c != '_';
            let known = |word: &str| VOCABULARY.split_whitespace().any(|known| known == word);
            let stranger = cause.split(between).find(|word| !word.is_empty() && !known(word));
            assert_eq!(stranger, None, "{cause}");
            return false;
        }
    }
    true
}

fn is_whole(message: &shared::google::RawMessage, body: &[u8]) {
    word(message.id.as_str());
    message.thread_id.iter().for_each(|id| word(id.as_str()));
    assert!(message.raw.len() <= LIMIT);
    let encoded = URL_SAFE_NO_PAD.encode(&message.raw);
    let json: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    if let Some(raw) = json["raw"].as_str() {
        assert_eq!(raw.trim_end_matches('='), encoded, "every byte of it");
    }
}

/// What may stand in a path.
fn word(id: &str) {
    let plain = id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    assert!(plain && (1..=128).contains(&id.len()), "{id:?}");
}

/// What may stand in a header and in a form.
fn sendable(token: &str) {
    assert!(!token.is_empty() && token.bytes().all(|b| b.is_ascii_graphic()));
}

/// Words that an error may carry on, and nothing that could be a secret.
fn refused(body: &[u8]) {
    let refusal = json::refusal(body);
    for word in refusal.words.iter().chain(&refusal.subtype) {
        let plain = word.bytes().all(|b| b.is_ascii_alphabetic() || b == b'_');
        assert!(plain && (1..=48).contains(&word.len()), "{word:?}");
    }
}
