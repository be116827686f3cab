//! What strangers may send: Google's answers, the queues' bodies, a browser's questions. Each promise stands in a file of
//! its own; here ordinary tests try to break it with mutated samples, and `fuzz/` with coverage to guide it.

mod callback;
mod google_json;
mod jobs;
#[path = "../../message-processor/tests/mail/mutation.rs"]
mod mutation;

use std::fs;
use std::path::Path;

use proptest::prelude::*;

use self::mutation::mutated;

/// The samples from which the fuzzer starts too.
fn samples(kind: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds").join(kind);
    let mut paths: Vec<_> =
        fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

fn tries(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

#[test]
fn the_samples_are_what_google_and_we_ourselves_write() {
    use shared::google::json;
    use shared::jobs::{MessageJob, UserJob, decode};
    let takes = |body: &[u8]| {
        [
            json::profile(body).is_ok(),
            json::history_page(body).is_ok(),
            json::list_page(body).is_ok(),
            json::message(body, 1_000).is_ok(),
            json::token_answer(body).is_ok(),
            json::key_set(body.to_vec()).is_ok(),
            !json::refusal(body).words.is_empty(),
        ]
    };
    // Where everything may be absent, a list is anything.
    let google = samples("google_json")
        .iter()
        .filter(|body| takes(body).iter().filter(|taken| **taken).count() > 1)
        .count();
    assert!(google >= 7, "{google}");
    let jobs = samples("jobs");
    let text = |body: &Vec<u8>| String::from_utf8(body.clone()).unwrap();
    let jobs: Vec<_> = jobs.iter().map(text).collect();
    let user = jobs.iter().filter(|body| decode::<UserJob>(body).is_ok()).count();
    let message = jobs.iter().filter(|body| decode::<MessageJob>(body).is_ok()).count();
    assert_eq!((user, message, jobs.len()), (4, 2, 10));
}

proptest! {
    #![proptest_config(tries(5_000))]

    #[test]
    fn whatever_answers_for_google_is_taken_or_refused_in_our_words(body in mutated(samples("google_json"))) {
        google_json::is_kept_by(&body);
    }

    #[test]
    fn whatever_a_queue_hands_out_is_a_job_or_a_dead_letter(body in mutated(samples("jobs"))) {
        jobs::is_kept_by(&String::from_utf8_lossy(&body));
    }
}

proptest! {
    #![proptest_config(tries(1_000))]

    #[test]
    fn whatever_a_browser_asks_it_gets_a_page_of_ours(query in mutated(samples("callback"))) {
        callback::is_kept_by(&query);
    }
}
