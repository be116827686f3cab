//! Figures of many measurements.

use std::collections::BTreeSet;

use super::consumer::Consumer;
use super::{MessageKey, Site};
use crate::{Bound, Figure};

/// A figure.
pub fn figure(name: &str, value: f64, bound: Bound) -> Figure {
    Figure { name: name.to_owned(), value, bound }
}

/// A count as a figure; ours are small.
pub fn count(number: usize) -> f64 {
    u32::try_from(number).map_or(f64::INFINITY, f64::from)
}

/// The value below which this share (0 to 1) of `values` lies; infinity of none, so that no bound holds.
pub fn quantile(mut values: Vec<f64>, share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let wanted = share * count(values.len());
    let at = (0..values.len()).find(|at| count(*at) + 1.0 >= wanted);
    at.map_or(f64::INFINITY, |at| values[at])
}

/// That everything which was delivered came out once or is accounted for, and nothing else came out. `serve` has ended.
pub fn nothing_is_lost(
    site: &Site,
    consumer: &Consumer,
    delivered: &BTreeSet<MessageKey>,
) -> anyhow::Result<Vec<Figure>> {
    let letters = site.typed(&["dead-letters", "list", "--limit", "100000"])?;
    let open = letters.iter().filter(|letter| letter["state"] != "resolved").count();
    let accounts = site.typed(&["accounts", "list"])?;
    let listed = accounts.iter().filter_map(|account| account["messages"]["listed"].as_u64());
    let listed: u64 = listed.sum();
    let (told, listed) = (consumer.told.len(), usize::try_from(listed)?);
    let (none, all) = (Bound::Exactly(0.0), Bound::Exactly(count(told)));
    let accounted = Bound::Exactly(count(delivered.len()));
    Ok(vec![
        figure("messages announced", count(told), Bound::Printed),
        figure("messages announced, or listed for later", count(told + listed), accounted),
        figure("messages announced that never arrived", count(consumer.unknown(delivered)), none),
        figure("messages announced under a second id", count(consumer.renamed), none),
        figure("results stored", count(site.files("results")?), all),
        figure("originals stored", count(site.files("raw")?), all),
        figure("open dead letters", count(open), none),
    ])
}
