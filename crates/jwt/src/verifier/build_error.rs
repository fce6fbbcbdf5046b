//! Why a verifier cannot be built, which is found out before the first token comes.

use std::{error::Error, fmt};

use crate::keys::KeyError;

/// The error for a verifier that cannot be built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum BuildError {
    /// A key is not accepted.
    Key(KeyError),
    /// There is no key.
    NoKey,
    /// Two settings contradict each other.
    Contradiction(&'static str),
    /// The text passed to this setting is empty.
    Empty(&'static str),
    /// A scope contains white space, which separates scopes.
    SpaceInScope,
    /// No issuer was set.
    NoIssuer,
    /// An alias belongs to an issuer that was not set, or to two, or is itself the name of an issuer.
    Alias,
    /// The keys were discovered for an issuer that was not set.
    OtherIssuer,
    /// The keys belong to many tenants, but no tenants were set, or any issuer is accepted.
    NoTenants,
    /// This is not the identifier of a tenant.
    Tenant,
    /// Tenants were set, but the keys do not belong to many tenants.
    NoPattern,
    /// No audience was set.
    NoAudience,
    /// No provider of signatures is available.
    NoProvider,
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(error) => error.fmt(f),
            Self::NoKey => f.write_str("a verifier needs a key"),
            Self::Contradiction(settings) => write!(f, "say {settings}, not both"),
            Self::Empty(setting) => write!(f, "the text given to `{setting}` is empty"),
            Self::SpaceInScope => f.write_str("a scope has white space: say `require_scope` for each scope"),
            Self::NoIssuer => f.write_str("name the `issuer` whose tokens are accepted, or say `any_issuer`"),
            Self::Alias => f.write_str("an `issuer_alias` is another spelling of one `issuer`, which is named, too"),
            Self::OtherIssuer => f.write_str("the keys were discovered for another `issuer` than those that are named"),
            Self::NoTenants => f.write_str(
                "keys of many tenants, of which anyone can have one: name those whose tokens are accepted (`tenants`)",
            ),
            Self::Tenant => f.write_str(
                "a tenant is named by its identifier, such as 8eaef023-2b34-4da1-9baa-8bc8c9d6a490: no token has another \
                 name of it",
            ),
            Self::NoPattern => f.write_str("`tenants` are those of keys discovered for an issuer with `{tenantid}`"),
            Self::NoAudience => f.write_str("name the `audience` that tokens must be for, or say `any_audience`"),
            Self::NoProvider => {
                f.write_str("no provider of signatures: enable feature `rust_crypto` or `aws_lc_rs` of portcullis-jwt")
            }
        }
    }
}

impl Error for BuildError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Key(error) => Some(error),
            _ => None,
        }
    }
}
