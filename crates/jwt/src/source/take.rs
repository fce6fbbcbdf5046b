//! Which source of several decides, and what all of them take out.
//!
//! | Rank | Source | What remains in the request |
//! | --- | --- | --- |
//! | 0 | `Authorization: Bearer` | the header, marked as sensitive |
//! | 1 | a subprotocol pair, `marker, <token>` | the other subprotocols |
//! | 2 | a subprotocol with a prefix | the other subprotocols |
//! | 3 | a parameter of the query | the other parameters |
//! | 4 | a cookie | the header, marked as sensitive |
//!
//! All sources are emptied, also those behind the one that decides: a token that was not needed is no less of a secret
//! to the services inside.

use http::request::Parts;

use super::{bearer, cookie, protocol, query, token::Token};
use crate::{error::TokenError, subprotocols::Subprotocols};

/// One place where a token may be. The first of these that has one decides, whatever the order in which they were
/// named: what a client must add decides before what a browser adds by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    Bearer,
    Subprotocol(String),
    SubprotocolPrefix(String),
    Query(String),
    Cookie(String),
}

/// What was taken out of a handshake.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) token: Option<Token>,
    pub(crate) subprotocols: Subprotocols,
    /// The token is one that a browser sends for any page.
    pub(crate) ambient: bool,
}

/// Takes tokens out of a handshake. The first source that has one decides, and whatever later ones carry is taken out
/// all the same. `Authorization` and `Cookie` stay, marked sensitive.
pub(crate) fn take(sources: &[Source], parts: &mut Parts) -> (Taken, Result<(), TokenError>) {
    let mut haul = Taken::default();
    let mut outcome = None;
    for source in sources {
        let found = source.take(parts, &mut haul.subprotocols);
        if outcome.is_none() {
            match found {
                Ok(None) => continue,
                Ok(Some(token)) => haul.token = Some(token),
                Err(error) => {
                    outcome = Some(Err(error));
                    continue;
                }
            }
            haul.ambient = matches!(source, Source::Cookie(_));
            outcome = Some(Ok(()));
        }
    }
    (haul, outcome.unwrap_or(Ok(())))
}

/// Takes credentials out of the headers in which [`take`] leaves them: those that a gateway may have to pass on.
pub(crate) fn remove_credentials(sources: &[Source], parts: &mut Parts) {
    for source in sources {
        match source {
            Source::Bearer => bearer::remove(&mut parts.headers),
            Source::Cookie(name) => cookie::remove(name, &mut parts.headers),
            Source::Query(_) | Source::Subprotocol(_) | Source::SubprotocolPrefix(_) => {}
        }
    }
}

impl Source {
    /// Where it stands in the order in which sources decide.
    pub(crate) fn rank(&self) -> u8 {
        match self {
            Self::Bearer => 0,
            Self::Subprotocol(_) => 1,
            Self::SubprotocolPrefix(_) => 2,
            Self::Query(_) => 3,
            Self::Cookie(_) => 4,
        }
    }

    fn take(&self, parts: &mut Parts, subprotocols: &mut Subprotocols) -> Result<Option<Token>, TokenError> {
        match self {
            Self::Bearer => bearer::take(parts),
            Self::Cookie(name) => cookie::take(name, parts),
            Self::Query(name) => query::take(name, parts),
            Self::Subprotocol(marker) => protocol::take_pair(marker, parts, subprotocols),
            Self::SubprotocolPrefix(prefix) => protocol::take_prefixed(prefix, parts, subprotocols),
        }
    }
}
