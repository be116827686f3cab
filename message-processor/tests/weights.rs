//! The weights that are shipped are those that the trainer makes.

// `cfg(test)` holds for the whole binary; it tells clippy that an unwrap in here is a test's.
#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use message_processor::training::{Mail, examples, read, train};

    const SHIPPED: &str = include_str!("../src/classify/weights.txt");

    fn shipped_mail() -> Vec<Mail> {
        read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/mail")).unwrap()
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "a test's own setting: where the larger collection lies"
    )]
    fn corpus() -> Option<PathBuf> {
        std::env::var("FANMAIL_CORPUS").ok().map(PathBuf::from)
    }

    #[test]
    fn the_same_mail_gives_the_same_weights_in_whatever_order_it_is_read() {
        let mut mail = shipped_mail();
        let first = train(&examples(&[mail.clone()]));
        mail.reverse();
        assert!(first == train(&examples(&[mail])));
        assert!(first.lines().count() > 100);
    }

    #[test]
    fn the_corpus_gives_the_shipped_weights_byte_for_byte() {
        // Without the corpus the test above has shown as much as can be shown.
        let Some(corpus) = corpus() else { return };
        let made = train(&examples(&[read(&corpus).unwrap(), shipped_mail()]));
        let differing = made.lines().zip(SHIPPED.lines()).find(|(made, shipped)| made != shipped);
        assert!(made == SHIPPED, "the first difference: {differing:?}");
    }

    #[test]
    fn nothing_is_learned_from_what_earns_no_money() {
        let Some(corpus) = corpus() else { return };
        let mail = read(&corpus).unwrap();
        let barred = |mail: &&Mail| mail.collection == "phishing-pot";
        assert!(mail.iter().any(|mail| barred(&mail)));
        assert!(mail.iter().filter(barred).all(|mail| !mail.free));
        let learned = examples(&[mail]);
        assert!(!learned.is_empty());
        assert!(learned.iter().all(|example| example.collection != "phishing-pot"));
    }
}
