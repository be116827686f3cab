//! A bad start, and the defaults.

use super::*;

fn read(pairs: &[(&str, &str)]) -> Result<(Settings, OAuthClient), BadSettings> {
    let lookup = |name: &str| {
        pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
    };
    let mut env = Env::new(&lookup);
    let settings = Settings::read(&mut env);
    let client = OAuthClient::read(&mut env, "http://127.0.0.1:8080/oauth2callback");
    env.finish((settings, client))
}

#[test]
fn a_bad_start_names_every_problem() {
    let error = read(&[
        ("GOOGLE_CLIENT_ID", "id"),
        ("POLL_INTERVAL_MIN", "5"),
        ("BACKFILL", "some"),
        ("MAX_MESSAGE_BYTES", "much"),
        ("CONNECT_LINKS", "yes"),
        ("RESULTS_FORMAT", "parquet"),
        ("RESULTS_INDEX", "true"),
        ("FEATURES", "labels,all"),
        ("OAUTH_REDIRECT_URI", "http://example.com/oauth2callback"),
    ])
    .unwrap_err()
    .to_string();
    for name in [
        "GOOGLE_CLIENT_SECRET",
        "POLL_INTERVAL_MIN",
        "BACKFILL",
        "MAX_MESSAGE_BYTES",
        "CONNECT_LINKS",
        "RESULTS_FORMAT",
        "RESULTS_INDEX",
        "FEATURES",
        "OAUTH_REDIRECT_URI",
    ] {
        assert!(error.contains(name), "{name} is missing in: {error}");
    }
    assert!(!error.contains("GOOGLE_CLIENT_ID"), "{error}");
}

#[test]
fn the_defaults_are_those_of_the_design() {
    let (settings, client) =
        read(&[("GOOGLE_CLIENT_ID", "id"), ("GOOGLE_CLIENT_SECRET", "s")]).unwrap();
    assert_eq!(settings.poll_interval_max, Duration::from_mins(40));
    assert_eq!(
        (settings.backfill, settings.max_message_bytes),
        (Backfill::Unread, 50 * 1024 * 1024)
    );
    assert_eq!((settings.results_format, settings.results_index), (ResultsFormat::Json, false));
    assert_eq!((settings.connect_links, settings.features), (ConnectLinks::Open, [].into()));
    assert_eq!(client.redirect_uri, "http://127.0.0.1:8080/oauth2callback");
}

#[test]
fn people_are_sent_back_over_https_or_not_off_this_machine() {
    for good in [
        "https://fanmail.example.org/oauth2callback",
        "http://127.0.0.1:8080/oauth2callback",
        "http://localhost/oauth2callback",
        "http://[::1]:8080/oauth2callback",
    ] {
        assert!(checked_redirect_uri(good).is_ok(), "{good}");
    }
    for bad in [
        "http://fanmail.example.org/oauth2callback",
        "http://127.0.0.1.example.org/oauth2callback",
        "http://localhost@example.org/oauth2callback",
        "http://localhost.example.org/oauth2callback",
        "http://10.0.0.1/oauth2callback",
        "http://0.0.0.0:8080/oauth2callback",
        "ftp://127.0.0.1/oauth2callback",
        "//127.0.0.1/oauth2callback",
        "/oauth2callback",
    ] {
        assert!(checked_redirect_uri(bad).is_err(), "{bad}");
    }
}

#[test]
fn features_are_named_one_after_another() {
    let both = BTreeSet::from([Feature::Labels, Feature::Forwarding]);
    assert_eq!(features("forwarding, labels"), Ok(both));
    assert_eq!(features("labels"), Ok(BTreeSet::from([Feature::Labels])));
    assert!(features("labels,").is_err() && features("Labels").is_err());
}

#[test]
fn a_backfill_may_start_at_a_day() {
    let since = backfill("since:2026-01-02").unwrap();
    assert_eq!(since, Backfill::Since("2026-01-02T00:00:00Z".parse().unwrap()));
    assert!(backfill("since:02.01.2026").is_err());
}
