//! `RULES_FILE`: where the operator's rules lie.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// The longest key of an object, in bytes (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html>).
const KEY_BYTES: usize = 1024;

/// Where the rules lie: each side reads one of them, and refuses the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RulesFile {
    /// A file of this machine.
    Local(PathBuf),
    /// An object, for a stack.
    S3(S3Address),
}

/// An object in S3. Outside it is `s3://BUCKET/KEY`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct S3Address {
    bucket: String,
    key: String,
}

/// An address that rules cannot be read from.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{0}' is neither a file nor s3://BUCKET/KEY, with a key of letters, digits and any of ! - _ . ' ( ) /"
)]
pub struct BadAddress(String);

impl RulesFile {
    /// The path, for what runs on one machine; otherwise what is wrong.
    pub fn on_this_machine(&self) -> Result<&Path, String> {
        match self {
            Self::Local(path) => Ok(path),
            Self::S3(address) => Err(format!(
                "'{address}' is for a stack; here rules are read from a file of this machine"
            )),
        }
    }

    /// The object, for a stack; otherwise what is wrong.
    pub fn on_a_stack(&self) -> Result<&S3Address, String> {
        match self {
            Self::S3(address) => Ok(address),
            Self::Local(path) => Err(format!(
                "'{}' is a file of one machine; a stack reads its rules from s3://BUCKET/KEY",
                path.display()
            )),
        }
    }
}

impl FromStr for RulesFile {
    type Err = BadAddress;

    fn from_str(text: &str) -> Result<Self, BadAddress> {
        if text.contains("://") { text.parse().map(Self::S3) } else { Ok(Self::Local(text.into())) }
    }
}

impl S3Address {
    /// The bucket's name.
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// The object's key.
    pub fn key(&self) -> &str {
        &self.key
    }
}

impl FromStr for S3Address {
    type Err = BadAddress;

    /// As the template's parameter `RulesFile` takes them: a policy names the object, and `*` would name others too.
    fn from_str(text: &str) -> Result<Self, BadAddress> {
        let address = text.strip_prefix("s3://").and_then(|rest| rest.split_once('/'));
        let (bucket, key) = address.ok_or_else(|| BadAddress(text.to_owned()))?;
        let of_a_bucket = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-');
        let of_a_key = |b: u8| b.is_ascii_alphanumeric() || b"!-_.'()/".contains(&b);
        let is_bucket = (3..=63).contains(&bucket.len()) && bucket.bytes().all(of_a_bucket);
        let is_key = (1..=KEY_BYTES).contains(&key.len()) && key.bytes().all(of_a_key);
        if is_bucket && is_key {
            Ok(Self { bucket: bucket.to_owned(), key: key.to_owned() })
        } else {
            Err(BadAddress(text.to_owned()))
        }
    }
}

impl fmt::Display for S3Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}/{}", self.bucket, self.key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_side_reads_one_kind_of_place_and_refuses_the_other() {
        let local: RulesFile = "conf/rules.toml".parse().unwrap();
        assert_eq!(local.on_this_machine(), Ok(Path::new("conf/rules.toml")));
        assert!(local.on_a_stack().unwrap_err().contains("'conf/rules.toml' is a file of one"));
        let stack: RulesFile = "s3://our-rules/fanmail/rules.toml".parse().unwrap();
        let address = stack.on_a_stack().unwrap();
        assert_eq!((address.bucket(), address.key()), ("our-rules", "fanmail/rules.toml"));
        assert_eq!(address.to_string(), "s3://our-rules/fanmail/rules.toml");
        assert!(stack.on_this_machine().unwrap_err().contains("is for a stack"));
    }

    #[test]
    fn an_address_that_names_no_object_or_many_is_refused() {
        for bad in [
            "https://our-rules.s3.amazonaws.com/rules.toml",
            "s3://",
            "s3://our-rules",
            "s3://our-rules/",
            "s3:///rules.toml",
            "s3://Our_Rules/rules.toml",
            "s3://our-rules/*",
            "s3://our-rules/rules?.toml",
            "s3://our-rules/${aws:username}",
            "s3://our-rules/rules.toml\n",
        ] {
            assert_eq!(bad.parse::<RulesFile>(), Err(BadAddress(bad.to_owned())), "{bad}");
        }
        let long = format!("s3://our-rules/{}", "x".repeat(KEY_BYTES));
        assert!(long.parse::<S3Address>().is_ok());
        assert!(format!("{long}x").parse::<S3Address>().is_err());
    }
}
