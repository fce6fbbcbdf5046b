//! Google: one issuer for all accounts.
//!
//! | | |
//! | --- | --- |
//! | `iss` | `https://accounts.google.com`, and in some tokens `accounts.google.com`. |
//! | `aud` | The client identifier that the token was requested for, which ends in `.apps.googleusercontent.com`. |
//! | `azp` | The client that requested it. It differs from `aud` where an app requested a token for its server. |
//! | `typ` | In the header, and always `JWT`. |
//!
//! - These are ID tokens: only Google's own servers can read its access tokens (`ya29...`). An app that sends its ID
//!   token to its own server asks for one whose audience is that server's client.
//! - Anyone can have an account. Those of one Google Workspace organisation have its domain in `hd`; an `email` alone
//!   proves nothing about an organisation, and may change. `sub` is the user's name for good.
//! - A token lives for an hour, and so does a connection, unless it is renewed.
//! - The keys are on another host than the issuer, as its document says.
//! - The second spelling is an alias: by either, a user is the same behind [`Verifiers`](crate::Verifiers).
//!
//! ```
//! use std::time::Duration;
//!
//! use portcullis_jwt::{JwtLayer, Verifier, jwks::Jwks, verifier::BuildError};
//!
//! #[derive(Clone, serde::Deserialize)]
//! struct User {
//!     hd: Option<String>,
//!     name: Option<String>,
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let keys = Jwks::discover("https://accounts.google.com").build()?;
//! let verifier = Verifier::jwks(keys.clone())
//!     .issuer_alias("accounts.google.com", "https://accounts.google.com")
//!     .audience("1234987819200.apps.googleusercontent.com")
//!     .max_lifetime(Duration::from_secs(3600)) // whatever a token says
//!     .build()?;
//! let layer = JwtLayer::<User>::new(verifier).authorize(|user| user.hd.as_deref() == Some("example.com"));
//! # drop(layer);
//! // Without an audience, a token that was issued for any other site would do.
//! assert_eq!(Verifier::jwks(keys).build().unwrap_err(), BuildError::NoAudience);
//! # Ok(()) }
//! ```
