//! How people are told on one machine that their mailbox must be connected again.

use std::sync::Arc;

use dead_letter::links::Links;
use dead_letter::notice::Notices;
use shared::connect_link::LinkSigning;
use shared::mailer::smtp::SmtpMailer;
use shared::mailer::{Mailer, Notify, Sender};
use shared::settings::Env;

use super::folder::Folder;

/// What takes mail to people, unless `NOTIFY` is off; problems are left in `env`.
pub(crate) fn mailer(env: &mut Env<'_>) -> Option<Arc<dyn Mailer>> {
    match Notify::read(env) {
        Notify::Off => None,
        Notify::Smtp => {
            let (server, sender) = (env.needed("SMTP_URL"), Sender::read(env));
            Some(Arc::new(SmtpMailer::new(server?, sender?)))
        }
        // It would need credentials of AWS's, which nothing else on one machine does.
        Notify::Ses => {
            env.wrong("NOTIFY", "ses is for a stack on AWS; SES also takes mail by smtp");
            None
        }
    }
}

/// Tells people with links for the pages of this folder, by mail where there is a `mailer`.
pub(crate) fn notices(
    folder: &Folder,
    redirect_uri: String,
    mailer: Option<Arc<dyn Mailer>>,
) -> anyhow::Result<Notices> {
    let key = folder.web_key()?;
    let links = Links::new(redirect_uri, LinkSigning::new(&key));
    Ok(Notices { links, mailer })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(pairs: &[(&str, &str)]) -> String {
        let lookup = |name: &str| {
            pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        };
        let mut env = Env::new(&lookup);
        let is_on = mailer(&mut env).is_some();
        env.finish(is_on).map_or_else(|bad| bad.to_string(), |is_on| is_on.to_string())
    }

    #[test]
    fn mail_is_off_unless_it_is_switched_on() {
        let settings = [("SMTP_URL", "smtps://mail.example.com"), ("NOTIFY_FROM", "f@example.com")];
        assert_eq!(told(&settings), "false");
        assert_eq!(told(&[settings.as_slice(), &[("NOTIFY", "smtp")]].concat()), "true");
    }

    #[test]
    fn a_bad_start_names_all_that_is_wrong_and_no_password() {
        let told = |pairs: &[(&str, &str)]| told(&[pairs, &[("NOTIFY", "smtp")]].concat());
        let unset = told(&[]);
        assert!(unset.contains("SMTP_URL: is not set\n  NOTIFY_FROM: is not set"), "{unset}");
        let bad = told(&[("SMTP_URL", "smtp://u:hidden@mail.example.com"), ("NOTIFY_FROM", "me")]);
        assert!(bad.contains("SMTP_URL: would send") && bad.contains("NOTIFY_FROM: is"), "{bad}");
        assert!(!bad.contains("hidden"), "{bad}");
    }

    #[test]
    fn ses_is_for_a_stack() {
        assert!(told(&[("NOTIFY", "ses")]).contains("NOTIFY: ses is for a stack"));
        assert!(told(&[("NOTIFY", "post")]).contains("NOTIFY: 'post' is none of"));
    }
}
