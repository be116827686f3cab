//! Shipped mail to which something has happened: whatever it becomes, there is a result.

use proptest::collection::vec;
use proptest::prelude::*;

use crate::mutation::mutated;
use crate::{collection, forwarding, promise};

fn shipped() -> Vec<Vec<u8>> {
    collection::shipped().into_iter().map(|mail| mail.raw).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_becomes_of_a_message_it_has_a_result(mail in mutated(shipped())) {
        promise::is_kept_by(&mail);
        forwarding::is_kept_by(&mail);
    }

    #[test]
    fn bytes_that_never_were_a_message_have_a_result(bytes in vec(any::<u8>(), 0..4_000)) {
        promise::is_kept_by(&bytes);
        forwarding::is_kept_by(&bytes);
    }
}
