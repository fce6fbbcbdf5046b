//! JSON that means the same to every reader: no member twice (RFC 7519, section 4; RFC 8259, section 4).
//!
//! RFC 7519, section 4, lets a parser reject members that occur twice or take the last of them. Where an issuer's
//! library and the server's differ in that, a token means two things: it is signed with one `sub` in mind and read with
//! another. So this rejects them, at any depth, for headers, claims and first messages.
//!
//! The checks are made while the claims are read, in one pass over the text. A member that is looked for says itself
//! whether it was read before. Other names are compared one by one up to sixteen, as most objects have fewer, and
//! hashed beyond that, because a sender chooses how many there are.

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
    if is_unique(json) { Ok(()) } else { Err(TokenError::Invalid(NEITHER)) }
}

/// Whether this is JSON, of any kind, without a member that is there twice.
pub(crate) fn is_unique(json: &[u8]) -> bool {
    serde_json::from_slice::<Unique>(json).is_ok()
}

/// JSON as text, of which no string has to be looked at again.
pub(crate) fn text(json: &[u8]) -> Result<&str, TokenError> {
    str::from_utf8(json).map_err(|_| check(json).err().unwrap_or(TokenError::Invalid(NEITHER)))
}

const NEITHER: &str = "not JSON, or a member twice";

/// What is read of an object's members.
pub(crate) trait Members<'a>: Default {
    /// Reads the value of a member that is one of these. Says whether it is.
    fn read<M: MapAccess<'a>>(&mut self, name: &str, map: &mut M) -> Result<bool, M::Error>;
}

/// One of these members.
#[derive(Clone, Copy, Default)]
pub(crate) enum Member<T> {
    #[default]
    Unread,
    Read(Option<T>),
}

impl<'a, T: Deserialize<'a>> Member<T> {
    /// Reads its value, unless it is there twice.
    pub(crate) fn read<M: MapAccess<'a>>(&mut self, map: &mut M) -> Result<bool, M::Error> {
        if let Self::Read(_) = self {
            return Err(M::Error::custom(TWICE));
        }
        *self = Self::Read(map.next_value()?);
        Ok(true)
    }
}

impl<T> Member<T> {
    /// Returns its value; one that is `null` counts as one that is not there.
    pub(crate) fn value(self) -> Option<T> {
        match self {
            Self::Read(value) => value,
            Self::Unread => None,
        }
    }

    pub(crate) fn as_ref(&self) -> Option<&T> {
        match self {
            Self::Read(value) => value.as_ref(),
            Self::Unread => None,
        }
    }
}

const TWICE: &str = "a member twice";

/// Reads an object that [`check`] accepts, in the same pass. Of members whose values are not what they should be, it
/// says `wrong`.
pub(crate) fn read<'a, T: Members<'a>>(json: &'a str, wrong: &'static str) -> Result<T, TokenError> {
    let (mut members, mut object) = (T::default(), serde_json::Deserializer::from_str(json));
    match object.deserialize_map(Fill(&mut members)).and_then(|()| object.end()) {
        Ok(()) => Ok(members),
        Err(_) => check(json.as_bytes()).and(Err(TokenError::Invalid(wrong))),
    }
}

struct Fill<'m, T>(&'m mut T);

impl<'de, T: Members<'de>> Visitor<'de> for Fill<'_, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<(), M::Error> {
        let mut others = Names::default();
        while let Some(name) = map.next_key::<Text<'de>>()? {
            if !self.0.read(&name.0, &mut map)? {
                map.next_value::<Unique>()?;
                others.add(name)?;
            }
        }
        Ok(())
    }
}

/// Any value in which no member is there twice.
pub(crate) struct Unique;

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
            names.add(name)?;
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

/// Up to this many names are compared one by one, which costs less than hashing them.
const FEW: usize = 16;

/// The names of an object's members. Who sent it chooses how many there are.
#[derive(Default)]
struct Names<'a> {
    few: Vec<Text<'a>>,
    others: HashSet<Text<'a>>,
}

impl<'a> Names<'a> {
    fn add<E: Error>(&mut self, name: Text<'a>) -> Result<(), E> {
        if self.few.contains(&name) || self.others.contains(&name) {
            return Err(E::custom(TWICE));
        }
        if self.few.is_empty() {
            self.few.reserve_exact(FEW);
        }
        if self.few.len() < FEW {
            self.few.push(name);
        } else {
            self.others.insert(name);
        }
        Ok(())
    }
}

/// A string, borrowed where nothing in it is escaped.
#[derive(Debug, PartialEq, Eq, Hash, Deserialize)]
pub(crate) struct Text<'a>(#[serde(borrow)] pub(crate) Cow<'a, str>);

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
    fn a_member_that_is_looked_for_is_refused_twice_whatever_it_holds() {
        #[derive(Default)]
        struct Both<'a>(Member<Text<'a>>, Member<f64>);

        impl<'a> Members<'a> for Both<'a> {
            fn read<M: MapAccess<'a>>(&mut self, name: &str, map: &mut M) -> Result<bool, M::Error> {
                match name {
                    "a" => self.0.read(map),
                    "b" => self.1.read(map),
                    _ => Ok(false),
                }
            }
        }

        let (twice, wrong) = (Err(TokenError::Invalid(NEITHER)), Err(TokenError::Invalid("wrong")));
        for (json, expected) in [
            (r#"{"a":"1","b":2}"#, Ok((Some("1"), Some(2.0)))),
            (r#"{"c":{"a":"1","b":3},"b":2}"#, Ok((None, Some(2.0)))),
            (r#"{"a":null}"#, Ok((None, None))),
            (r#"{"a":null,"a":null}"#, twice),
            (r#"{"a":null,"a":"1"}"#, twice),
            (r#"{"a":"1","b":2,"a":null}"#, twice),
            (r#"{"b":2,"c":3,"\u0062":2}"#, twice),
            (r#"{"b":2,"c":3,"c":3}"#, twice),
            (r#"{"b":2,"c":{"a":1,"a":1}}"#, twice),
            (r#"{"b":"2","b":2}"#, twice),
            (r#"{"b":"2"}"#, wrong),
            (r#"{"b":2} x"#, twice),
            (r#"["a"]"#, Err(TokenError::Invalid("not a JSON object"))),
        ] {
            let both = read::<Both<'_>>(json, "wrong");
            let found = both.as_ref().map(|Both(a, b)| (a.as_ref().map(|Text(a)| a.as_ref()), b.value()));
            assert_eq!(found.map_err(Clone::clone), expected, "{json}");
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
