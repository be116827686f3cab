//! A person with a browser: follows redirects, keeps the cookie, sends the consent form.

use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Response};
use url::Url;

/// Connects the mailbox of `email` from `start` on, with every box ticked, and answers the last page.
pub async fn connect(start: &str, email: &str) -> String {
    connect_through(Client::get, start, email).await
}

/// The same, reaching our own pages as `ours` does: their addresses need not lead to where they are served.
pub async fn connect_through(
    ours: impl Fn(&Client, Url) -> RequestBuilder,
    start: &str,
    email: &str,
) -> String {
    consent_through(ours, start, email).await.send().await.unwrap().text().await.unwrap()
}

/// Consents, and answers the request with which the browser comes back to us.
pub async fn consent_through(
    ours: impl Fn(&Client, Url) -> RequestBuilder,
    start: &str,
    email: &str,
) -> RequestBuilder {
    let client = Client::builder().redirect(Policy::none()).no_proxy().build().unwrap();
    let started = ours(&client, start.parse().unwrap()).send().await.unwrap();
    let Some(set) = started.headers().get(SET_COOKIE) else {
        panic!("no cookie: {} {}", started.status(), started.text().await.unwrap())
    };
    let set = set.to_str().unwrap().to_owned();
    let cookie = set.split(';').next().unwrap().to_owned();
    let consent = target(&started);
    let page = client.get(consent.clone()).send().await.unwrap().text().await.unwrap();
    let action = consent.join(&attribute(&page, "action").unwrap()).unwrap();
    let decided = client.post(action).form(&form(&page, email)).send().await.unwrap();
    ours(&client, target(&decided)).header(COOKIE, cookie)
}

/// Where an answer leads.
fn target(answer: &Response) -> Url {
    assert!(answer.status().is_redirection(), "{} from {}", answer.status(), answer.url());
    answer.url().join(answer.headers()[LOCATION].to_str().unwrap()).unwrap()
}

/// The form's fields as `email` sends them.
fn form(page: &str, email: &str) -> Vec<(String, String)> {
    let inputs = page.split("<input ").skip(1).map(|rest| rest.split('>').next().unwrap());
    let fields =
        inputs.filter_map(|input| Some((attribute(input, "name")?, attribute(input, "value")?)));
    let ours = [("email", email), ("decision", "allow")];
    let ours = ours.map(|(name, value)| (name.to_owned(), value.to_owned()));
    fields.filter(|(name, _)| name != "email").chain(ours).collect()
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let value = tag.split(&format!("{name}=\"")).nth(1)?.split('"').next()?;
    Some(value.replace("&quot;", "\"").replace("&amp;", "&"))
}
