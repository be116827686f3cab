//! Query parameters, read strictly: what Google does not know, Google refuses.

use std::str::FromStr;

use url::form_urlencoded;

use super::Request;
use crate::errors::ApiError;

/// Parameters that every method takes.
const EVERYWHERE: [&str; 11] = [
    "$.xgafv",
    "access_token",
    "alt",
    "callback",
    "fields",
    "key",
    "oauth_token",
    "prettyPrint",
    "quotaUser",
    "uploadType",
    "upload_protocol",
];

/// The parameters of a request.
#[derive(Debug)]
pub(super) struct Params(Vec<(String, String)>);

impl Params {
    /// Reads a query, or the body of a form.
    pub(super) fn read(query: &[u8]) -> Self {
        Self(form_urlencoded::parse(query).into_owned().collect())
    }

    /// Refuses a parameter that neither the method nor every method has.
    pub(super) fn only(self, known: &[&str]) -> Result<Self, ApiError> {
        let is_known = |name: &str| known.contains(&name) || EVERYWHERE.contains(&name);
        match self.0.iter().find(|(name, _)| !is_known(name)) {
            None => Ok(self),
            Some((name, _)) => Err(ApiError::invalid(format!(
                "Invalid JSON payload received. Unknown name \"{name}\": Cannot bind query \
                 parameter. Field '{name}' could not be found in request message."
            ))),
        }
    }

    /// The value given last.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().rev().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
    }

    /// Every value of a repeated parameter.
    pub(super) fn all(&self, name: &str) -> Vec<String> {
        self.0.iter().filter(|(given, _)| given == name).map(|(_, value)| value.clone()).collect()
    }

    /// A value that must be one of a kind.
    pub(super) fn parsed<T: FromStr>(&self, name: &str, kind: &str) -> Result<Option<T>, ApiError> {
        let parsed =
            self.get(name).map(|text| text.parse().map_err(|_| bad_value(name, kind, text)));
        parsed.transpose()
    }

    /// The size of a page: 100 unless asked, never more than 500.
    pub(super) fn page_size(&self) -> Result<usize, ApiError> {
        let asked = self.parsed::<u32>("maxResults", "TYPE_UINT32")?.filter(|asked| *asked > 0);
        Ok(asked.unwrap_or(100).min(500) as usize)
    }
}

/// A value that is not what the parameter takes.
pub(super) fn bad_value(name: &str, kind: &str, text: &str) -> ApiError {
    ApiError::invalid(format!("Invalid value at '{name}' ({kind}), \"{text}\""))
}

impl Request {
    /// The access token: in the header, or as the parameter that Google takes too.
    pub(super) fn token(&self, params: &Params) -> Option<String> {
        let header = self.authorization.as_deref().and_then(|header| header.split_once(' '));
        let bearer = header.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        let given = || params.get("access_token").or_else(|| params.get("oauth_token"));
        bearer.map(|(_, token)| token.trim()).or_else(given).map(str::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_parameter_is_refused_by_name() {
        let read = |query: &str| Params::read(query.as_bytes()).only(&["q", "maxResults"]);
        assert_eq!(read("q=a%20b&alt=json").unwrap().get("q"), Some("a b"));
        assert!(read("Q=x").unwrap_err().message.contains("\"Q\""));
    }

    #[test]
    fn a_page_has_at_most_500_and_by_default_100() {
        let size = |query: &str| Params::read(query.as_bytes()).page_size();
        assert_eq!(
            (size(""), size("maxResults=9999"), size("maxResults=7")),
            (Ok(100), Ok(500), Ok(7))
        );
        assert_eq!(size("maxResults=many").unwrap_err().code, 400);
    }
}
