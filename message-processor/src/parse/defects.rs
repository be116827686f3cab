//! What is odd about a message, told once each.

use shared::result::Defect;

use super::limits;

/// The defects found so far.
#[derive(Default)]
pub(crate) struct Defects(Vec<Defect>);

impl Defects {
    /// Adds a defect, unless it is known. `detail` is in words and numbers of ours: it goes where logs go.
    pub(super) fn note(&mut self, code: &str, detail: impl Into<String>) {
        if self.0.len() < limits::DEFECTS && self.0.iter().all(|known| known.code != code) {
            self.0.push(Defect { code: code.to_owned(), detail: detail.into() });
        }
    }

    pub(super) fn into_list(self) -> Vec<Defect> {
        self.0
    }
}
