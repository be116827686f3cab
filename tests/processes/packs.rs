//! Results in packs, read as analysts read them: by the README's query, in `DuckDB`, beside what our own commands show.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::command::{Ran, beside, list, one};
use crate::service::Stage;
use tests::deployed::tool;
use tests::google::{Google, letter};
use tests::readme;

/// Answers a query as lines of JSON.
const DUCKDB: &str = "
import duckdb, json, sys
answer = duckdb.sql(sys.stdin.read())
for row in answer.fetchall():
    print(json.dumps(dict(zip(answer.columns, row)), default=str))
";

/// The README's query, on this data folder.
fn query(data: &Path) -> String {
    let query = readme::block("read_ndjson");
    assert_eq!(query.matches("fanmail-data/").count(), 1);
    query.replace("fanmail-data/", &format!("{}/", data.display()))
}

fn ask(query: &str) -> Vec<Value> {
    let mut command = Command::new(tool("duckdb", "python"));
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), query).unwrap();
    command.args(["-c", DUCKDB]).stdin(fs::File::open(file.path()).unwrap());
    Ran::of(&command.output().unwrap()).good().objects()
}

/// How many messages there are of each category, as our own command has it.
fn listed(data: &Path) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for result in list(data, &["results", "list", "--limit", "1000"]) {
        *counts.entry(result["category"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    counts
}

/// The same, as the README's query has it.
fn asked(data: &Path) -> BTreeMap<String, u64> {
    let row = |row: Value| {
        (row["category"].as_str().unwrap().to_owned(), row["messages"].as_u64().unwrap())
    };
    ask(&query(data)).into_iter().map(row).collect()
}

#[tokio::test]
async fn one_query_reads_what_counts_of_every_pack() {
    let mut stage = Stage::set(2, &[]).await;
    stage.setting("RESULTS_FORMAT", "packed");
    stage.setting("RESULTS_INDEX", "on");
    let service = stage.serve().await;
    let mut ids = vec![];
    for person in 1..=2 {
        let email = Google::person(person);
        service.connect(&email).await;
        stage.state(&email, "connected").await;
        for number in 1..=20 {
            let letter = if number % 5 == 0 { news(number) } else { letter(number) };
            ids.push(stage.google.deliver(&email, &letter).await);
        }
    }
    stage.done(40).await;
    let packs = stage.files("packed").len();
    assert!((2..40).contains(&packs), "{packs} packs of 40 messages");
    assert_eq!(stage.files("results"), [""; 0]);
    let counts = listed(&stage.data);
    assert_eq!((counts.values().sum::<u64>(), counts.get("bounce")), (40, None), "{counts:?}");
    assert!(counts.len() > 1, "{counts:?}");
    assert_eq!(asked(&stage.data), counts);

    // What was judged anew stands in packs of its own, and what it was before does not count any more.
    let told = list(&stage.data, &["reclassify"]);
    assert_eq!(told.last().unwrap()["summary"]["announced"], 40);
    assert!(stage.files("packed").len() > packs);
    assert_eq!((listed(&stage.data), asked(&stage.data)), (counts.clone(), counts));
    let user = stage.account(&Google::person(1)).unwrap()["userId"].as_str().unwrap().to_owned();
    for words in [&["results", "show", &ids[0]][..], &["results", "show", &ids[0], "--user", &user]]
    {
        let result = one(&stage.data, words);
        assert_eq!((&result["messageId"], &result["generation"]), (&json!(ids[0]), &json!(1)));
    }
    let of_one = list(&stage.data, &["results", "list", "--user", &user]);
    assert_eq!(of_one.len(), 20);
    assert!(of_one.iter().all(|result| result["userId"] == json!(user)));
    let find =
        |more: &[&str]| list(&stage.data, &[&["results", "find", "--user", &user], more].concat());
    let found = find(&[]);
    assert_eq!(found.len(), 20);
    assert!(found.iter().all(|entry| entry["generation"] == json!(1)), "{found:?}");
    let of_one: Vec<&Value> =
        of_one.iter().filter(|result| result["category"] == json!("newsletter")).collect();
    let letters = find(&["--category", "newsletter", "--since", "1d"]);
    let keys = |of: Vec<&Value>| of.iter().map(|it| it["key"].to_string()).collect::<BTreeSet<_>>();
    assert!(!letters.is_empty() && letters.len() == of_one.len(), "{letters:?}");
    assert_eq!(keys(letters.iter().collect()), keys(of_one));
    assert_eq!(find(&["--category", "bounce"]), [json!(null); 0]);
    assert_eq!(find(&["--since", "2099-01-01"]), [json!(null); 0]);
    assert_eq!(find(&["--label", "none"]), [json!(null); 0]);
    assert_eq!(find(&["--limit", "2"]).len(), 2);
    let none = beside(&stage.data, &["results", "show", "none"]);
    assert_eq!(none.code, Some(1));
    none.says(&["no result of a message none"]);
    service.stop().await;
}

/// A newsletter: not every line has its nulls in the same places.
fn news(number: usize) -> Vec<u8> {
    format!(
        "From: News <news@example.org>\r\nTo: ada@example.com\r\nSubject: News {number}\r\n\
         List-Id: <news.example.org>\r\nList-Unsubscribe: <https://example.org/u>\r\n\
         List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\nPrecedence: bulk\r\n\
         Date: Fri, 1 May 2026 12:00:00 +0000\r\nMessage-ID: <n{number}@example.org>\r\n\r\n\
         This week in the news.\r\n"
    )
    .into_bytes()
}
