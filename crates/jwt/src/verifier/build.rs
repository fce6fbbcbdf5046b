//! Builds a verifier: everything that its settings say is checked here.

use super::{
    build_error::BuildError,
    builder::Builder,
    claims::{Notices, Rules},
    header::Types,
    verify::{Source, Verifier},
};
use crate::keys::provider;

impl Builder {
    /// Builds the verifier.
    ///
    /// ```
    /// # #[cfg(feature = "rust_crypto")] {
    /// use portcullis_jwt::{Verifier, verifier::BuildError};
    ///
    /// let builder = || Verifier::hs256([7; 32]);
    /// for (mistake, error) in [
    ///     (builder().audience("chat"), BuildError::NoIssuer),
    ///     (builder().issuer("https://id.example.com"), BuildError::NoAudience),
    ///     (
    ///         builder().any_issuer().audience("chat").any_audience(),
    ///         BuildError::Contradiction("`audience` or `any_audience`"),
    ///     ),
    ///     (builder().any_issuer().audience(""), BuildError::Empty("audience")), // as of an unset variable
    ///     (builder().any_issuer().any_audience().require_scope("read write"), BuildError::SpaceInScope),
    /// ] {
    ///     assert_eq!(mistake.build().unwrap_err(), error);
    /// }
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`BuildError`] for every mistake that would otherwise show at the first token.
    #[cfg_attr(not(feature = "jwks"), expect(unused_mut, reason = "keys that are fetched may know their issuer"))]
    pub fn build(mut self) -> Result<Verifier, BuildError> {
        #[cfg(feature = "jwks")]
        {
            let issuer = self.source.as_ref().ok().and_then(Source::issuer);
            self.issuers = std::mem::take(&mut self.issuers).with_keys_of(issuer)?;
        }
        match &self.source {
            Err(error) => return Err(BuildError::Key(*error)),
            Ok(Source::Keys(keys)) if keys.is_empty() => return Err(BuildError::NoKey),
            Ok(_) => {}
        }
        self.make_sense()?;
        provider().ok_or(BuildError::NoProvider)?;
        let source = self.source.map_err(BuildError::Key)?;
        let issuers = self.issuers.resolve();
        let mut types = Types::default();
        self.types.iter().for_each(|typ| types.insert(typ));
        let rules = Rules {
            types,
            issuers,
            audiences: (!self.any_audience).then_some(self.audiences),
            expiry: !self.without_expiry,
            max_lifetime: self.max_lifetime,
            max_ahead: self.max_ahead,
            leeway: self.leeway,
            subject: self.subject,
            required: self.required,
            scopes: self.scopes,
            notices: Notices::default(),
        };
        Ok(Verifier::new(source, rules, self.max_bytes, self.clock))
    }

    fn make_sense(&self) -> Result<(), BuildError> {
        let texts = [
            ("issuer", &self.issuers.names),
            ("audience", &self.audiences),
            ("token_type", &self.types),
            ("require_claim", &self.required),
            ("require_scope", &self.scopes),
        ];
        if let Some((setting, _)) = texts.iter().find(|(_, texts)| texts.contains("")) {
            return Err(BuildError::Empty(setting));
        }
        if self.scopes.iter().any(|scope| scope.contains(|c: char| c.is_ascii_whitespace())) {
            return Err(BuildError::SpaceInScope);
        }
        self.issuers.make_sense()?;
        match (self.audiences.is_empty(), self.any_audience) {
            (true, false) => Err(BuildError::NoAudience),
            (false, true) => Err(BuildError::Contradiction("`audience` or `any_audience`")),
            _ => Ok(()),
        }
    }
}
