//! What the receiving server found out about the sender.
//!
//! Only the topmost `Authentication-Results` counts: Gmail writes it above everything that came with the message, and
//! whatever stands below it the sender may have written.

use shared::result::{AuthResult, Authentication};

use super::fields::{Fields, as_text};

/// The outcome of each method, from the field that the receiver wrote.
pub(super) fn read(fields: &Fields<'_>) -> Authentication {
    let own = ["Authentication-Results", "ARC-Authentication-Results"]
        .into_iter()
        .find_map(|name| fields.get(name));
    let text = own.map(|value| outside_comments(&as_text(value))).unwrap_or_default();
    Authentication {
        spf: outcome(&text, "spf").or_else(|| received_spf(fields)),
        dkim: outcome(&text, "dkim"),
        dmarc: outcome(&text, "dmarc"),
    }
}

/// The results alone, in lower case. Within comments and quotes (RFC 8601, section 2.2) stand words that the sender may
/// have chosen: `spf=fail (dkim=pass; of x)` says nothing of DKIM.
fn outside_comments(value: &str) -> String {
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    let mut out = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' if depth == 0 => quoted = !quoted,
            _ if quoted => {}
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ if depth == 0 => out.push(c.to_ascii_lowercase()),
            _ => {}
        }
    }
    out
}

/// The best outcome of a method: of several signatures one that holds is enough (RFC 6376, section 6.1).
fn outcome(results: &str, method: &str) -> Option<AuthResult> {
    let outcomes = results.split(';').filter_map(|result| {
        let value = result.trim_start().strip_prefix(method)?.trim_start().strip_prefix('=')?;
        named(value)
    });
    outcomes.reduce(|best, next| if next == AuthResult::Pass { next } else { best })
}

fn received_spf(fields: &Fields<'_>) -> Option<AuthResult> {
    named(&as_text(fields.get("Received-SPF")?).to_ascii_lowercase())
}

fn named(value: &str) -> Option<AuthResult> {
    let value = value.trim_start();
    let end = value.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(value.len());
    match &value[..end] {
        "none" => Some(AuthResult::None),
        "pass" => Some(AuthResult::Pass),
        "fail" | "hardfail" => Some(AuthResult::Fail),
        "softfail" => Some(AuthResult::SoftFail),
        "neutral" => Some(AuthResult::Neutral),
        "policy" => Some(AuthResult::Policy),
        "temperror" => Some(AuthResult::TempError),
        "permerror" => Some(AuthResult::PermError),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(header: &str) -> Authentication {
        read(&Fields::read(header.as_bytes()).0)
    }

    #[test]
    fn gmails_own_verdict_is_read() {
        let found = of("Authentication-Results: mx.google.com;\n dkim=fail header.i=@a.example;\n\
            \tdkim=pass header.i=@b.example; spf=softfail (google.com: x; y) smtp.mailfrom=c;\n dmarc=pass (p=NONE)\n");
        assert_eq!(found.dkim, Some(AuthResult::Pass));
        assert_eq!(found.spf, Some(AuthResult::SoftFail));
        assert_eq!(found.dmarc, Some(AuthResult::Pass));
    }

    #[test]
    fn a_comment_or_a_quote_is_no_verdict() {
        let found = of(
            "Authentication-Results: mx.google.com; spf=fail (domain of x; dkim=pass; (y);\n dmarc=pass)\n\
            smtp.mailfrom=\"a;dkim=pass;\\\";dmarc=pass\"; arc (i=1) = none\n",
        );
        assert_eq!((found.spf, found.dkim, found.dmarc), (Some(AuthResult::Fail), None, None));
        assert_eq!(of("Authentication-Results: x; dkim (v1)=pass\n").dkim, Some(AuthResult::Pass));
    }

    #[test]
    fn a_verdict_below_the_receivers_is_the_senders_word() {
        let found = of("Authentication-Results: mx.google.com; dkim=none\n\
            Authentication-Results: mx.google.com; dmarc=pass; spf=pass\nReceived-SPF: Fail (x)\n");
        assert_eq!((found.dmarc, found.spf), (None, Some(AuthResult::Fail)));
    }
}
