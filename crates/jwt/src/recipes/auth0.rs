//! Auth0: a tenant, or a custom domain of it, is an issuer.
//!
//! | | |
//! | --- | --- |
//! | `iss` | `https://chat.eu.auth0.com/`, with a slash at the end; the custom domain where the client signed in there. |
//! | `aud` | The identifier of the API that the client requested, often beside `https://chat.eu.auth0.com/userinfo`. Of an ID token: the client. |
//! | `azp` | The client; in tokens of the RFC 9068 profile it is `client_id` instead. |
//! | `typ` | In the header: `JWT`, or `at+jwt` in the RFC 9068 profile, which is a setting of the API. |
//!
//! - Register this server as an API, and name its identifier as the audience. Do not name `userinfo`, which tokens for
//!   all APIs of the tenant may have, nor a client, which is the audience of ID tokens.
//! - A client that does not say which `audience` it asks for gets a token that only Auth0 can read: 401.
//! - The API's signing algorithm must be RS256, or another with a public key: one of HS256 is verified with a secret.
//! - The subject is `auth0|<id>` or of another connection's name; of a token that a machine requested, it is
//!   `<client>@clients`.
//! - With the RFC 9068 profile, tokens have a `jti`, by which they can be revoked one by one, and a type of their own:
//!   `.token_type("at+jwt")` refuses ID tokens whatever their audience.
//!
//! ```
//! use portcullis_jwt::{JwtLayer, Verifier, jwks::Jwks, verifier::BuildError};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let keys = Jwks::discover("https://chat.eu.auth0.com/").build()?;
//! let verifier = Verifier::jwks(keys.clone())
//!     .audience("https://api.example.com/chat")
//!     .require_scope("chat:connect") // if the API defines one
//!     .build()?;
//! let layer = JwtLayer::<serde_json::Value>::new(verifier);
//! # drop(layer);
//! // Without the slash it is another issuer.
//! let wrong = Verifier::jwks(keys).issuer("https://chat.eu.auth0.com").audience("https://api.example.com/chat");
//! assert_eq!(wrong.build().unwrap_err(), BuildError::OtherIssuer);
//! # Ok(()) }
//! ```
