//! JSON that means the same to every reader: no member twice (RFC 7519, section 4; RFC 8259, section 4).

use std::{borrow::Cow, collections::HashSet, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{Error, IgnoredAny, MapAccess, SeqAccess, Visitor},
};

use crate::error::TokenError;

/// An object in UTF-8, without a member that is there twice at any depth; serde_json stops at 128 levels.
pub(crate) fn check(json: &[u8]) -> Result<(), TokenError> {
    // RFC 8259, section 2: white space may stand in front.
    let first = json.iter().find(|byte| !matches!(byte, b' ' | b'\t' | b'\n' | b'\r'));
    if first != Some(&b'{') {
        return Err(TokenError::Invalid("not a JSON object"));
    }
    if is_unique(json) { Ok(()) } else { Err(TokenError::Invalid("not JSON, or a member twice")) }
}

/// Whether this is JSON, of any kind, without a member that is there twice.
pub(crate) fn is_unique(json: &[u8]) -> bool {
    serde_json::from_slice::<Unique>(json).is_ok()
}

struct Unique;

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Unique)
    }
}

impl<'de> Visitor<'de> for Unique {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self, M::Error> {
        let mut names = Names::default();
        while let Some(name) = map.next_key()? {
            if !names.insert(name) {
                return Err(M::Error::custom("a member twice"));
            }
            map.next_value::<Self>()?;
        }
        Ok(self)
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut seq: S) -> Result<Self, S::Error> {
        while seq.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }
}

/// So many names are compared one by one: hashing them costs more.
const FEW: usize = 16;

/// The names of an object's members. Who sent it chooses how many there are.
#[derive(Default)]
struct Names<'a> {
    few: Vec<Name<'a>>,
    others: HashSet<Name<'a>>,
}

impl<'a> Names<'a> {
    /// Says whether it is a new one.
    fn insert(&mut self, name: Name<'a>) -> bool {
        if self.few.contains(&name) || self.others.contains(&name) {
            return false;
        }
        if self.few.len() < FEW {
            self.few.push(name);
            return true;
        }
        self.others.insert(name)
    }
}

#[derive(PartialEq, Eq, Hash)]
struct Name<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Name<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Borrowed<'a>(#[serde(borrow)] Cow<'a, str>);
        Borrowed::deserialize(deserializer).map(|Borrowed(name)| Self(name))
    }
}

/// A member that is there, whatever it holds.
#[derive(Deserialize)]
pub(crate) struct Present(IgnoredAny);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_twice_is_refused_among_many() {
        let many = 3 * FEW;
        let object = |last: usize| {
            let names = (0..many).chain([last]).map(|number| format!("\"{number}\":{number}"));
            format!("{{{}}}", names.collect::<Vec<_>>().join(","))
        };
        assert!(check(object(many).as_bytes()).is_ok());
        for twice in 0..many {
            assert!(check(object(twice).as_bytes()).is_err(), "{twice}");
        }
    }

    #[test]
    fn a_member_twice_is_refused_at_any_depth() {
        for (json, fine) in [
            (r#"{"a":1,"b":[1.5,-1,null,true,"x",{"a":2}]}"#, true),
            (r#"{"a":1,"a":1}"#, false),
            (r#"{"a":1,"\u0061":1}"#, false),
            (r#"{"a":{"b":1,"b":2}}"#, false),
            (r#"{"a":[{"b":1,"b":2}]}"#, false),
            (r"[]", false),
            (" \t\r\n{\"a\":1}\n", true),
            ("\u{c}{\"a\":1}", false),
            ("\u{feff}{\"a\":1}", false),
            (r#"{"a":1} x"#, false),
            ("{\"a\":\"\u{0}\"}", false),
            ("", false),
        ] {
            assert_eq!(check(json.as_bytes()).is_ok(), fine, "{json}");
        }
        assert!(check(b"{\"a\":\"\xff\"}").is_err());
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(4000), "]".repeat(4000));
        assert!(check(deep.as_bytes()).is_err());
    }
}
