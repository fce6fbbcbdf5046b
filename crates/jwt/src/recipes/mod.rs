//! Issuers that people use, and what their tokens look like.
//!
//! Every recipe answers the same four questions, because each issuer answers them in its own way:
//!
//! - **`iss`**: how the issuer spells its own name. [`Jwks::discover`](crate::jwks::Jwks::discover) takes that
//!   spelling, to the letter, and the verifier accepts it.
//! - **`aud`**: which of the names in it is this server's. An audience that every token of an issuer has protects
//!   nothing: a token that was issued for another application of the same users would open a connection here.
//! - **`azp`**, the client that requested the token: whether there is one, and whether to look at it.
//! - **`typ`**, in the header or among the claims: how an access token is distinguished from an ID token. Both are
//!   signed with the same keys. An ID token tells a client who has signed in, and is not meant for a server's door,
//!   except where there is nothing else.
//!
//! Keys need no recipe. They are fetched when the first token comes, again when a token names one that is not known,
//! and every ten minutes, so that a rotation is noticed at once and a key that was withdrawn soon. While an issuer
//! cannot be asked and no key is known, handshakes are refused with 503; the log says why.
//!
//! Where you have more than one of these issuers, each has a verifier, behind [`Verifiers`](crate::Verifiers).
//!
//! **What these do not do**: sign users in. Clients get their tokens from the issuer, and bring them as
//! [`JwtLayer`](crate::JwtLayer) says.

pub mod auth0;
pub mod entra;
pub mod google;
pub mod keycloak;
