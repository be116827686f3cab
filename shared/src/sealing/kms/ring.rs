//! The data keys under one key of KMS that this process knows.
//!
//! Every process that seals begins with a data key of its own. Whoever seals access tokens also opens them, hence comes
//! to know the others' data keys, and seals on under the oldest that is fresh: a fleet soon seals under one, and who
//! opens asks KMS once, not once for each that seals. Refresh tokens are left out: what the callback seals under, which
//! opens nothing, is not for others to seal under.

use std::collections::HashMap;
use std::sync::{Arc, Mutex as Short, MutexGuard, PoisonError};

use aws_sdk_kms::Client;
use aws_sdk_kms::operation::decrypt::DecryptError;
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::DataKeySpec;
use tokio::sync::{Mutex, OnceCell};
use zeroize::Zeroizing;

use super::data_key::{DataKey, LIFE, Wrapped};
use crate::aws::{Place, fault};
use crate::clock::{Chance, Clock, Timestamp};
use crate::sealing::cipher::ROOT_LEN;
use crate::sealing::{SealingError, TokenKind};
use crate::store::StoreError;

/// How many data keys are kept for opening, a few kilobytes each. Every process that seals adds one an hour.
pub(super) const KEPT: usize = 1000;

const SEALING: &str = "making a data key";
const OPENING: &str = "unwrapping a data key";

/// What became of a wrapped key.
pub(super) enum Unwrapped {
    /// The plain one.
    Key(Arc<DataKey>),
    /// It was not wrapped under this key for this kind of token.
    Refused,
}

/// The data keys under one key of KMS.
pub(super) struct Ring {
    client: Client,
    key_id: String,
    kind: TokenKind,
    clock: Clock,
    chance: Chance,
    /// The one that is sealed under now. Held while KMS is asked: those that start together share one.
    sealing: Mutex<Option<Arc<DataKey>>>,
    opened: Short<HashMap<Wrapped, Kept>>,
}

/// A data key that was asked for: those that need it at once ask once.
#[derive(Clone)]
struct Kept {
    key: Arc<OnceCell<Arc<DataKey>>>,
    until: Timestamp,
}

impl Ring {
    pub(super) fn new(
        client: Client,
        key_id: String,
        kind: TokenKind,
        clock: Clock,
        chance: Chance,
    ) -> Self {
        let (sealing, opened) = (Mutex::default(), Short::default());
        Self { client, key_id, kind, clock, chance, sealing, opened }
    }

    /// The data key to seal one token under.
    pub(super) async fn for_sealing(&self) -> Result<Arc<DataKey>, SealingError> {
        let mut current = self.sealing.lock().await;
        let now = self.clock.now();
        // Dropped first: a KMS that is out of reach does not prolong its life.
        let fresh = current.take().filter(|key| key.is_fresh(now)).or_else(|| self.oldest(now));
        let key = match fresh {
            Some(key) => key,
            None => self.generate(now).await?,
        };
        *current = Some(Arc::clone(&key));
        Ok(key)
    }

    /// The data key that `wrapped` is.
    pub(super) async fn unwrap(&self, wrapped: Wrapped) -> Result<Unwrapped, SealingError> {
        let cell = self.kept(&wrapped).key;
        let found = cell.get_or_try_init(|| self.decrypt(wrapped)).await;
        match found {
            Ok(key) => {
                self.prefer(key);
                Ok(Unwrapped::Key(Arc::clone(key)))
            }
            Err(NotUnwrapped::Refused) => Ok(Unwrapped::Refused),
            Err(NotUnwrapped::Failed(error)) => Err(error),
        }
    }

    /// Seals on under `key`, if it is older than the one that is sealed under now, and fresh.
    fn prefer(&self, key: &Arc<DataKey>) {
        if self.kind == TokenKind::Refresh || !key.is_fresh(self.clock.now()) {
            return;
        }
        // Whoever holds it is just making a key; the next token that is opened will tell.
        let Ok(mut current) = self.sealing.try_lock() else { return };
        if let Some(current) = current.as_mut().filter(|current| key.born < current.born) {
            *current = Arc::clone(key);
        }
    }

    /// The oldest fresh data key that is known.
    fn oldest(&self, now: Timestamp) -> Option<Arc<DataKey>> {
        if self.kind == TokenKind::Refresh {
            return None;
        }
        let opened = self.opened();
        let known = opened.values().filter_map(|kept| kept.key.get());
        known.filter(|key| key.is_fresh(now)).min_by_key(|key| key.born).cloned()
    }

    async fn generate(&self, born: Timestamp) -> Result<Arc<DataKey>, SealingError> {
        let request = self.client.generate_data_key().key_id(self.key_id(SEALING)?);
        let request = request.key_spec(DataKeySpec::Aes256);
        let request = request.set_encryption_context(Some(self.context(born)));
        let made = request.send().await;
        let at = self.place(SEALING, "kms:GenerateDataKey");
        let made = made.map_err(|error| SealingError::Keys(fault(at, error)))?;
        let blob = made.ciphertext_blob.map(Blob::into_inner).unwrap_or_default();
        let wrapped = Wrapped { born, blob };
        let Some(plain) = root(made.plaintext) else {
            let source = "KMS answered without a key of 32 bytes".into();
            return Err(SealingError::Keys(StoreError::Unavailable { doing: SEALING, source }));
        };
        let key = Arc::new(DataKey::new(&wrapped, &plain, self.chance.clone())?);
        // What it seals it opens, if it ever reads it back, without asking.
        let kept = self.kept(&wrapped).key;
        let _ = kept.set(Arc::clone(&key));
        Ok(key)
    }

    async fn decrypt(&self, wrapped: Wrapped) -> Result<Arc<DataKey>, NotUnwrapped> {
        let key_id = self.key_id(OPENING).map_err(NotUnwrapped::Failed)?;
        let request = self.client.decrypt().key_id(key_id);
        let request = request.ciphertext_blob(Blob::new(wrapped.blob.clone()));
        let request = request.set_encryption_context(Some(self.context(wrapped.born)));
        let answer = match request.send().await {
            Ok(answer) => answer,
            Err(error) if error.as_service_error().is_some_and(is_not_ours) => {
                return Err(NotUnwrapped::Refused);
            }
            Err(error) => {
                let error = fault(self.place(OPENING, "kms:Decrypt"), error);
                return Err(NotUnwrapped::Failed(SealingError::Keys(error)));
            }
        };
        let plain = root(answer.plaintext).ok_or(NotUnwrapped::Refused)?;
        let key = DataKey::new(&wrapped, &plain, self.chance.clone());
        key.map(Arc::new).map_err(NotUnwrapped::Failed)
    }

    /// The place of a wrapped key among those that are kept.
    fn kept(&self, wrapped: &Wrapped) -> Kept {
        let now = self.clock.now();
        let mut opened = self.opened();
        opened.retain(|_, kept| kept.until > now);
        if let Some(kept) = opened.get(wrapped) {
            return kept.clone();
        }
        if opened.len() >= KEPT {
            let oldest = opened.iter().min_by_key(|(_, kept)| kept.until);
            let oldest = oldest.map(|(wrapped, _)| wrapped.clone());
            oldest.and_then(|wrapped| opened.remove(&wrapped));
        }
        let kept = Kept { key: Arc::default(), until: now + LIFE };
        opened.insert(wrapped.clone(), kept.clone());
        kept
    }

    /// The key in KMS, if this process has one to use.
    fn key_id(&self, doing: &'static str) -> Result<&str, SealingError> {
        if self.key_id.is_empty() {
            let source = format!(
                "no key for {} tokens is set: this part may not use it",
                self.kind.as_str()
            );
            let source = source.into();
            return Err(SealingError::Keys(StoreError::Broken { doing, source }));
        }
        Ok(&self.key_id)
    }

    fn opened(&self) -> MutexGuard<'_, HashMap<Wrapped, Kept>> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a data key is for. KMS unwraps it for nothing else, and writes this into its log in clear.
    fn context(&self, born: Timestamp) -> HashMap<String, String> {
        let token = ("token".to_owned(), self.kind.as_str().to_owned());
        HashMap::from([token, ("born".to_owned(), born.to_string())])
    }

    fn place(&self, doing: &'static str, action: &'static str) -> Place<'_> {
        Place { doing, action, resource: &self.key_id }
    }
}

/// Why there is no plain key.
enum NotUnwrapped {
    Refused,
    Failed(SealingError),
}

/// Whether KMS says that the text is at fault, and not the key or the permission.
fn is_not_ours(error: &DecryptError) -> bool {
    error.is_invalid_ciphertext_exception() || error.is_incorrect_key_exception()
}

/// The plain key, zeroed on drop.
fn root(plain: Option<Blob>) -> Option<Zeroizing<[u8; ROOT_LEN]>> {
    let plain = Zeroizing::new(plain?.into_inner());
    let mut root = Zeroizing::new([0; ROOT_LEN]);
    (plain.len() == ROOT_LEN).then(|| root.copy_from_slice(&plain))?;
    Some(root)
}
