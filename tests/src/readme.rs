//! The README, whose commands and queries are run as they stand there.

use std::fs;

const README: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md");

/// The first block that holds this text, without the line that names its language.
pub fn block(with: &str) -> String {
    let readme = fs::read_to_string(README).unwrap();
    let mut blocks = readme.split("```").skip(1).step_by(2);
    let block = blocks.find(|block| block.contains(with)).unwrap();
    block.split_once('\n').unwrap().1.to_owned()
}
