//! One person's way to Google and back: what must come back with them, and what must not leave with them.
//!
//! `state` ties the answer to this browser, `nonce` ties Google's signed word to this request, and the PKCE verifier
//! ties the code to whoever began (<https://www.rfc-editor.org/rfc/rfc9700>).

use std::time::Duration;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use shared::clock::{Chance, Timestamp};

/// How long a person may take at Google.
pub const ATTEMPT_LIFE: Duration = Duration::from_mins(10);

/// An attempt. No `Debug`: whoever has it can finish it.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attempt {
    /// Goes to Google and comes back; used once.
    pub state: String,
    /// Goes to Google and comes back inside the ID token.
    pub nonce: String,
    /// Stays in the cookie until the code is exchanged; only its hash goes to Google before.
    pub verifier: String,
    /// When it began.
    pub began_at: Timestamp,
    /// The connect link it began with. It was good then, and need not be any more: its time may end at Google.
    #[serde(default)]
    pub link: Option<String>,
}

impl Attempt {
    /// A new one; each part is 256 random bits.
    pub fn begin(link: Option<&str>, chance: &Chance, now: Timestamp) -> Self {
        let random = || URL_SAFE_NO_PAD.encode(chance.bytes::<32>());
        Self {
            state: random(),
            nonce: random(),
            verifier: random(),
            began_at: now,
            link: link.map(str::to_owned),
        }
    }

    /// PKCE's `S256` challenge.
    pub fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(digest(&SHA256, self.verifier.as_bytes()))
    }

    /// Whether an answer with this `state` is to this attempt, and in time.
    pub fn is_answered_by(&self, state: &str, now: Timestamp) -> bool {
        let same = verify_slices_are_equal(self.state.as_bytes(), state.as_bytes()).is_ok();
        same && now.since(self.began_at) < ATTEMPT_LIFE
    }

    /// The name under which its use is remembered. A hash, so that who reads the table learns no `state`.
    pub fn mark(&self) -> String {
        format!("consent-{}", hex::encode(digest(&SHA256, self.state.as_bytes())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_challenge_is_that_of_rfc_7636() {
        let attempt = Attempt {
            state: String::new(),
            nonce: String::new(),
            verifier: "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".to_owned(),
            began_at: Timestamp::default(),
            link: None,
        };
        assert_eq!(attempt.challenge(), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }

    #[test]
    fn an_attempt_is_answered_by_its_own_state_within_ten_minutes() {
        let now = Timestamp::from_millis(1_000_000_000);
        let attempt = Attempt::begin(None, &Chance::seeded(1), now);
        let last = now + ATTEMPT_LIFE - Duration::from_millis(1);
        assert!(attempt.is_answered_by(&attempt.state, last));
        assert!(!attempt.is_answered_by(&attempt.state, now + ATTEMPT_LIFE));
        assert!(!attempt.is_answered_by("", now));
        assert!(!attempt.is_answered_by(&attempt.nonce, now));
    }
}
