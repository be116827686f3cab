use super::*;
use crate::disposition::{GoogleFailure, delegation_failure};
use crate::reason::PauseReason;
use crate::store::StoreError;

/// What each refusal is taken for, and what it then means for a mailbox. None of it is ever a dead grant.
#[test]
fn each_refusal_is_the_domains_the_accounts_or_ours_and_never_its_owners() {
    let policy = GoogleFailure::Pause(PauseReason::DomainPolicy);
    let gone = GoogleFailure::Pause(PauseReason::AddressGone);
    let ours = GoogleFailure::OurServiceAccount;
    let table = [
        ("unauthorized_client", "Client is unauthorized to retrieve access tokens", policy),
        ("access_denied", "Requested client not authorized.", policy),
        ("invalid_scope", "", policy),
        ("admin_policy_enforced", "", policy),
        ("invalid_grant", "Invalid email or User ID", gone),
        ("invalid_grant", "Not a valid email.", gone),
        ("invalid_request", "Invalid impersonation &quot;sub&quot; field.", gone),
        ("invalid_request", "Invalid impersonation prn email address.", gone),
        ("invalid_grant", "Invalid JWT: Token must be a short-lived token (60 minutes)", ours),
        ("invalid_grant", "Invalid JWT Signature.", ours),
        ("invalid_grant", "Invalid grant: account not found", ours),
        ("invalid_grant", "Robot is disabled.", ours),
        ("unsupported_grant_type", "", ours),
        ("invalid_client", "", ours),
        ("disabled_client", "", ours),
        ("deleted_client", "", ours),
        ("org_internal", "", ours),
        ("slow_down", "", GoogleFailure::Patience(None)),
        ("server_error", "", GoogleFailure::Passing),
        ("a_new_word", "", GoogleFailure::Passing),
        ("a_new_word", "Invalid email or User ID", GoogleFailure::Passing),
    ];
    for (word, text, meaning) in table {
        let error = DelegationError::of(word, text, 400, None);
        assert_eq!(delegation_failure(&error), meaning, "{word}: {text}");
        assert!(text.is_empty() || !error.to_string().contains(text), "{error}");
    }
    assert_eq!(
        delegation_failure(&DelegationError::of("odd", "", 429, None)),
        GoogleFailure::Patience(None)
    );
}

/// Only a person ends a pause: a text that resembles one which we know is not taken for it.
#[test]
fn a_text_that_we_do_not_know_neither_pauses_a_mailbox_nor_holds_a_fleet() {
    let texts = [
        "",
        "Bad Request",
        "Invalid email or User ID of the issuer",
        "The email of this account must be verified",
        "Not a valid email or user ID.",
        "Unknown user id",
        "The account has been deleted",
        "Token has been expired or revoked.",
        "reauth related error (invalid_rapt)",
    ];
    for (word, text) in
        texts.iter().flat_map(|text| ["invalid_grant", "invalid_request"].map(|word| (word, text)))
    {
        let error = DelegationError::of(word, text, 400, None);
        assert!(matches!(error, DelegationError::Unheard { .. }), "{word}: {text}: {error:?}");
        assert_eq!(delegation_failure(&error), GoogleFailure::Passing, "{word}: {text}");
    }
}

#[test]
fn what_google_did_not_say_is_ours_or_passes() {
    let store = StoreError::Broken { doing: "testing", source: "no".into() };
    let table = [
        (DelegationError::NoKey, GoogleFailure::OurServiceAccount),
        (DelegationError::Credentials(store), GoogleFailure::Passing),
        (DelegationError::Backend { status: 503 }, GoogleFailure::Passing),
        (DelegationError::Unreachable { cause: "no".into() }, GoogleFailure::Passing),
        (DelegationError::Malformed { cause: "no".into() }, GoogleFailure::Passing),
    ];
    for (error, meaning) in table {
        assert_eq!(delegation_failure(&error), meaning, "{error}");
    }
}
