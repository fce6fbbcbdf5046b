//! How subjects and addresses are shown: as they are, or so that equal ones are still known to be equal.

use std::{
    hash::{BuildHasher, RandomState},
    net::IpAddr,
};

use portcullis_core::identity::Subject;

/// The longest name that is shown, in characters.
const LONGEST: usize = 200;

/// How subjects and addresses are shown.
#[derive(Clone, Default)]
pub(crate) struct Mask {
    /// The secret by which masked subjects differ. It is new with each console: what one has shown says nothing later.
    subjects: Option<RandomState>,
    addresses: bool,
}

/// A subject as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Shown {
    Plain(Subject),
    /// Only that it is one, and which of them.
    Masked(u32),
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
                let [a, b, c, d, ..] = secret.hash_one(subject).to_be_bytes();
                Shown::Masked(u32::from_be_bytes([a, b, c, d]))
            }
        }
    }

    /// An address, or the network that it is in: 24 bits of an IPv4 address, 48 of an IPv6 address.
    pub(crate) fn address(&self, address: IpAddr) -> String {
        if !self.addresses {
            return address.to_canonical().to_string();
        }
        match address.to_canonical() {
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
    /// Its name, or the beginning of one that is very long.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Plain(subject) => shortened(subject.as_str()),
            Self::Masked(number) => format!("masked-{number:08x}"),
        }
    }

    pub(crate) fn issuer(&self) -> Option<&str> {
        match self {
            Self::Plain(subject) => subject.issuer(),
            Self::Masked(_) => None,
        }
    }

    /// Whether the text is its name.
    pub(crate) fn is(&self, text: &str) -> bool {
        match self {
            Self::Plain(subject) => subject.as_str() == text,
            Self::Masked(_) => self.name() == text,
        }
    }

    /// Whether its name, or its issuer, has a part that is this but for the case of letters. The text is in lower case.
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

/// Letters beyond ASCII count as they are written.
pub(crate) fn contains(text: &str, part: &str) -> bool {
    let (text, part) = (text.as_bytes(), part.as_bytes());
    part.is_empty() || text.windows(part.len()).any(|window| window.eq_ignore_ascii_case(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_masked_says_only_whether_two_are_the_same() {
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
    fn a_part_is_found_whatever_the_case_of_letters() {
        for (text, part, found) in
            [("Alice", "lic", true), ("ALICE", "lic", true), ("al", "alice", false), ("", "", true), ("é", "é", true)]
        {
            assert_eq!(contains(text, part), found, "{text} {part}");
        }
    }
}
