//! People who connect their mailbox as a browser would: start, consent page, callback.

use anyhow::{Context, anyhow, ensure};
use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use reqwest::redirect::Policy;
use reqwest::{Client, Response};
use url::Url;

/// A browser of the simulated people.
pub(crate) struct Browser {
    client: Client,
    start: Url,
}

impl Browser {
    /// A browser for the pipeline whose pages answer at `origin`.
    pub(crate) fn new(origin: &str) -> anyhow::Result<Self> {
        let client = Client::builder()
            .redirect(Policy::none())
            .no_proxy()
            .build()
            .context("setting up a browser")?;
        Ok(Self { client, start: Url::parse(origin)?.join("/oauth2/start")? })
    }

    /// Connects the mailbox of `email`, with every box ticked.
    pub(crate) async fn connect(&self, email: &str) -> anyhow::Result<()> {
        let started = self.client.get(self.start.clone()).send().await?;
        let cookie = cookie(&started)?;
        let consent = target(&started)?;
        let page =
            self.client.get(consent.clone()).send().await?.error_for_status()?.text().await?;
        let form = Form::read(&page)?;
        let decided =
            self.client.post(consent.join(&form.action)?).form(&form.allow(email)).send().await?;
        let callback = target(&decided)?;
        let page = self.client.get(callback).header(COOKIE, cookie).send().await?.text().await?;
        ensure!(page.contains("Success"), "the callback did not greet {email} with success");
        Ok(())
    }
}

/// Where an answer leads.
fn target(answer: &Response) -> anyhow::Result<Url> {
    let location = answer
        .headers()
        .get(LOCATION)
        .ok_or_else(|| anyhow!("no redirect but {}", answer.status()))?;
    Ok(answer.url().join(location.to_str()?)?)
}

/// The cookie that an answer sets, without its attributes.
fn cookie(answer: &Response) -> anyhow::Result<String> {
    let set = answer
        .headers()
        .get(SET_COOKIE)
        .ok_or_else(|| anyhow!("the start set no cookie"))?
        .to_str()?;
    Ok(set.split(';').next().unwrap_or_default().to_owned())
}

/// The consent form: where it goes and what it carries.
struct Form {
    action: String,
    fields: Vec<(String, String)>,
}

impl Form {
    /// Reads the simulator's own page, in which every input is one tag with its name before its value.
    fn read(page: &str) -> anyhow::Result<Self> {
        let action =
            attribute(page, "action").ok_or_else(|| anyhow!("the consent page has no form"))?;
        let inputs = page.split("<input ").skip(1).filter_map(|rest| rest.split('>').next());
        let fields = inputs
            .filter_map(|input| Some((attribute(input, "name")?, attribute(input, "value")?)));
        Ok(Self { action, fields: fields.filter(|(name, _)| name != "email").collect() })
    }

    /// The form as `email` sends it.
    fn allow(self, email: &str) -> Vec<(String, String)> {
        let ours = [("email", email), ("decision", "allow")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        self.fields.into_iter().chain(ours).collect()
    }
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let value = tag.split(&format!("{name}=\"")).nth(1)?.split('"').next()?;
    Some(
        value
            .replace("&quot;", "\"")
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&amp;", "&"),
    )
}
