//! How much memory a message takes to be understood, itself included: at most three times its size, whatever its shape.
//!
//! A binary of its own, because it counts what the whole process allocates; hence also one test and not one a shape.

// `cfg(test)` holds for the whole binary; it tells clippy that an unwrap in here is a test's.
#[cfg(test)]
#[path = "memory/shapes.rs"]
mod shapes;

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use message_processor::{Circumstances, understand};
    use peak_alloc::PeakAlloc;

    use super::shapes;

    #[global_allocator]
    static MEMORY: PeakAlloc = PeakAlloc;

    /// What a message may take, as a multiple of its size.
    const TIMES: usize = 3;

    /// What it may take beside, however small it is: what is read of a text part and of a field has a length of its own,
    /// and a field of addresses takes fifty times its 64 KB while it is read.
    const BESIDE: usize = 4 << 20;

    /// Gmail takes no larger message.
    const LARGE: usize = 25 << 20;

    /// From the raw bytes to the stored document. Tells what it took; what is too much comes back.
    #[expect(
        clippy::disallowed_methods,
        reason = "nothing is simulated here: it is the real time that is told"
    )]
    #[expect(clippy::print_stdout, reason = "the figures are what one runs this test for")]
    fn excess(name: &str, make: impl Fn() -> Vec<u8>) -> Option<String> {
        let before = MEMORY.current_usage();
        let raw = make();
        MEMORY.reset_peak_usage();
        let start = Instant::now();
        let result = understand(&raw, &["INBOX"]).into_result(Circumstances::default());
        let document = serde_json::to_vec(&result).unwrap();
        let took = start.elapsed();
        assert!(!document.is_empty());
        let peak = MEMORY.peak_usage() - before;
        let told = format!("{name}: {} bytes, {peak} in memory, {took:.1?}", raw.len());
        println!("{told}");
        // A large one must not need what a small one may take beside.
        let beside = if raw.len() < LARGE / 2 { BESIDE } else { 0 };
        (peak > TIMES * raw.len() + beside).then_some(told)
    }

    #[test]
    fn no_message_takes_more_than_three_times_its_size() {
        // The first message pays for what is made once.
        let _ = excess("the first", || shapes::text(1_000));
        let mut beyond = Vec::new();
        for (name, make) in shapes::ALL {
            for size in [1_000, 1 << 20, LARGE] {
                beyond.extend(excess(name, || make(size)));
            }
        }
        for unit in shapes::BEGINNINGS {
            beyond.extend(excess(&format!("fields of {unit:?}"), || shapes::beginnings(unit)));
        }
        assert!(beyond.is_empty(), "{beyond:#?}");
    }
}
