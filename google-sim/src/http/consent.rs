//! The page on which a person consents: a plain form, so that a browser and a script can fill it in alike.

use crate::oauth::AuthRequest;
use crate::scopes::Scopes;
use crate::world::Google;

/// Addresses offered to choose from; any other can be typed.
const OFFERED: usize = 20;

/// Where the form goes.
pub(super) const ACTION: &str = "/o/oauth2/v2/auth/decide";

/// The consent page. `complaint` says what was wrong with the form that came before.
pub(super) fn page(
    google: &Google,
    request: &AuthRequest,
    scopes: Scopes,
    complaint: Option<&str>,
) -> String {
    let mailboxes = google.mailboxes();
    let hinted = request.login_hint.as_deref().and_then(|hint| google.mailbox(hint).ok());
    let chosen = hinted.as_ref().or(mailboxes.first()).map_or("", |mailbox| &mailbox.email);
    let mut form = String::new();
    for (name, value) in hidden(request) {
        add(
            &mut form,
            &format!(r#"<input type="hidden" name="{name}" value="{}">"#, escape(value)),
        );
    }
    let complaint = complaint.map(|text| format!("<p role=\"alert\">{}</p>", escape(text)));
    add(&mut form, &complaint.unwrap_or_default());
    add(
        &mut form,
        &format!(
            r#"<p><label>Account <input name="email" list="accounts" required value="{}"></label></p>"#,
            escape(chosen)
        ),
    );
    add(&mut form, r#"<datalist id="accounts">"#);
    for mailbox in mailboxes.iter().take(OFFERED) {
        add(&mut form, &format!(r#"<option value="{}">"#, escape(&mailbox.email)));
    }
    add(&mut form, "</datalist>");
    for scope in scopes.names() {
        let tick = format!(
            r#"<p><label><input type="checkbox" name="scope" value="{scope}" checked> {scope}</label></p>"#
        );
        add(&mut form, &tick);
    }
    add(&mut form, r#"<button name="decision" value="allow">Continue</button>"#);
    add(&mut form, r#"<button name="decision" value="deny" formnovalidate>Cancel</button>"#);
    let client = escape(&request.client_id);
    document(&format!(
        "<h1>{client} wants to access your account</h1>\n<form method=\"post\" action=\"{ACTION}\">\n{form}</form>"
    ))
}

/// The page that says why consent is not asked for.
pub(super) fn refusal(error: &str, description: &str) -> String {
    let (error, description) = (escape(error), escape(description));
    document(&format!("<h1>Access blocked</h1>\n<p>{description}</p>\n<p>Error 400: {error}</p>"))
}

/// The request's parameters, to come back with the decision. Its scopes come back as `requested`, because `scope` is
/// what the person ticks.
fn hidden(request: &AuthRequest) -> impl Iterator<Item = (&'static str, &str)> {
    [
        ("client_id", Some(&request.client_id)),
        ("redirect_uri", Some(&request.redirect_uri)),
        ("response_type", Some(&request.response_type)),
        ("requested", Some(&request.scope)),
        ("access_type", request.access_type.as_ref()),
        ("prompt", request.prompt.as_ref()),
        ("state", request.state.as_ref()),
        ("nonce", request.nonce.as_ref()),
        ("login_hint", request.login_hint.as_ref()),
        ("include_granted_scopes", request.include_granted_scopes.as_ref()),
        ("code_challenge", request.code_challenge.as_ref()),
        ("code_challenge_method", request.code_challenge_method.as_ref()),
    ]
    .into_iter()
    .filter_map(|(name, value)| value.map(|value| (name, value.as_str())))
}

fn document(content: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <title>Sign in – simulated Google</title>\n\
         <p>This is a simulated Google. No account here is real.</p>\n{content}\n</html>\n"
    )
}

fn add(form: &mut String, line: &str) {
    form.push_str(line);
    form.push('\n');
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
