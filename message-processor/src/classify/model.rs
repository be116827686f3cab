//! The linear model: for each class a sum of weights over what is seen in a message.
//!
//! It decides where no rule does. Its weights stand in `weights.txt`, which a program of this repository makes from
//! labelled mail, byte for byte (`docs/classes.md`). They are whole hundredths, so that a sum of them is the same on
//! every machine.

use std::collections::HashMap;
use std::sync::LazyLock;

use shared::category::Category;

use super::calibration::Calibration;
use super::features::{IN_SUBJECT, IN_TEXT, RULES};
use super::signs;

/// The classes that the model tells apart. The last stands for spam and phishing, which rules tell apart.
pub(super) const CLASSES: [Category; 8] = [
    Category::Personal,
    Category::List,
    Category::Newsletter,
    Category::Promotion,
    Category::Notification,
    Category::Transactional,
    Category::Security,
    Category::Spam,
];

/// The place of spam and phishing among the classes.
pub(super) const HOSTILE: usize = CLASSES.len() - 1;

/// One number for each class.
pub(super) type PerClass<T> = [T; CLASSES.len()];

/// The first line of a file of weights: another form is not read.
pub(super) const FORMAT: &str = "fanmail weights 1";

/// What the points of the rules are divided by where they are a feature.
pub(super) const POINTS: f64 = 32.0;

/// More points for a class than these say no more than these.
pub(super) const MOST_POINTS: u32 = 80;

/// The weights.
#[derive(Debug, Default)]
pub(crate) struct Model {
    /// Of each sign, in the order of the table of signs.
    pub(super) signs: Vec<PerClass<i16>>,
    /// Of the rules' points for each class.
    pub(super) rules: PerClass<PerClass<i16>>,
    pub(super) bias: PerClass<i16>,
    pub(super) subject: Words,
    pub(super) text: Words,
    pub(super) calibration: Calibration,
}

/// Words and their weights. The number of a word is its place among the weights.
#[derive(Debug, Default)]
pub(super) struct Words {
    pub(super) numbers: HashMap<String, usize>,
    pub(super) weights: Vec<PerClass<i16>>,
}

impl Words {
    fn place(&mut self, word: &str) -> Option<&mut PerClass<i16>> {
        self.numbers.insert(word.to_owned(), self.weights.len());
        self.weights.push(PerClass::default());
        self.weights.last_mut()
    }
}

static SHIPPED: LazyLock<Model> =
    LazyLock::new(|| Model::read(include_str!("weights.txt")).unwrap_or_default());

impl Model {
    /// The model that this program was built with. A file that cannot be read is a fault that a test sees; the rules
    /// alone decide then.
    pub(crate) fn shipped() -> &'static Self {
        &SHIPPED
    }

    /// Reads a file of weights: after the line that names its form, a feature and its weights on each.
    pub(crate) fn read(file: &str) -> Option<Self> {
        let mut lines = file.lines();
        if lines.next()? != FORMAT {
            return None;
        }
        let mut model =
            Self { signs: vec![[0; CLASSES.len()]; signs::all().count()], ..Self::default() };
        for line in lines {
            let (name, numbers) = line.split_once(' ')?;
            if name == "calibration" {
                model.calibration.add(numbers)?;
            } else {
                *model.place(name)? = weights(numbers)?;
            }
        }
        Some(model)
    }

    /// The weights of a sign or a word.
    #[cfg(feature = "training")]
    pub(super) fn of(&self, name: &str) -> Option<&PerClass<i16>> {
        let known = |words: &'_ Words, word: &str| words.numbers.get(word).copied();
        if let Some(word) = name.strip_prefix(IN_TEXT) {
            return self.text.weights.get(known(&self.text, word)?);
        }
        if let Some(word) = name.strip_prefix(IN_SUBJECT) {
            return self.subject.weights.get(known(&self.subject, word)?);
        }
        self.signs.get(signs::all().position(|sign| sign.name == name)?)
    }

    /// Where the weights of a feature stand.
    fn place(&mut self, name: &str) -> Option<&mut PerClass<i16>> {
        if let Some(word) = name.strip_prefix(IN_TEXT) {
            return self.text.place(word);
        }
        if let Some(word) = name.strip_prefix(IN_SUBJECT) {
            return self.subject.place(word);
        }
        if let Some(class) = name.strip_prefix(RULES) {
            let at = CLASSES.iter().position(|known| known.as_str() == class)?;
            return Some(&mut self.rules[at]);
        }
        if name == "bias" {
            return Some(&mut self.bias);
        }
        let at = signs::all().position(|sign| sign.name == name)?;
        self.signs.get_mut(at)
    }
}

fn weights(numbers: &str) -> Option<PerClass<i16>> {
    let mut weights = PerClass::default();
    let mut numbers = numbers.split(' ');
    for weight in &mut weights {
        *weight = numbers.next()?.parse().ok()?;
    }
    numbers.next().is_none().then_some(weights)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_weights_can_be_read() {
        let model = Model::read(include_str!("weights.txt")).unwrap();
        assert!(model.text.weights.len() > 100 && model.subject.weights.len() > 10);
        assert!(model.calibration.is_known());
    }

    #[test]
    fn a_file_of_another_form_is_not_read() {
        assert!(Model::read("fanmail weights 0\n").is_none());
        assert!(Model::read(&format!("{FORMAT}\nbias 1 2\n")).is_none());
        assert!(Model::read(&format!("{FORMAT}\nno-such-sign 0 0 0 0 0 0 0 0\n")).is_none());
        let one = Model::read(&format!("{FORMAT}\ntext:free 0 0 0 0 0 0 -1 70\n")).unwrap();
        assert_eq!(one.text.weights[one.text.numbers["free"]], [0, 0, 0, 0, 0, 0, -1, 70]);
    }
}
