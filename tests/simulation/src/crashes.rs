//! Every point at which a process can die, singly and in pairs.

mod scenarios;

use std::time::Duration;

pub use self::scenarios::SCENARIOS;
use crate::fate::{Plan, Point};
use crate::witness::Violation;
use crate::world::{Nature, World};

/// A small story, told again and again with other deaths in it.
#[derive(Clone, Copy)]
pub struct Scenario {
    /// Its name.
    pub name: &'static str,
    /// Sets the world.
    nature: fn() -> Nature,
    /// What happens before deaths are counted.
    before: fn(&mut World),
    /// What happens then.
    script: fn(&mut World),
}

/// How a run with deaths ended.
pub struct Outcome {
    /// Calls that were made while deaths were possible.
    pub calls: usize,
    /// What must not have been.
    pub violations: Vec<Violation>,
}

impl Scenario {
    /// Tells the story with these deaths in it, in calls counted from the start of the script.
    pub fn tell(&self, deaths: &[Point]) -> (World, Outcome) {
        let mut world = World::new((self.nature)());
        (self.before)(&mut world);
        let first = world.fate.calls();
        let deaths = deaths.iter().map(|point| Point { call: first + point.call, ..*point });
        world.fate.follow(Plan::Crashes(deaths.collect()));
        (self.script)(&mut world);
        // What a death left behind is taken up again minutes later, and may die again.
        let limit = world.now() + Duration::from_hours(12);
        world.run_until(limit, World::is_at_rest);
        let calls = world.fate.calls() - first;
        world.finish();
        let violations = world.witness.seen().violations.clone();
        (world, Outcome { calls, violations })
    }
}
