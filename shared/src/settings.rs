//! The settings, read once, through a lookup that a test can replace. A bad start names every problem at once.

mod forward_targets;
mod rules_file;

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use time::Date;
use time::macros::format_description;

use crate::clock::Timestamp;
use crate::pacing::Pacing;
use crate::scope::Feature;
use crate::secret::ClientSecret;
use crate::webhook::Networks;

pub use self::forward_targets::ForwardTargets;
pub use self::rules_file::{BadAddress, RulesFile, S3Address};

/// Where settings come from: the environment, or a test's own table.
pub struct Env<'a> {
    lookup: &'a dyn Fn(&str) -> Option<String>,
    problems: Vec<Problem>,
}

/// One thing that is wrong with one setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    name: &'static str,
    what: String,
}

/// Everything that is wrong with the settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadSettings(Vec<Problem>);

impl fmt::Display for BadSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bad settings:")?;
        self.0.iter().try_for_each(|problem| write!(f, "\n  {}: {}", problem.name, problem.what))
    }
}

impl std::error::Error for BadSettings {}

impl<'a> Env<'a> {
    /// Settings as `lookup` knows them.
    pub fn new(lookup: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self { lookup, problems: Vec::new() }
    }

    /// The text of a setting; an empty one counts as unset.
    pub fn text(&self, name: &str) -> Option<String> {
        (self.lookup)(name).filter(|text| !text.is_empty())
    }

    /// A setting that must be there.
    pub fn required(&mut self, name: &'static str) -> String {
        self.text(name).unwrap_or_else(|| {
            self.wrong(name, "is not set");
            String::new()
        })
    }

    /// A setting that must be there, read. Its text is not quoted: it may be a secret.
    pub fn needed<T: FromStr<Err: fmt::Display>>(&mut self, name: &'static str) -> Option<T> {
        let text = self.text(name);
        if text.is_none() {
            self.wrong(name, "is not set");
        }
        text?.parse().map_err(|error: T::Err| self.wrong(name, error.to_string())).ok()
    }

    /// A setting read by `parse`, or its default.
    pub fn parsed<T>(
        &mut self,
        name: &'static str,
        default: T,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> T {
        match self.text(name).map(|text| parse(&text)) {
            None => default,
            Some(Ok(value)) => value,
            Some(Err(what)) => {
                self.wrong(name, what);
                default
            }
        }
    }

    /// Notes a problem, to be told with all the others.
    pub fn wrong(&mut self, name: &'static str, what: impl Into<String>) {
        self.problems.push(Problem { name, what: what.into() });
    }

    /// `value`, unless anything was wrong.
    pub fn finish<T>(self, value: T) -> Result<T, BadSettings> {
        if self.problems.is_empty() { Ok(value) } else { Err(BadSettings(self.problems)) }
    }
}

/// What the stages may be set to do. Each default is the one of the README's table.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `MAX_USERS_PER_INVOCATION`: mailboxes that one dispatcher run looks at.
    pub max_users_per_invocation: usize,
    /// `POLL_INTERVAL_MIN`: how often a mailbox with recent mail is asked.
    pub poll_interval_min: Duration,
    /// `POLL_INTERVAL_MAX`: how often a silent one is.
    pub poll_interval_max: Duration,
    /// `BACKFILL`: which mail from before the connection is fetched.
    pub backfill: Backfill,
    /// `FETCH_QUERY`: poll by this search instead of history.
    pub fetch_query: Option<String>,
    /// `GAP_OVERLAP`: how far before the last listing a gap is listed again.
    pub gap_overlap: Duration,
    /// `RETRY_BASE`: the first wait after a failure.
    pub retry_base: Duration,
    /// `KEEP_ORIGINALS`.
    pub keep_originals: bool,
    /// `RESULTS_FORMAT`.
    pub results_format: ResultsFormat,
    /// `RESULTS_INDEX`: whether each result is noted in the index.
    pub results_index: bool,
    /// `EVENT_DATA`.
    pub event_data: EventData,
    /// `MAX_MESSAGE_BYTES`: above this a message is not read.
    pub max_message_bytes: usize,
    /// `QUOTA_PRICES`, as the blocks in which fetching is paced.
    pub pacing: Pacing,
    /// `CONNECT_LINKS`.
    pub connect_links: ConnectLinks,
    /// `FEATURES`: what is switched on beside reading mail, and therefore asked for.
    pub features: BTreeSet<Feature>,
    /// `RULES_FILE`: where the operator's rules lie.
    pub rules_file: Option<RulesFile>,
    /// `FORWARD_TARGETS`: whom rules may forward to.
    pub forward_targets: ForwardTargets,
    /// `WEBHOOK_NETWORKS`: private networks that webhooks may lead into.
    pub webhook_networks: Networks,
    /// `STACK_NAME`: the source of our events.
    pub stack: String,
}

/// Which mail from before the connection is fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Backfill {
    /// What is unread.
    Unread,
    /// None of it.
    None,
    /// All of it.
    All,
    /// What came since this moment.
    Since(Timestamp),
}

/// Who may connect a mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectLinks {
    /// Whoever finds the page.
    Open,
    /// Whoever was given a connect link.
    Required,
}

/// How results are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResultsFormat {
    /// An object for each.
    Json,
    /// An object for those of a job, a line for each.
    Packed,
}

/// What an event carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventData {
    /// Ids, category and where the result is.
    Summary,
    /// The result too, up to 200 KB.
    Full,
}

impl Settings {
    /// Reads them all; problems are left in `env`.
    pub fn read(env: &mut Env<'_>) -> Self {
        let settings = Self {
            max_users_per_invocation: env.parsed("MAX_USERS_PER_INVOCATION", 10_000, count),
            poll_interval_min: env.parsed("POLL_INTERVAL_MIN", Duration::from_mins(5), duration),
            poll_interval_max: env.parsed("POLL_INTERVAL_MAX", Duration::from_mins(40), duration),
            backfill: env.parsed("BACKFILL", Backfill::Unread, backfill),
            fetch_query: env.text("FETCH_QUERY"),
            gap_overlap: env.parsed("GAP_OVERLAP", Duration::from_mins(10), duration),
            retry_base: env.parsed("RETRY_BASE", Duration::from_secs(30), duration),
            keep_originals: env.parsed("KEEP_ORIGINALS", true, boolean),
            results_format: env.parsed("RESULTS_FORMAT", ResultsFormat::Json, results_format),
            results_index: env.parsed("RESULTS_INDEX", false, switch),
            event_data: env.parsed("EVENT_DATA", EventData::Summary, event_data),
            max_message_bytes: env.parsed("MAX_MESSAGE_BYTES", 50 << 20, bytes),
            pacing: env.parsed("QUOTA_PRICES", Pacing::MAY_2026, quota_prices),
            connect_links: env.parsed("CONNECT_LINKS", ConnectLinks::Open, connect_links),
            features: env.parsed("FEATURES", BTreeSet::new(), features),
            rules_file: env.parsed("RULES_FILE", None, rules_file),
            forward_targets: env.parsed("FORWARD_TARGETS", ForwardTargets::default(), str::parse),
            webhook_networks: env.parsed("WEBHOOK_NETWORKS", Networks::default(), str::parse),
            stack: env.parsed("STACK_NAME", "local".to_owned(), stack),
        };
        if settings.poll_interval_max < settings.poll_interval_min {
            env.wrong("POLL_INTERVAL_MAX", "is shorter than POLL_INTERVAL_MIN");
        }
        settings
    }
}

/// Our OAuth client, as Google knows it.
#[derive(Debug)]
pub struct OAuthClient {
    /// `GOOGLE_CLIENT_ID`.
    pub id: String,
    /// `GOOGLE_CLIENT_SECRET`.
    pub secret: ClientSecret,
    /// `OAUTH_REDIRECT_URI`.
    pub redirect_uri: String,
}

impl OAuthClient {
    /// Reads it; problems are left in `env`. `default_redirect` is where `serve` itself listens.
    pub fn read(env: &mut Env<'_>, default_redirect: &str) -> Self {
        let id = env.required("GOOGLE_CLIENT_ID");
        let secret = ClientSecret::new(env.required("GOOGLE_CLIENT_SECRET"));
        let redirect_uri = redirect_uri_or(env, default_redirect);
        Self { id, secret, redirect_uri }
    }
}

/// `OAUTH_REDIRECT_URI`, or `default`; a problem is left in `env`.
pub fn redirect_uri_or(env: &mut Env<'_>, default: &str) -> String {
    env.parsed("OAUTH_REDIRECT_URI", default.to_owned(), checked_redirect_uri)
}

/// `OAUTH_REDIRECT_URI`, where nothing else says it: a problem is left in `env`.
pub fn redirect_uri(env: &mut Env<'_>) -> String {
    let text = env.required("OAUTH_REDIRECT_URI");
    if !text.is_empty()
        && let Err(what) = checked_redirect_uri(&text)
    {
        env.wrong("OAUTH_REDIRECT_URI", what);
    }
    text
}

fn count(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err(format!("'{text}' is not a number from 1")),
        Ok(count) => Ok(count),
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(length) if !length.is_zero() => Ok(length),
        Ok(_) | Err(_) => {
            Err(format!("'{text}' is not a duration with its unit, such as 30s, 5m or 2h"))
        }
    }
}

fn boolean(text: &str) -> Result<bool, String> {
    text.parse().map_err(|_| format!("'{text}' is neither true nor false"))
}

fn bytes(text: &str) -> Result<usize, String> {
    let (digits, unit) =
        text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let unit = match unit.trim() {
        "" => Some(1),
        "KiB" => Some(1 << 10),
        "MiB" => Some(1 << 20),
        _ => None,
    };
    let size =
        digits.parse::<usize>().ok().zip(unit).and_then(|(size, unit)| size.checked_mul(unit));
    size.filter(|size| *size > 0)
        .ok_or_else(|| format!("'{text}' is not a size such as 1048576, 512KiB or 50MiB"))
}

fn backfill(text: &str) -> Result<Backfill, String> {
    let day = format_description!("[year]-[month]-[day]");
    match text {
        "unread" => Ok(Backfill::Unread),
        "none" => Ok(Backfill::None),
        "all" => Ok(Backfill::All),
        other => other
            .strip_prefix("since:")
            .and_then(|date| Date::parse(date, day).ok())
            .map(|date| {
                Backfill::Since(Timestamp::from_millis(
                    date.midnight().assume_utc().unix_timestamp() * 1000,
                ))
            })
            .ok_or_else(|| format!("'{text}' is none of unread, none, all, since:YYYY-MM-DD")),
    }
}

fn results_format(text: &str) -> Result<ResultsFormat, String> {
    match text {
        "json" => Ok(ResultsFormat::Json),
        "packed" => Ok(ResultsFormat::Packed),
        _ => Err(format!("'{text}' is neither json nor packed")),
    }
}

fn switch(text: &str) -> Result<bool, String> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err(format!("'{text}' is neither on nor off")),
    }
}

fn event_data(text: &str) -> Result<EventData, String> {
    match text {
        "summary" => Ok(EventData::Summary),
        "full" => Ok(EventData::Full),
        _ => Err(format!("'{text}' is neither summary nor full")),
    }
}

fn connect_links(text: &str) -> Result<ConnectLinks, String> {
    match text {
        "open" => Ok(ConnectLinks::Open),
        "required" => Ok(ConnectLinks::Required),
        _ => Err(format!("'{text}' is neither open nor required")),
    }
}

fn features(text: &str) -> Result<BTreeSet<Feature>, String> {
    let feature = |word: &str| word.trim().parse().map_err(|error| format!("'{word}': {error}"));
    text.split(',').map(feature).collect()
}

fn quota_prices(text: &str) -> Result<Pacing, String> {
    match text {
        "2026-05" => Ok(Pacing::MAY_2026),
        "legacy" => Ok(Pacing::LEGACY),
        _ => Err(format!("'{text}' is neither 2026-05 nor legacy")),
    }
}

fn rules_file(text: &str) -> Result<Option<RulesFile>, String> {
    text.parse().map(Some).map_err(|bad: BadAddress| bad.to_string())
}

fn stack(text: &str) -> Result<String, String> {
    let safe = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if text.len() <= 128 && text.chars().all(safe) {
        Ok(text.to_owned())
    } else {
        Err("may hold letters, digits and - only, at most 128".to_owned())
    }
}

fn checked_redirect_uri(text: &str) -> Result<String, String> {
    let address =
        url::Url::parse(text).map_err(|error| format!("'{text}' is not an address: {error}"))?;
    let loopback = matches!(address.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"));
    match address.scheme() {
        "https" => Ok(text.to_owned()),
        "http" if loopback => Ok(text.to_owned()),
        _ => Err(format!(
            "'{text}' is neither https nor http on this machine; Google refuses it too"
        )),
    }
}

#[cfg(test)]
mod tests;
