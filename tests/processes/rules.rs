//! The operator's rules: checked, tried and compared by the command, and changed while `serve` runs.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;
use tests::google::{Google, letter};
use tests::patience::wait_for;

use crate::command::{Ran, fanmail, list, run};
use crate::service::{PATIENCE, Stage};

const BILLS: &str = r#"
[[rule]]
name = "bills"
when = '''
  category == "transactional"
  && attachments.exists(a, a.contentType == "application/pdf")
'''
labels = ["finance"]

[[rule]]
name = "lists"
when = "list.oneClick"
labels = ["lists"]
"#;

/// A file of rules that give each message this label.
fn everything(label: &str) -> String {
    format!("[[rule]]\nname = 'all'\nwhen = 'true'\nlabels = ['{label}']\n")
}

fn written(room: &TempDir, name: &str, content: &str) -> PathBuf {
    let path = room.path().join(name);
    fs::write(&path, content).unwrap();
    path
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn file_of_the_repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path).canonicalize().unwrap()
}

/// What `rules test` says of a shipped message.
fn tested(objects: &[Value], name: &str) -> Value {
    let is = |object: &&Value| object["path"].as_str().unwrap().ends_with(name);
    objects.iter().find(is).unwrap().clone()
}

#[test]
fn check_lists_good_rules_and_all_problems_of_bad_ones() {
    let room = TempDir::new().unwrap();
    let good = written(&room, "good.toml", BILLS);
    let ran = run(&["rules", "check", text(&good), "--json"]).good();
    let shown: Vec<_> = ran.objects().iter().map(|rule| rule["rule"].clone()).collect();
    assert_eq!(shown, ["bills", "lists"]);
    assert!(run(&["rules", "check", text(&good)]).good().out.contains("list.oneClick"));
    let bad = BILLS.replace("category ==", "catgory ==").replace("oneClick", "oneClik");
    let bad = written(&room, "bad.toml", &bad);
    run(&["rules", "check", text(&bad)]).bad_use(&[
        "bad.toml:5:3: there is no field 'catgory'; did you mean 'category'?",
        "bad.toml:12:14: there is no field 'oneClik' here; did you mean 'oneClick'?",
    ]);
}

#[test]
fn the_readmes_example_is_a_good_file_of_rules() {
    let readme = fs::read_to_string(file_of_the_repository("README.md")).unwrap();
    let (_, section) = readme.split_once("\n## Rules\n").unwrap();
    let (_, block) = section.split_once("```toml\n").unwrap();
    let (example, _) = block.split_once("```").unwrap();
    let room = TempDir::new().unwrap();
    let file = written(&room, "rules.toml", example);
    let rules = run(&["rules", "check", text(&file), "--json"]).good().objects();
    assert!(rules.len() >= 3, "{rules:?}");
    let mail = file_of_the_repository("tests/mail");
    let args = ["rules", "test", text(&file), "--mail", text(&mail), "--json"];
    let objects = run(&args).good().objects();
    for rule in &rules {
        let hits = |object: &Value| {
            let said = object["rules"].as_array().unwrap();
            said.iter().any(|said| said["rule"] == rule["rule"] && said["verdict"] == "hit")
        };
        assert!(objects.iter().any(hits), "the shipped mail has nothing for {rule}");
    }
}

#[test]
fn test_says_of_each_message_which_rules_hit_and_why_the_others_do_not() {
    let room = TempDir::new().unwrap();
    let file = written(&room, "rules.toml", BILLS);
    let mail = file_of_the_repository("tests/mail");
    let args = ["rules", "test", text(&file), "--mail", text(&mail), "--json"];
    let objects = run(&args).good().objects();
    let invoice = tested(&objects, "invoice-pdf.eml");
    assert_eq!(invoice["labels"], json!(["finance"]));
    let said = json!({ "rule": "bills", "verdict": "hit", "labels": ["finance"], "actions": [] });
    assert_eq!(invoice["rules"][0], said);
    assert_eq!(invoice["rules"][1]["why"], "list is null");
    let spam = tested(&objects, "casino.eml");
    let part = "category == \"transactional\"";
    assert_eq!(spam["rules"][0], json!({ "rule": "bills", "verdict": "missed", "part": part }));
    let words = run(&args[..5]).good().out;
    assert!(words.contains("  hit     bills  finance"), "{words}");
    assert!(words.contains("  failed  lists  list.oneClick: list is null"), "{words}");
    assert!(words.lines().last().unwrap().contains("messages; hits: bills "), "{words}");
}

#[test]
fn classify_asks_rules_too() {
    let room = TempDir::new().unwrap();
    let file = written(&room, "rules.toml", BILLS);
    let mail = file_of_the_repository("tests/mail/transactional/invoice-pdf.eml");
    let args = ["classify", text(&mail), "--rules", text(&file), "--json"];
    let result = run(&args).good().objects().remove(0);
    assert_eq!(result["labels"], json!(["finance"]));
    assert_eq!(result["rules"].as_str().unwrap().len(), 64);
    assert!(run(&args[..4]).good().out.contains("[finance]"));
}

#[tokio::test(flavor = "multi_thread")]
async fn serve_takes_to_changed_rules_and_keeps_those_from_before_where_the_new_ones_are_bad() {
    let mut stage = Stage::set(1, &[]).await;
    let file = written(&stage.room, "rules.toml", &everything("first"));
    stage.setting("RULES_FILE", text(&file));
    let mut service = stage.serve().await;
    let person = Google::person(1);
    service.connect(&person).await;
    stage.state(&person, "connected").await;
    let said = |words: &'static str| {
        let process = &service.process;
        async move {
            wait_for(words, PATIENCE, async || process.err().contains(words).then_some(())).await;
        }
    };

    stage.google.deliver(&person, &letter(1)).await;
    stage.done(1).await;
    fs::write(&file, everything("second")).unwrap();
    said("The rules have changed").await;
    stage.google.deliver(&person, &letter(2)).await;
    stage.done(2).await;
    fs::write(&file, everything("third").replace("'true'", "'tru'")).unwrap();
    said("those from before stay").await;
    said("rules.toml:3:9: there is no field 'tru'; did you mean 'true'?").await;
    stage.google.deliver(&person, &letter(3)).await;
    stage.done(3).await;
    assert!(service.process.lives());
    service.stop().await;

    let events = stage.events("message.processed");
    let labels: Vec<_> = events.iter().map(|event| event["data"]["labels"].clone()).collect();
    assert_eq!(labels, [json!(["first"]), json!(["second"]), json!(["second"])]);
    compared(&stage, &file);
}

/// `rules diff` says what would change of the results that are stored, and changes nothing.
fn compared(stage: &Stage, file: &Path) {
    let letters =
        "[[rule]]\nname = 'x'\nwhen = 'headers.subject != \"Letter 2\"'\nlabels = ['x']\n";
    let (old, new) = (file, written(&stage.room, "new.toml", letters));
    fs::write(old, everything("all")).unwrap();
    let before = stage.files("results");
    let mut said = list(&stage.data, &["rules", "diff", text(old), text(&new)]);
    let end = json!({ "results": 3, "changed": 3, "added": { "x": 2 }, "removed": { "all": 3 } });
    assert_eq!(said.pop().unwrap(), end);
    let without = said.iter().filter(|change| change["added"] == json!([])).count();
    assert_eq!((said.len(), without), (3, 1));
    let args = ["rules", "diff", text(old), text(&new), "--data", text(&stage.data)];
    let words = run(&args).good().out;
    assert!(words.ends_with("3 of 3 results would change  +x 2  -all 3\n"), "{words}");
    assert_eq!(
        run(&[&args[..2], &[text(old), text(old)], &args[4..]].concat()).good().out,
        "0 of 3 results would change\n"
    );
    assert_eq!(stage.files("results"), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn serve_does_not_start_with_bad_rules_and_says_where_they_are_bad() {
    let mut stage = Stage::set(1, &[]).await;
    let file = written(&stage.room, "rules.toml", &everything("x").replace("name", "nme"));
    for (setting, words) in [
        (
            text(&file),
            ["RULES_FILE: ", "rules.toml:2:1: a rule has no 'nme'; did you mean 'name'?"],
        ),
        ("no/such/rules.toml", ["RULES_FILE: no/such/rules.toml", "No such file"]),
        ("s3://bucket/rules.toml", ["RULES_FILE: ", "rules are read from a file of this machine"]),
        ("https://bucket/rules.toml", ["RULES_FILE: ", "neither a file nor s3://BUCKET/KEY"]),
    ] {
        stage.setting("RULES_FILE", setting);
        Ran::of(&stage.command().output().unwrap()).bad_use(&words);
    }
    let mut reclassify = fanmail();
    reclassify.args(["reclassify", "--data", text(&stage.data)]);
    reclassify.env("RULES_FILE", "s3://bucket/rules.toml");
    let words = ["RULES_FILE: ", "rules are read from a file of this machine"];
    Ran::of(&reclassify.output().unwrap()).bad_use(&words);
}
