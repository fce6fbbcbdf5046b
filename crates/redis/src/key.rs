//! What things are called in the store.
//!
//! Names of subjects and addresses are hashed with a secret, so that a copy of the data tells nothing. Keys that one
//! script touches have the same hash tag, so that a Redis Cluster keeps them on one server.
//!
//! With the namespace in front and the version of the format behind it, such as `chat:1:`:
//!
//! | Key | Type | What is in it |
//! | --- | --- | --- |
//! | `{n}:live` | sorted set | incarnations, by when their leases end |
//! | `{n}:meta` | hash | the nonce of the data, since when it is there, the last incarnation |
//! | `{n}:marks` | sorted set | nodes that drain, or have not reported everything |
//! | `{NAME}:s`, `{NAME}:c` | sorted sets | the permits of a key by when they came; those that must close |
//! | `{NAME}:a` | hash | the allotments of a pool by incarnation |
//! | `{NAME}:h`, `{NAME}:q` | strings | handshakes and messages of a key: when all would be there again |
//! | `{NAME}:t` | string | a ticket that was used |
//! | `{r}:cmd` | stream | revocations and commands |
//! | `{r}:rev`, `{r}:iss` | sorted set, hash | names that are revoked by when that is forgotten; which of their tokens |
//! | `{r}:meta`, `{r}:marks` | hash, sorted set | the nonce of this data; nodes that still put something back |
//! | `{iN}:in` | stream | what others tell incarnation N |
//!
//! All that belongs to a key or a node expires by itself. What does not is bounded: it is there once.

use std::fmt;

use hmac::{Hmac, Mac};
use portcullis_core::shared::Name;
use sha2::Sha256;

/// What a key's meaning has changed with: nodes of different versions do not share. While both run, each of them has
/// the whole limit.
const VERSION: u32 = 1;

/// Makes names. A plain hash of an address or of an e-mail address can be guessed; one with a secret cannot.
#[derive(Clone)]
pub(crate) struct Secret(Hmac<Sha256>);

impl Secret {
    pub(crate) fn new(secret: &[u8]) -> Self {
        Self(Hmac::new_from_slice(secret).expect("HMAC takes keys of any length"))
    }

    /// The name of a value of a kind, whose words have their lengths in front: nothing else is written alike.
    pub(crate) fn name(&self, kind: &[&str; 2], value: &[u8]) -> Name {
        let mut mac = self.0.clone();
        for word in kind {
            mac.update(&(word.len() as u64).to_be_bytes());
            mac.update(word.as_bytes());
        }
        mac.update(value);
        let bytes = mac.finalize().into_bytes();
        // Half of the hash. Two values with the same name are of use to an attacker only if both can be chosen, which
        // needs the secret.
        Name::from_bytes(std::array::from_fn(|at| bytes[at]))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// The keys of one namespace. What stands in braces says which of them a script may touch together in Redis Cluster.
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    prefix: String,
}

impl Keys {
    pub(crate) fn new(namespace: &str) -> Self {
        Self { prefix: format!("{namespace}:{VERSION}:") }
    }

    /// The leases of nodes.
    pub(crate) fn leases(&self) -> String {
        format!("{}{{n}}:live", self.prefix)
    }

    /// What is known of the data itself.
    pub(crate) fn facts(&self) -> String {
        format!("{}{{n}}:meta", self.prefix)
    }

    /// What nodes say of themselves.
    pub(crate) fn marks(&self) -> String {
        format!("{}{{n}}:marks", self.prefix)
    }

    /// The permits of a key.
    pub(crate) fn permits(&self, name: Name) -> String {
        format!("{}{{{name}}}:s", self.prefix)
    }

    /// Those whose connections must close.
    pub(crate) fn closing(&self, name: Name) -> String {
        format!("{}{{{name}}}:c", self.prefix)
    }

    /// The allotments of a pool.
    pub(crate) fn allotments(&self, name: Name) -> String {
        format!("{}{{{name}}}:a", self.prefix)
    }

    /// Handshakes of a key.
    pub(crate) fn handshakes(&self, name: Name) -> String {
        format!("{}{{{name}}}:h", self.prefix)
    }

    /// Messages of a key.
    pub(crate) fn quota(&self, name: Name) -> String {
        format!("{}{{{name}}}:q", self.prefix)
    }

    /// A ticket that was used.
    pub(crate) fn ticket(&self, name: Name) -> String {
        format!("{}{{{name}}}:t", self.prefix)
    }

    /// What all nodes are told.
    pub(crate) fn commands(&self) -> String {
        format!("{}{{r}}:cmd", self.prefix)
    }

    /// What is revoked.
    pub(crate) fn revoked(&self) -> String {
        format!("{}{{r}}:rev", self.prefix)
    }

    /// Which tokens of what is revoked.
    pub(crate) fn issued(&self) -> String {
        format!("{}{{r}}:iss", self.prefix)
    }

    /// What is known of the data that revocations and commands are in: in a Redis Cluster it may be lost alone.
    pub(crate) fn stream_facts(&self) -> String {
        format!("{}{{r}}:meta", self.prefix)
    }

    /// Nodes that still put back what that data has lost.
    pub(crate) fn restoring(&self) -> String {
        format!("{}{{r}}:marks", self.prefix)
    }

    /// What other nodes tell a node.
    pub(crate) fn inbox(&self, incarnation: u64) -> String {
        format!("{}{{i{incarnation}}}:in", self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_depend_on_the_kind_the_value_and_the_secret() {
        let (one, other) = (Secret::new(b"one"), Secret::new(b"other"));
        let name = one.name(&["", "subject"], b"alice");
        assert_eq!(name, one.clone().name(&["", "subject"], b"alice"));
        for different in [
            one.name(&["", "subject"], b"bob"),
            one.name(&["", "client"], b"alice"),
            one.name(&["", "subjecta"], b"lice"),
            one.name(&["s", "ubject"], b"alice"),
            other.name(&["", "subject"], b"alice"),
        ] {
            assert_ne!(name, different);
        }
    }

    #[test]
    fn keys_that_a_script_touches_together_have_one_tag() {
        let keys = Keys::new("chat");
        let name = Name::from_bytes([7; 16]);
        let tag = |key: String| key.split_once('{').unwrap().1.split_once('}').unwrap().0.to_owned();
        assert_eq!(tag(keys.leases()), tag(keys.facts()));
        assert_eq!(tag(keys.leases()), tag(keys.marks()));
        assert_eq!(tag(keys.permits(name)), tag(keys.closing(name)));
        assert_eq!(tag(keys.commands()), tag(keys.revoked()));
        assert_eq!(tag(keys.commands()), tag(keys.issued()));
        assert_eq!(tag(keys.commands()), tag(keys.stream_facts()));
        assert_eq!(tag(keys.commands()), tag(keys.restoring()));
        assert_eq!(keys.permits(name), format!("chat:1:{{{name}}}:s"));
    }
}
