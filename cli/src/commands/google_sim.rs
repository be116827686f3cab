//! `fanmail google-sim`: the simulated Google alone, for `serve`, for load, for any other Gmail client.

use google_sim::{Google, GoogleConfig, http};
use shared::clock::{Chance, Clock};

use crate::End;
use crate::args::{GoogleSim, Switch};
use crate::demo::mail::{Mail, Spread};
use crate::machine::web::listen;
use crate::print::line;

/// Serves until it is stopped, after saying which settings lead to it.
pub(crate) async fn run(args: GoogleSim) -> anyhow::Result<End> {
    let (listener, addr) = listen(args.listen).await?;
    let mut config = GoogleConfig::new(Clock::System, Chance::system());
    if args.quota == Switch::Off {
        config.quota = None;
    }
    let (client_id, client_secret) = (config.client_id.clone(), config.client_secret.clone());
    let google = Google::new(config);
    let mail = Mail::read(args.mail.as_deref())?;
    let people: Vec<String> = (1..=args.mailboxes.get()).map(address).collect();
    for email in &people {
        google.add_mailbox(email, "A person");
    }
    for (person, body) in mail.spread(people.len(), Spread::Each(args.messages)) {
        google.deliver(&people[person], body)?;
    }
    line(&format!(
        "# The simulated Google answers at http://{addr} for {} mailboxes.",
        people.len()
    ))?;
    line(&format!("export GOOGLE_BASE_URL=http://{addr}"))?;
    line(&format!("export GOOGLE_CLIENT_ID={client_id}"))?;
    line(&format!("export GOOGLE_CLIENT_SECRET={client_secret}"))?;
    tokio::select! {
        served = http::serve(google, listener) => served?,
        stopped = tokio::signal::ctrl_c() => stopped?,
    }
    Ok(End::Good)
}

/// The address of the simulation's `number`th person.
pub(crate) fn address(number: usize) -> String {
    format!("person{number}@example.com")
}
