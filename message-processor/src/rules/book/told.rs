//! What was told of something that may go wrong.

/// The trouble that was last told, if there was any: each change is told once.
#[derive(Debug, Default)]
pub(super) struct Told(Option<String>);

impl Told {
    /// Whether `trouble`, or that there is none any more, is not what was told before.
    pub(super) fn is_news(&mut self, trouble: Option<&str>) -> bool {
        let is_news = self.0.as_deref() != trouble;
        if is_news {
            self.0 = trouble.map(str::to_owned);
        }
        is_news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trouble_is_told_when_it_begins_changes_and_ends() {
        let mut told = Told::default();
        let news = [None, Some("a"), Some("a"), Some("b"), None, None, Some("b")]
            .map(|trouble| told.is_news(trouble));
        assert_eq!(news, [false, true, false, true, true, false, true]);
    }
}
