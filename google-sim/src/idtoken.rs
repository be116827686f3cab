//! The key that says who somebody is: ID tokens are signed with it, and its public half is published.
//!
//! The first RSA key of a world is made when it is needed: making it takes longer than most tests. After a rotation new
//! tokens are signed with the new key, and the old one is published beside it, as with Google.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// Cryptography failed, which only a broken machine makes it do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an RSA key could not be made or used")]
pub(crate) struct KeyFailure;

/// Keys that are published at a time.
const PUBLISHED: usize = 2;

/// The keys of a world, oldest first.
#[derive(Debug, Default)]
pub(crate) struct SigningKeys(Vec<SigningKey>);

/// A key, and its name in tokens and in the published set.
#[derive(Debug)]
struct SigningKey {
    pair: RsaKeyPair,
    name: String,
}

impl SigningKeys {
    /// Makes a key that signs from now on; the oldest of more than two is forgotten.
    pub(crate) fn rotate(&mut self) -> Result<(), KeyFailure> {
        self.0.push(SigningKey::generate()?);
        let extra = self.0.len().saturating_sub(PUBLISHED);
        self.0.drain(..extra);
        Ok(())
    }

    /// The claims as a signed token.
    pub(crate) fn sign(&mut self, claims: &Value) -> Result<String, KeyFailure> {
        self.prepare()?;
        self.0.last().ok_or(KeyFailure)?.sign(claims)
    }

    /// The public halves as a JWKS document.
    pub(crate) fn jwks(&mut self) -> Result<Value, KeyFailure> {
        self.prepare()?;
        Ok(json!({"keys": self.0.iter().map(SigningKey::jwk).collect::<Vec<_>>()}))
    }

    fn prepare(&mut self) -> Result<(), KeyFailure> {
        if self.0.is_empty() { self.rotate() } else { Ok(()) }
    }
}

impl SigningKey {
    fn generate() -> Result<Self, KeyFailure> {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).map_err(|_| KeyFailure)?;
        // Two worlds, or one that was started again, must not call different keys by the same name.
        let name = digest(&SHA256, pair.public_key().as_ref());
        Ok(Self { pair, name: URL_SAFE_NO_PAD.encode(name) })
    }

    fn sign(&self, claims: &Value) -> Result<String, KeyFailure> {
        let header = json!({"alg": "RS256", "kid": self.name, "typ": "JWT"}).to_string();
        let signed =
            [header, claims.to_string()].map(|part| URL_SAFE_NO_PAD.encode(part)).join(".");
        let mut signature = vec![0; self.pair.public_modulus_len()];
        let random = SystemRandom::new();
        self.pair
            .sign(&RSA_PKCS1_SHA256, &random, signed.as_bytes(), &mut signature)
            .map_err(|_| KeyFailure)?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    fn jwk(&self) -> Value {
        let (n, e) = components(self.pair.public_key().as_ref()).unwrap_or_default();
        let [n, e] = [n, e].map(|number| URL_SAFE_NO_PAD.encode(number));
        json!({"kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.name, "n": n, "e": e})
    }
}

/// Modulus and exponent out of an `RSAPublicKey`, which is a DER sequence of two integers (RFC 8017, A.1.1).
fn components(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (sequence, _) = value(der, 0x30)?;
    let (n, rest) = value(sequence, 0x02)?;
    let (e, _) = value(rest, 0x02)?;
    // A leading zero only says that the number is positive.
    Some((n.strip_prefix(&[0]).unwrap_or(n), e))
}

/// The DER value with this tag at the front, and what follows it.
fn value(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (found, rest) = der.split_first()?;
    let (length, rest) = rest.split_first()?;
    let (length, rest) = if *length < 0x80 {
        (usize::from(*length), rest)
    } else {
        let (digits, rest) = rest.split_at_checked(usize::from(length & 0x7f))?;
        (digits.iter().fold(0, |sum, digit| sum << 8 | usize::from(*digit)), rest)
    };
    rest.split_at_checked(length).filter(|_| *found == tag)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};

    fn verify(token: &str, jwk: &Value) -> bool {
        let text = |name: &str| jwk[name].as_str().unwrap();
        let public = DecodingKey::from_rsa_components(text("n"), text("e")).unwrap();
        let mut rules = Validation::new(Algorithm::RS256);
        rules.set_audience(&["me"]);
        decode::<Value>(token, &public, &rules).is_ok_and(|token| token.claims["sub"] == "1")
    }

    #[test]
    fn what_is_signed_is_verified_by_the_published_key() {
        let mut keys = SigningKeys::default();
        let mut token =
            keys.sign(&json!({"sub": "1", "aud": "me", "exp": 4_000_000_000_u64})).unwrap();
        let jwk = keys.jwks().unwrap()["keys"][0].clone();
        assert!(verify(&token, &jwk));
        token.insert(token.rfind('.').unwrap(), 'A');
        assert!(!verify(&token, &jwk));
    }

    #[test]
    fn after_a_rotation_both_keys_are_published_and_the_new_one_signs() {
        let mut keys = SigningKeys::default();
        let claims = json!({"sub": "1", "aud": "me", "exp": 4_000_000_000_u64});
        let old = keys.sign(&claims).unwrap();
        keys.rotate().unwrap();
        let new = keys.sign(&claims).unwrap();
        let jwks = keys.jwks().unwrap();
        for (token, place) in [(old, 0), (new, 1)] {
            let jwk = &jwks["keys"][place];
            assert!(verify(&token, jwk));
            assert_eq!(decode_header(token).unwrap().kid.as_deref(), jwk["kid"].as_str());
        }
        keys.rotate().unwrap();
        assert_eq!(keys.jwks().unwrap()["keys"].as_array().unwrap().len(), PUBLISHED);
    }
}
