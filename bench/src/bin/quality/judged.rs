//! A labelled message and what was said of it.

use message_processor::Judgement;
use message_processor::training::Mail;

/// Spam and phishing are counted as one.
pub(crate) const HOSTILE: &str = "spam";

pub(crate) struct Judged {
    pub(crate) path: String,
    /// The first is its class.
    labels: Vec<String>,
    pub(crate) category: String,
    pub(crate) confidence: f64,
    pub(crate) reasons: Vec<String>,
}

impl Judged {
    pub(crate) fn new(mail: &Mail, judgement: Judgement) -> Self {
        Self {
            path: mail.path.clone(),
            labels: mail.labels.iter().map(|label| as_one(label)).collect(),
            category: as_one(judgement.category.as_str()),
            confidence: judgement.confidence,
            reasons: judgement.reasons,
        }
    }

    /// Its class.
    pub(crate) fn label(&self) -> &str {
        self.labels.first().map_or("", String::as_str)
    }

    /// Whether its class is spam or phishing.
    pub(crate) fn is_hostile(&self) -> bool {
        self.label() == HOSTILE
    }

    /// Whether it is known of which class it is, beyond that it is good.
    pub(crate) fn is_known(&self) -> bool {
        self.label() != "ham"
    }

    /// Whether it got its class.
    pub(crate) fn is_first(&self) -> bool {
        self.category == self.label()
    }

    /// Whether what it got is among its labels.
    pub(crate) fn is_any(&self) -> bool {
        self.labels.contains(&self.category)
    }

    /// Whether it was called spam or phishing.
    pub(crate) fn called_hostile(&self) -> bool {
        self.category == HOSTILE
    }
}

fn as_one(label: &str) -> String {
    if label == "phishing" { HOSTILE } else { label }.to_owned()
}
