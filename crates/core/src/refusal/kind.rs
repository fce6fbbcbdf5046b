//! The kinds of refusals, as labels. The page of the module above has a table of them.
//!
//! A kind is a constant and not a variant of an enum, so that layers of other crates can have theirs. As a label it
//! must come from a small, closed set: no kind may contain what a client sent.

use std::fmt;

/// The kind of a refusal, as a label of metrics and log events.
///
/// The constants are the kinds of Portcullis' own layers, described in this [table](super#kinds). Layers of your own
/// create theirs with [`new`](Self::new).
///
/// ```
/// use portcullis_core::refusal::Kind;
///
/// const NOT_A_MEMBER: Kind = Kind::new("not_a_member");
/// assert_eq!(NOT_A_MEMBER.as_str(), "not_a_member");
/// assert_eq!(Kind::TOKEN_EXPIRED, "token_expired");
/// assert!(!Kind::ALL.contains(&NOT_A_MEMBER));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kind(&'static str);

macro_rules! kinds {
    ($($name:ident = $text:literal, $whose:literal, $why:literal;)*) => {
        impl Kind {
            $(#[doc = concat!("`", $text, "`, of ", $whose, ": ", $why, ".")] pub const $name: Self = Self($text);)*

            /// The kinds of Portcullis' own layers.
            pub const ALL: &[Self] = &[$(Self::$name),*];
        }
    };
}

kinds! {
    WIRING = "wiring", "any layer", "layers are composed wrongly: the log says how";
    NO_HANDSHAKE = "no_handshake", "extractors", "the request is not a WebSocket handshake";
    MALFORMED_HANDSHAKE = "malformed_handshake", "layers that guard", "a `Connection` that does not list `upgrade`, or a key that is not 16 bytes";
    SUBJECT_MISSING = "subject_missing", "limits by subject", "the client is not signed in, or its token names no subject";
    DRAINING = "draining", "`Drain`", "the server is shutting down";
    ABSENT_ORIGIN = "absent_origin", "`OriginLayer`", "no `Origin` header where one is needed";
    FILE_ORIGIN = "file_origin", "`OriginLayer`", "`Origin: file://`, which is not allowed";
    HOST_NOT_ALLOWED = "host_not_allowed", "`OriginLayer`", "a host that is not listed";
    INVALID_ORIGIN = "invalid_origin", "`OriginLayer`", "an `Origin` header that is not an origin";
    NULL_ORIGIN = "null_origin", "`OriginLayer`", "`Origin: null`, which is not allowed";
    ORIGIN_NOT_ALLOWED = "origin_not_allowed", "`OriginLayer`", "a foreign origin";
    REPEATED_ORIGIN = "repeated_origin", "`OriginLayer`", "more than one `Origin` header";
    HANDSHAKE_RATE = "handshake_rate", "`HandshakeRateLayer`", "too many handshakes of one key";
    SERVER_HANDSHAKE_RATE = "server_handshake_rate", "`HandshakeRateLayer`", "too many handshakes in all";
    AUTHENTICATION_RATE = "authentication_rate", "`HandshakeRateLayer`", "too many plain requests of one key failed to authenticate";
    SERVER_FULL = "server_full", "`ConnectionLimitLayer`", "too many connections in all";
    TOO_MANY_CONNECTIONS = "too_many_connections", "`ConnectionLimitLayer`", "too many connections of one key";
    TOO_MANY_UNAUTHENTICATED = "too_many_unauthenticated", "`ConnectionLimitLayer`", "too many connections whose subject is unknown";
    LIMITS_UNAVAILABLE = "limits_unavailable", "limits that nodes share", "the store of shared limits cannot be asked now";
    COOKIE_NOT_ENOUGH = "cookie_not_enough", "`JwtLayer`", "a cookie alone, with a request that any page may have forged";
    ISSUER_UNAVAILABLE = "issuer_unavailable", "`JwtLayer`", "the token cannot be judged now";
    TOKEN_EXPIRED = "token_expired", "`JwtLayer`", "its time is over";
    TOKEN_FORBIDDEN = "token_forbidden", "`JwtLayer`", "it is valid, and does not allow this";
    TOKEN_INVALID = "token_invalid", "`JwtLayer`", "it is not a token of this server's issuers";
    TOKEN_MALFORMED = "token_malformed", "`JwtLayer`", "the request carries it in a way that no token is carried";
    TOKEN_MISSING = "token_missing", "`JwtLayer`", "there is none";
    TOKEN_NOT_YET_VALID = "token_not_yet_valid", "`JwtLayer`", "its time has not begun";
    TOKEN_REVOKED = "token_revoked", "`JwtLayer`", "it was revoked";
    TOKEN_USED = "token_used", "`JwtLayer`", "it is good for one handshake, and had one";
}

impl Kind {
    /// Creates a kind for a layer of your own, in snake case. It becomes a label of metrics, so there must be few
    /// different ones.
    pub const fn new(kind: &'static str) -> Self {
        Self(kind)
    }

    /// Returns the label.
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

impl From<&'static str> for Kind {
    fn from(kind: &'static str) -> Self {
        Self::new(kind)
    }
}

impl PartialEq<&str> for Kind {
    fn eq(&self, other: &&str) -> bool {
        self.0 == *other
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_kinds_are_these() {
        let row = |line: &str| line.split('`').nth(1).map(str::to_owned);
        let documented: Vec<_> = include_str!("mod.rs").lines().filter(|line| line.starts_with("//! | `")).collect();
        let documented: Vec<_> = documented.into_iter().filter_map(row).collect();
        assert_eq!(documented, Kind::ALL.iter().map(|kind| kind.as_str()).collect::<Vec<_>>());
    }

    #[test]
    fn no_kind_is_listed_twice() {
        for (at, kind) in Kind::ALL.iter().enumerate() {
            assert!(!Kind::ALL[..at].contains(kind), "{kind}");
        }
    }
}
