//! Keycloak: a realm is an issuer.
//!
//! | | |
//! | --- | --- |
//! | `iss` | `https://sso.example.com/realms/chat`, without a slash at the end. It follows the server's `hostname`, and the address that the browser used where none is set. |
//! | `aud` | Whatever mappers say. Without one, `account` or nothing at all; never the client that the token was issued to. |
//! | `azp` | The client that the token was issued to, always. |
//! | `typ` | Among the claims: `Bearer` for an access token, `ID` for an ID token. In the header: `JWT`, or `at+jwt` where the client is set so. |
//!
//! - Add a client scope with an *Audience* mapper for this server (`chat-api` below), and give it to the clients that
//!   may connect. Do not name `account` as the audience: tokens for all applications of the realm have it.
//! - Check that `typ` is `Bearer`: an ID token is signed with the same keys, and a mapper may give it the same
//!   audience. Where the client's tokens have `at+jwt` in the header, requiring that does the same.
//! - Check `azp` where only some clients of the realm may connect.
//! - Require `sub`: a client without the client scope `basic` gets tokens that have none, to which no limit per subject
//!   applies.
//! - The realm publishes a key for encryption among the others (`use` is `enc`). It is left out.
//!
//! ```
//! use portcullis_jwt::{JwtLayer, Verifier, jwks::Jwks, verifier::BuildError};
//!
//! #[derive(Clone, serde::Deserialize)]
//! struct User {
//!     typ: String,
//!     azp: String,
//!     preferred_username: Option<String>,
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let keys = Jwks::discover("https://sso.example.com/realms/chat").build()?;
//! let verifier = Verifier::jwks(keys.clone()).audience("chat-api").require_claim("sub").build()?;
//! let layer = JwtLayer::<User>::new(verifier)
//!     .authorize(|user| user.typ == "Bearer")
//!     .authorize(|user| user.azp == "chat-web");
//! # drop(layer);
//! // Without an audience, tokens for every other application of the realm would do.
//! assert_eq!(Verifier::jwks(keys).build().unwrap_err(), BuildError::NoAudience);
//! # Ok(()) }
//! ```
//!
//! # On your machine
//!
//! A Keycloak in development has no certificate: an issuer whose host is this machine may be reached over plain http.
//! In a network of containers its tokens still say what the browser used, and only the document is elsewhere:
//!
//! ```
//! use portcullis_jwt::jwks::Jwks;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let keys = Jwks::discover("http://localhost:8080/realms/chat").build()?;
//! let in_a_container = Jwks::discover("http://localhost:8080/realms/chat")
//!     .at("http://keycloak:8080/realms/chat/.well-known/openid-configuration")
//!     .build()?;
//! # drop((keys, in_a_container));
//! assert!(Jwks::discover("http://keycloak:8080/realms/chat").build().is_err(), "not this machine");
//! # Ok(()) }
//! ```
