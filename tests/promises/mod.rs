//! What each trait promises: one list per trait, run by name against every backend.

/// Runs each promise against each backend, in a world of its own. Another backend is another column here and another
/// function in [`world`].
macro_rules! promises {
    ($($name:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $name() {
                super::$name(crate::promises::world::sqlite().await).await;
            })+
        }

        mod memory {
            $(#[tokio::test]
            async fn $name() {
                super::$name(crate::promises::world::memory()).await;
            })+
        }

        mod aws {
            $(#[tokio::test]
            async fn $name() {
                super::$name(crate::promises::aws::world().await).await;
            })+
        }
    };
}

mod archive;
mod aws;
mod consent;
mod control;
mod cursor;
mod dead_letters;
mod events;
mod fairness;
mod index;
mod marks;
mod packs;
mod purge;
mod queue;
mod resealing;
mod scan;
mod sealing;
mod states;
pub(crate) mod world;
