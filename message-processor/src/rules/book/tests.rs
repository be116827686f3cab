//! Rules that change while they are used, and files that are bad, gone, slow or out of reach.

mod stack;

use std::future::pending;
use std::path::PathBuf;

use self::stack::{Bucket, Log, Stack};
use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// Rules that give every message this label.
fn labelling(label: &str) -> String {
    format!("[[rule]]\nname = 'a'\nwhen = 'true'\nlabels = ['{label}']\n")
}

/// Such rules with a misspelt word in their third line.
fn misspelt() -> String {
    labelling("x").replace("'true'", "'tru'")
}

/// What messages are labelled with now.
async fn label(book: &Book) -> String {
    book.rules().await.unwrap().unwrap().list()[0].labels.concat()
}

/// Why there are no rules.
async fn nothing(book: &Book) -> String {
    let error = book.rules().await.unwrap_err();
    assert!(matches!(error, StoreError::Broken { .. }), "our own fault, and no job's: {error}");
    shared::disposition::chain(&error)
}

#[tokio::test]
async fn a_file_is_looked_at_when_its_rules_are_used_and_at_most_once_a_minute() {
    let stack = Stack::over(Bucket::holding(&labelling("one")));
    let function = stack.function();
    assert!(stack.bucket.known().is_empty(), "a function begins without a request");
    assert_eq!(label(&function).await, "one");
    stack.bucket.put(&labelling("two"));
    stack.clock.advance(59 * SECOND);
    stack.bucket.known();
    assert_eq!(label(&function).await, "one");
    assert!(stack.bucket.known().is_empty());
    stack.clock.advance(SECOND);
    assert_eq!(label(&function).await, "two");
    let one = crate::rules::hash(labelling("one").as_bytes());
    assert_eq!(stack.bucket.known()[0], Some(one), "it is asked whether it is another");
    stack.clock.advance(Book::LOOKED_AT);
    assert_eq!(label(&function).await, "two");
    assert_eq!(stack.bucket.known().len(), 1, "what has not changed is kept already");
}

#[tokio::test]
async fn rules_from_before_stay_while_the_file_is_bad_gone_or_out_of_reach() {
    let stack = Stack::over(Bucket::holding(&labelling("one")));
    let function = stack.function();
    label(&function).await;
    for trouble in [Ok(misspelt()), Err("forbidden"), Ok(String::new()), Err("no answer")] {
        match trouble {
            Ok(text) => stack.bucket.put(&text),
            Err(error) => stack.bucket.fail(error),
        }
        stack.clock.advance(Book::LOOKED_AT);
        assert_eq!(label(&function).await, "one");
        assert_eq!(stack.kept().await.unwrap(), "one");
    }
    stack.pass(&function, &labelling("two")).await;
    assert_eq!((label(&function).await, stack.kept().await.unwrap()), ("two".into(), "two".into()));
}

#[tokio::test]
async fn a_bad_file_is_told_with_its_place_once_until_that_changes() {
    let stack = Stack::over(Bucket::holding(&labelling("one")));
    let function = stack.function();
    label(&function).await;
    let log = Log::default();
    let _following = log.follow();
    let look_again = async || {
        stack.clock.advance(Book::LOOKED_AT);
        label(&function).await;
        log.said()
    };
    stack.bucket.put(&misspelt());
    let said = look_again().await;
    let place = "s3://ours/rules.toml:3:9: there is no field 'tru'; did you mean 'true'?";
    assert!(said.contains("ERROR") && said.contains(place), "{said}");
    assert_eq!(look_again().await, "", "the same trouble is told once");
    stack.bucket.fail("forbidden");
    let said = look_again().await;
    assert!(said.contains("ERROR") && said.contains("forbidden"), "{said}");
    assert_eq!(look_again().await, "");
    stack.bucket.put(&labelling("one"));
    let said = look_again().await;
    assert!(said.contains("can be used again") && !said.contains("have changed"), "{said}");
    stack.bucket.put(&labelling("two"));
    assert!(look_again().await.contains("The rules have changed"));
}

#[tokio::test]
async fn who_begins_while_the_file_is_bad_or_out_of_reach_has_the_last_good_rules() {
    let stack = Stack::over(Bucket::holding(&labelling("one")));
    label(&stack.function()).await;
    stack.bucket.put(&misspelt());
    let cold = stack.function();
    assert_eq!(label(&cold).await, "one");
    stack.bucket.fail("forbidden");
    assert_eq!(label(&stack.function()).await, "one");
    stack.pass(&cold, &labelling("two")).await;
    assert_eq!(label(&cold).await, "two");
}

#[tokio::test]
async fn without_any_good_rules_nothing_goes_on_until_there_are_some() {
    let stack = Stack::over(Bucket::holding(&misspelt()));
    let function = stack.function();
    let why = nothing(&function).await;
    assert!(why.contains("s3://ours/rules.toml:3:9: "), "{why}");
    assert!(why.contains("none were ever kept"), "{why}");
    stack.bucket.known();
    assert_eq!(nothing(&function).await, why);
    assert!(stack.bucket.known().is_empty(), "not each job asks again");
    stack.bucket.put(&labelling("one"));
    stack.clock.advance(10 * SECOND);
    assert_eq!(label(&function).await, "one");
}

#[tokio::test]
async fn another_files_last_good_rules_are_not_taken() {
    let stack = Stack::over(Bucket::holding(&misspelt()));
    let other = LastGood::new(stack.archive.clone(), "s3://ours/old.toml".into(), Chance::system());
    assert_eq!(other.keep(labelling("old").as_bytes(), async { Ok(true) }).await, Ok(true));
    nothing(&stack.function()).await;
}

#[tokio::test]
async fn one_looks_and_the_others_go_on_with_the_rules_that_they_have() {
    let stack = Stack::over(Bucket::holding(&labelling("one")));
    let function = stack.function();
    label(&function).await;
    stack.bucket.put(&labelling("two"));
    stack.clock.advance(Book::LOOKED_AT);
    let held = stack.bucket.hold();
    let looking = async { label(&function).await };
    let beside = async {
        held.reached.notified().await;
        let beside = label(&function).await;
        held.let_go.notify_one();
        beside
    };
    let labels = tokio::join!(looking, beside);
    assert_eq!(labels, ("two".to_owned(), "one".to_owned()));
}

#[tokio::test]
async fn who_has_no_rules_yet_waits_for_the_one_who_looks() {
    let stack = Stack::over(Bucket::holding(&labelling("one")));
    let function = stack.function();
    let held = stack.bucket.hold();
    let answered = async {
        held.reached.notified().await;
        held.let_go.notify_one();
    };
    let (first, second, ()) = tokio::join!(label(&function), label(&function), answered);
    assert_eq!((first.as_str(), second.as_str()), ("one", "one"));
    let whole = stack.bucket.known().into_iter().filter(Option::is_none);
    assert_eq!(whole.count(), 1, "the second finds what the first has read");
}

#[tokio::test]
async fn a_file_that_never_answers_holds_nobody() {
    let stack = Stack::over(Bucket::holding(&labelling("one")));
    let function = stack.impatient_function();
    label(&function).await;
    stack.clock.advance(Book::LOOKED_AT);
    for function in [function, stack.impatient_function()] {
        stack.bucket.meanwhile(pending());
        let labelled = tokio::time::timeout(10 * SECOND, label(&function)).await;
        assert_eq!(labelled.as_deref(), Ok("one"), "who begins falls back");
    }
}

#[tokio::test]
async fn older_rules_never_replace_newer_ones_as_the_last_good() {
    let stack = Stack::over(Bucket::holding(&labelling("one")));
    let function = stack.function();
    label(&function).await;
    // One has read the second text and is about to keep it; a third is written, read and kept meanwhile.
    let meanwhile = async {
        stack.pass(&function, &labelling("three")).await;
        Ok(true)
    };
    let kept = stack.last_good().keep(labelling("two").as_bytes(), meanwhile).await;
    assert_eq!(kept, Ok(false));
    assert_eq!(stack.kept().await.unwrap(), "three");
    // The same, but in the end there stands what had stood there when the old one looked.
    let meanwhile = async {
        for text in ["four", "three"] {
            stack.pass(&function, &labelling(text)).await;
        }
        Ok(true)
    };
    let kept = stack.last_good().keep(labelling("two").as_bytes(), meanwhile).await;
    assert_eq!(kept, Ok(false));
    assert_eq!(stack.kept().await.unwrap(), "three");
    // It has changed already.
    let changed = async { Ok(false) };
    assert_eq!(stack.last_good().keep(labelling("two").as_bytes(), changed).await, Ok(false));
    assert_eq!(stack.kept().await.unwrap(), "three");
}

#[tokio::test]
async fn what_could_not_be_kept_is_kept_at_the_next_look() {
    let stack = Stack::over(Bucket::holding(&labelling("one")));
    let function = stack.function();
    label(&function).await;
    // While it asks whether what it has read still stands, another keeps what it has read.
    let other = stack.last_good();
    stack.bucket.meanwhile(async {});
    stack.bucket.meanwhile(async move {
        let text = labelling("other");
        assert_eq!(other.keep(text.as_bytes(), async { Ok(true) }).await, Ok(true));
    });
    stack.pass(&function, &labelling("two")).await;
    assert_eq!(
        (label(&function).await, stack.kept().await.unwrap()),
        ("two".into(), "other".into())
    );
    stack.clock.advance(Book::LOOKED_AT);
    label(&function).await;
    assert_eq!(stack.kept().await.unwrap(), "two");
}

/// A folder that goes when the test ends.
struct Room(PathBuf);

impl Drop for Room {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn room(name: &str) -> Room {
    let path = std::env::temp_dir().join(format!("fanmail-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&path).unwrap();
    Room(path)
}

#[tokio::test]
async fn rules_change_with_their_file_and_stay_where_it_is_bad() {
    let room = room("rules-change");
    let path = room.0.join("rules.toml");
    assert!(matches!(Book::open(&path), Err(NoBook::Unreadable(_))));
    std::fs::write(&path, labelling("a")).unwrap();
    let book = Book::open(&path).unwrap();
    let Holding::Watched(watched) = &book.0 else { panic!() };
    for (content, before, after) in [
        (labelling("b"), "a", "b"),
        (misspelt(), "b", "b"),
        (String::new(), "b", "b"),
        (labelling("a"), "b", "a"),
    ] {
        std::fs::write(&path, content).unwrap();
        assert_eq!(label(&book).await, before, "nobody looks but who is to");
        watched.look().await;
        assert_eq!(label(&book).await, after);
    }
    std::fs::remove_file(&path).unwrap();
    watched.look().await;
    assert_eq!(label(&book).await, "a");
}

#[tokio::test]
async fn bad_rules_are_told_as_editors_take_them() {
    let room = room("rules-told");
    let path = room.0.join("rules.toml");
    std::fs::write(&path, misspelt()).unwrap();
    let told = Book::open(&path).err().unwrap().to_string();
    let expected = "rules.toml:3:9: there is no field 'tru'; did you mean 'true'?";
    assert!(told.ends_with(expected), "{told}");
    let bucket = Bucket::holding(&misspelt());
    let told = Rules::read(&*bucket).await.err().unwrap().to_string();
    assert!(told.ends_with(expected) && told.starts_with("s3://ours/"), "{told}");
    assert!(Book::default().rules().await.unwrap().is_none());
    let book = Book::of(Rules::parse(labelling("a").as_bytes()).unwrap());
    assert_eq!(label(&book).await, "a");
}
