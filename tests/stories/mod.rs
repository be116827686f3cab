//! What the design guarantees, told over the production stages, every backend and the simulated Google.
//!
//! A story runs in a [`world::World`] of its own, on one thread, under a clock that it moves itself: nothing waits, and
//! the same story is the same story every time. Another backend is another column of [`stories`] and another function
//! in [`backend`].

/// Tells each story over each backend, in a world of its own.
macro_rules! stories {
    ($($name:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $name() {
                let backend = crate::stories::backend::sqlite;
                super::$name(crate::stories::world::World::over(backend).await).await;
            })+
        }

        mod memory {
            $(#[tokio::test]
            async fn $name() {
                let backend = crate::stories::backend::memory;
                super::$name(crate::stories::world::World::over(backend).await).await;
            })+
        }
    };
}

mod actions;
mod announce_again;
mod audit;
mod backend;
mod breaker;
mod connecting;
mod contracts;
mod crashes;
mod dead_letters;
mod desk;
mod domains;
mod effects;
mod gaps;
mod google;
mod index;
mod lives;
mod mail;
mod notices;
mod odd_mail;
mod pacing;
mod packs;
mod pausing;
mod purge;
mod readings;
mod reclassify;
mod rotation;
mod rules;
mod security_events;
mod silence;
mod tokens;
mod world;
