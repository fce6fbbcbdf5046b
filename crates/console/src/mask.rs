//! How subjects and addresses are shown: in full, or masked so that equal ones can still be recognized as equal.

use std::{
    hash::{BuildHasher, RandomState},
    net::IpAddr,
};

use portcullis_core::identity::Subject;

/// The longest name that is shown, in characters.
const LONGEST: usize = 200;

/// Whether subjects and addresses are masked.
#[derive(Clone, Default)]
pub(crate) struct Mask {
    /// The key of the hash that masks subjects. Each console has its own, so masked names mean nothing to a later one.
    subjects: Option<RandomState>,
    addresses: bool,
}

/// A subject as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Shown {
    Plain(Subject),
    /// A number, the same for the same subject.
    Masked(u64),
}

impl Mask {
    pub(crate) fn hide_subjects(&mut self) {
        self.subjects.get_or_insert_default();
    }

    pub(crate) fn hide_addresses(&mut self) {
        self.addresses = true;
    }

    pub(crate) fn hides_subjects(&self) -> bool {
        self.subjects.is_some()
    }

    pub(crate) fn hides_addresses(&self) -> bool {
        self.addresses
    }

    pub(crate) fn subject(&self, subject: &Subject) -> Shown {
        match &self.subjects {
            None => Shown::Plain(subject.clone()),
            Some(secret) => {
                // With 32 bits, two of a hundred thousand subjects would probably have the same number.
                Shown::Masked(secret.hash_one(subject))
            }
        }
    }

    /// The part of an address that is shown: all of it, or 24 bits of an IPv4 address and 48 of an IPv6 address.
    pub(crate) fn network(&self, address: IpAddr) -> IpAddr {
        match address.to_canonical() {
            shown if !self.addresses => shown,
            IpAddr::V4(v4) => {
                let [a, b, c, _] = v4.octets();
                [a, b, c, 0].into()
            }
            IpAddr::V6(v6) => {
                let [a, b, c, ..] = v6.segments();
                [a, b, c, 0, 0, 0, 0, 0].into()
            }
        }
    }

    /// An address, or the network that it is in.
    pub(crate) fn address(&self, address: IpAddr) -> String {
        match self.network(address) {
            shown if !self.addresses => shown.to_string(),
            IpAddr::V4(v4) => {
                let [a, b, c, _] = v4.octets();
                format!("{a}.{b}.{c}.x")
            }
            IpAddr::V6(v6) => {
                let [a, b, c, ..] = v6.segments();
                format!("{a:x}:{b:x}:{c:x}::x")
            }
        }
    }
}

impl Shown {
    /// Its name, truncated if it is very long.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Plain(subject) => shortened(subject.as_str()),
            Self::Masked(number) => format!("masked-{number:016x}"),
        }
    }

    pub(crate) fn issuer(&self) -> Option<&str> {
        match self {
            Self::Plain(subject) => subject.issuer(),
            Self::Masked(_) => None,
        }
    }

    /// Whether `text` is its name.
    pub(crate) fn is(&self, text: &str) -> bool {
        match self {
            Self::Plain(subject) => subject.as_str() == text,
            Self::Masked(_) => self.name() == text,
        }
    }

    /// Whether its name or its issuer contains `text`, ignoring ASCII case.
    pub(crate) fn has(&self, text: &str) -> bool {
        match self {
            Self::Plain(subject) => {
                contains(subject.as_str(), text) || subject.issuer().is_some_and(|issuer| contains(issuer, text))
            }
            Self::Masked(_) => contains(&self.name(), text),
        }
    }
}

fn shortened(name: &str) -> String {
    match name.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.to_owned(),
    }
}

/// Whether `text` contains `part`, ignoring ASCII case. Other letters must match exactly.
pub(crate) fn contains(text: &str, part: &str) -> bool {
    let (text, part) = (text.as_bytes(), part.as_bytes());
    part.is_empty() || text.windows(part.len()).any(|window| window.eq_ignore_ascii_case(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masked_values_can_only_be_compared() {
        let mut mask = Mask::default();
        let alice = Subject::of_issuer("https://id.example", "alice");
        assert_eq!(mask.subject(&alice).name(), "alice");
        mask.hide_subjects();
        mask.hide_addresses();
        let [first, again, other] = [&alice, &alice, &Subject::new("alice")].map(|subject| mask.subject(subject));
        assert_eq!(first, again);
        assert_ne!(first, other, "of another issuer");
        assert!(!first.name().contains("alice") && first.issuer().is_none());
        assert!(!first.is("alice") && !first.has("ali") && !first.has("id.example"));
        assert!(first.is(&first.name()));
        for (address, shown) in
            [("192.0.2.77", "192.0.2.x"), ("::ffff:192.0.2.77", "192.0.2.x"), ("2001:db8:1:2:3:4:5:6", "2001:db8:1::x")]
        {
            assert_eq!(mask.address(address.parse().unwrap()), shown);
        }
    }

    #[test]
    fn a_part_is_found_ignoring_ascii_case() {
        for (text, part, found) in
            [("Alice", "lic", true), ("ALICE", "lic", true), ("al", "alice", false), ("", "", true), ("é", "é", true)]
        {
            assert_eq!(contains(text, part), found, "{text} {part}");
        }
    }
}
