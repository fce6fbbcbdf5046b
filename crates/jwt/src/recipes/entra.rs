//! Microsoft Entra ID: each tenant is an issuer, and all of them may share one document.
//!
//! | | |
//! | --- | --- |
//! | `iss` | `https://login.microsoftonline.com/<tenant>/v2.0`, with the tenant's identifier, never its domain. Tokens of version 1.0 have `https://sts.windows.net/<tenant>/`. |
//! | `aud` | The client identifier of this server's registration. In tokens of version 1.0, its App ID URI (`api://..`). |
//! | `azp` | The client that requested the token; `appid` in version 1.0. |
//! | `typ` | In the header, and always `JWT`: it distinguishes nothing. |
//!
//! - Which version a token has is a setting of the API that it is for: set `requestedAccessTokenVersion` (once
//!   `accessTokenAcceptedVersion`) to 2 in the manifest of its registration. What follows is about version 2.0.
//! - Give the API a scope, and require it. An ID token of the same registration has the same audience, and no `scp`;
//!   one that a daemon requested for itself has `roles` instead.
//! - A token for Microsoft Graph is not for this server, and only Graph can verify it.
//! - `sub` is a user for this application only, so that two of your applications know one user by two names. `oid` is
//!   the user's name throughout the tenant.
//!
//! ```
//! use portcullis_jwt::{JwtLayer, Verifier, jwks::Jwks, verifier::BuildError};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let tenant = "8eaef023-2b34-4da1-9baa-8bc8c9d6a490";
//! let keys = Jwks::discover(format!("https://login.microsoftonline.com/{tenant}/v2.0")).build()?;
//! let verifier = Verifier::jwks(keys.clone())
//!     .audience("11112222-bbbb-3333-cccc-4444dddd5555")
//!     .require_scope("Chat.Connect")
//!     .build()?;
//! let layer = JwtLayer::<serde_json::Value>::new(verifier);
//! # drop(layer);
//! // No token names its tenant by a domain.
//! let wrong = Verifier::jwks(keys).issuer("https://login.microsoftonline.com/contoso.onmicrosoft.com/v2.0");
//! assert_eq!(wrong.any_audience().build().unwrap_err(), BuildError::OtherIssuer);
//! # Ok(()) }
//! ```
//!
//! # Many tenants
//!
//! The document for all tenants names no issuer but a pattern, `https://login.microsoftonline.com/{tenantid}/v2.0`, and
//! anyone can create a tenant. So the tenants whose users may connect are named by their identifiers (`tid`), and there
//! is no verifier without. Put it behind [`Verifiers`](crate::Verifiers), even if it is the only one: two tenants may
//! have one `sub` for two users, and there a subject is known by its issuer, too.
//!
//! Some of the published keys say that they are for one issuer only, as those of personal accounts do. They are left
//! out here: a token for an organisation that is signed with one of them is forged. To let personal accounts in, add a
//! verifier of their own tenant, `9188040d-6c67-4c5b-b112-36a304b66dad`.
//!
//! ```
//! use portcullis_jwt::{JwtLayer, Verifier, Verifiers, jwks::Jwks, verifier::BuildError};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let keys = Jwks::discover("https://login.microsoftonline.com/{tenantid}/v2.0")
//!     .at("https://login.microsoftonline.com/organizations/v2.0/.well-known/openid-configuration")
//!     .build()?;
//! let builder = || {
//!     let builder = Verifier::jwks(keys.clone()).audience("11112222-bbbb-3333-cccc-4444dddd5555");
//!     builder.require_scope("Chat.Connect")
//! };
//! let known = ["8eaef023-2b34-4da1-9baa-8bc8c9d6a490", "82229342-1101-4ab6-817b-70c0747630f3"];
//! let layer = JwtLayer::<serde_json::Value>::new(Verifiers::new([builder().tenants(known).build()?])?);
//! # drop(layer);
//! assert_eq!(builder().build().unwrap_err(), BuildError::NoTenants);
//! assert_eq!(builder().any_issuer().build().unwrap_err(), BuildError::NoTenants);
//! # Ok(()) }
//! ```
