//! The rules of a stack, as they stand now, for whoever judges anew what is stored there.

use anyhow::anyhow;
use message_processor::{NoBook, Rules};
use shared::aws;
use shared::aws::stack::Stack;
use shared::settings::Env;

use super::names::Names;
use crate::BadUse;

/// The rules of the stack of this name, if it has any. Where they are bad nothing is judged, by no older ones either: a
/// person is there to mend them.
pub(crate) async fn rules(name: &str) -> anyhow::Result<Option<Rules>> {
    let config = aws::config().await;
    let names = Names::of_stack(&config, name).await?;
    let lookup = |name: &str| names.get(name);
    let mut env = Env::new(&lookup);
    let file = Stack::new(&mut env, &config).rules_file();
    let Some(file) = env.finish(file).map_err(|bad| BadUse(bad.to_string()))? else {
        return Ok(None);
    };
    match Rules::read(&file).await {
        Ok(rules) => Ok(Some(rules)),
        Err(NoBook::Bad(what)) => Err(BadUse(what).into()),
        Err(NoBook::Unreadable(what)) => Err(anyhow!(what)),
    }
}
