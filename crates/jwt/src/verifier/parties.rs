//! Which issuers' tokens a verifier accepts, for which services, and which claim names the subject.

use serde_json::Value;

use super::{builder::Builder, claims::SubjectOf};

impl Builder {
    /// Accepts tokens from an issuer (`iss`). May be called several times.
    ///
    /// Every key of this verifier is trusted for each of its issuers, so issuers that do not trust each other need a
    /// verifier each, combined by [`Verifiers`](crate::Verifiers). For another spelling of an issuer, use
    /// [`issuer_alias`](Self::issuer_alias).
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.issuers.names.insert(issuer.into());
        self
    }

    /// Accepts another spelling of an issuer: tokens with `alias` count as tokens of `issuer`, which has to be set as
    /// well. This matters with [`Verifiers`](crate::Verifiers), where the issuer's name is part of a subject.
    ///
    /// ```
    /// # #[cfg(feature = "rust_crypto")] {
    /// use portcullis_jwt::{Verifier, Verifiers, Verify};
    /// use serde_json::{Value, json};
    ///
    /// # let _first = jsonwebtoken::crypto::rust_crypto::DEFAULT_PROVIDER.install_default();
    /// # let key = jsonwebtoken::EncodingKey::from_secret(&[7; 32]);
    /// # let sign = |claims: &Value| jsonwebtoken::encode(&Default::default(), claims, &key).unwrap();
    /// let google = Verifier::hs256([7; 32]) // in truth, its published keys
    ///     .issuer("https://accounts.google.com")
    ///     .issuer_alias("accounts.google.com", "https://accounts.google.com")
    ///     .audience("chat");
    /// let verifiers = Verifiers::new([google.build().unwrap()]).unwrap();
    /// let subject = |iss: &str| {
    ///     let token = sign(&json!({"iss": iss, "sub": "alice", "aud": "chat", "exp": 4102444800_u64}));
    ///     Verify::<Value>::verify(&verifiers, &token).at_once().unwrap().ok().and_then(|verified| verified.subject)
    /// };
    /// assert!(subject("accounts.google.com").is_some());
    /// assert_eq!(subject("accounts.google.com"), subject("https://accounts.google.com"), "one user");
    /// assert_eq!(subject("accounts.google.com."), None);
    /// # }
    /// ```
    pub fn issuer_alias(mut self, alias: impl Into<String>, issuer: impl Into<String>) -> Self {
        self.issuers.aliases.insert((alias.into(), issuer.into()));
        self
    }

    /// Accepts tokens of these tenants, if the keys were discovered for an issuer with `{tenantid}`. Anyone can create
    /// a tenant, so such a verifier cannot be built without this list.
    #[cfg(feature = "jwks")]
    pub fn tenants(mut self, tenants: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.issuers.tenants.extend(tenants.into_iter().map(Into::into));
        self
    }

    /// Accepts tokens of any issuer, and tokens without one: everything signed with the key is trusted.
    pub fn any_issuer(mut self) -> Self {
        self.issuers.any = true;
        self
    }

    /// Accepts tokens for an audience (`aud`). May be called several times; a token needs one of them.
    ///
    /// An issuer signs tokens for many services. Without a check of the audience, any of these services could use the
    /// token that it was sent to act as its user here.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audiences.insert(audience.into());
        self
    }

    /// Accepts tokens for any audience, also those issued for other services.
    pub fn any_audience(mut self) -> Self {
        self.any_audience = true;
        self
    }

    /// Takes the subject from other claims than `sub`: it is what `subject` returns. `None` and an empty text mean that
    /// there is no subject.
    ///
    /// ```
    /// # #[cfg(feature = "rust_crypto")] {
    /// # use portcullis_jwt::{Verifier, Verify};
    /// # use serde_json::{Value, json};
    /// # let _first = jsonwebtoken::crypto::rust_crypto::DEFAULT_PROVIDER.install_default();
    /// # let key = jsonwebtoken::EncodingKey::from_secret(&[7; 32]);
    /// # let sign = |claims: &Value| jsonwebtoken::encode(&Default::default(), claims, &key).unwrap();
    /// // Entra ID: the same user has another `sub` for each application.
    /// let builder = Verifier::hs256([7; 32]).any_issuer().any_audience().without_expiry();
    /// let of = |claims: &Value| Some(format!("{}/{}", claims["tid"].as_str()?, claims["oid"].as_str()?));
    /// let verifier = builder.subject(of).build().unwrap();
    /// let subject = |claims| {
    ///     let verified = Verify::<Value>::verify(&verifier, &sign(&claims)).at_once().unwrap().unwrap();
    ///     verified.subject.map(|subject| subject.as_str().to_owned())
    /// };
    /// assert_eq!(subject(json!({"sub": "x", "tid": "contoso", "oid": "7"})).as_deref(), Some("contoso/7"));
    /// assert_eq!(subject(json!({"sub": "x", "tid": "contoso"})), None, "not `sub`");
    /// # }
    /// ```
    pub fn subject(mut self, subject: impl Fn(&Value) -> Option<String> + Send + Sync + 'static) -> Self {
        self.subject = SubjectOf::Claims(Box::new(subject));
        self
    }
}
