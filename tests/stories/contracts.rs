//! What consumers get is what `docs/schemas/` says.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use boon::{Compiler, SchemaIndex, Schemas};
use google_sim::grants::Cause as Death;
use serde_json::{Value, json};
use shared::events::EventKind;
use shared::jobs::{Cause, UserJobKind};
use shared::settings::EventData;

use super::world::{ADA, World};

stories!(whatever_is_stored_or_announced_is_as_its_schema_says);

/// The mail that the repository brings, of every kind and with every oddity.
const MAIL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/mail");

fn mail_in(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            mail_in(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "eml") {
            found.push(path);
        }
    }
}

/// The schemas, by the name of the contract.
struct Contracts {
    schemas: Schemas,
    names: BTreeMap<&'static str, SchemaIndex>,
}

impl Contracts {
    fn new() -> Self {
        let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
        compiler.enable_format_assertions();
        let mut names = BTreeMap::new();
        for (name, schema) in shared::schema::all() {
            let place = format!("https://example.org/{name}.json");
            compiler.add_resource(&place, schema).unwrap();
            names.insert(name, compiler.compile(&place, &mut schemas).unwrap());
        }
        Self { schemas, names }
    }

    /// Fails, saying what is not as it should be.
    fn hold(&self, name: &str, document: &Value) {
        if let Err(broken) = self.schemas.validate(document, self.names[name]) {
            panic!("{broken:#}\n{document}");
        }
    }
}

async fn whatever_is_stored_or_announced_is_as_its_schema_says(world: World) {
    // One is done, and one is refused.
    let mut world = world.acts("'archive', { forward = 'cook@example.org' }");
    world.writes = false;
    world.settings.event_data = EventData::Full;
    let (contracts, mut mail) = (Contracts::new(), Vec::new());
    mail_in(Path::new(MAIL), &mut mail);
    let user = world.connect(ADA).await;
    for path in &mail {
        world.google.deliver(ADA, fs::read(path).unwrap()).unwrap();
    }
    world.poll().await;
    world.google.expire_history(ADA).unwrap();
    world.deliver(ADA, "After the gap");
    world.poll().await;
    let archive = &world.backend.stores.archive;
    let keys = archive.keys("results/", None, 10_000).await.unwrap();
    assert_eq!(keys.len(), mail.len() + 1);
    for key in keys {
        let result = serde_json::from_slice(&archive.get(&key).await.unwrap().unwrap()).unwrap();
        contracts.hold("fanmail.result.v1", &result);
    }

    world.google.revoke(ADA, Death::UserRevoked).unwrap();
    world.poll().await;
    world.connect(ADA).await;
    // A purge takes the log's memory of the mailbox, too.
    let before = world.published().await;
    world.ask(&user, UserJobKind::Disconnect { purge: true }, Cause::Manual).await;
    world.rest().await;
    let mut kinds = BTreeSet::new();
    for seen in before.into_iter().chain(world.published().await) {
        contracts.hold(seen.event.kind.as_str(), &json!(seen.event));
        kinds.insert(seen.event.kind);
    }
    assert_eq!(kinds.len(), EventKind::ALL.len(), "only {kinds:?} were announced");
}
