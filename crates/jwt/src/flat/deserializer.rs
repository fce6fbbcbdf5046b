//! An object as what serde makes types of: in place of a second pass over its text.
//!
//! It does for a type what serde_json does for it, or fails, and then the text is read. What a type ignores was looked
//! at with the rest, so that no member in it is there twice.

use std::{error::Error, fmt};

use serde::{
    Deserializer,
    de::{
        self, DeserializeOwned, IntoDeserializer, Visitor,
        value::{BorrowedStrDeserializer, MapDeserializer, SeqDeserializer},
    },
};

use super::object::{Object, Value};

impl Object<'_> {
    /// `None` if the type is not made of such an object, or not in a way that is known here.
    pub(crate) fn deserialize<T: DeserializeOwned>(&self) -> Option<T> {
        T::deserialize(self).ok()
    }
}

/// It is left to serde_json, which says why, if it fails as well.
#[derive(Debug)]
pub(crate) struct Left;

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("left to serde_json")
    }
}

impl Error for Left {}

impl de::Error for Left {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

/// Methods that are for one kind of value, as they are in serde_json.
macro_rules! for_one_kind {
    ($($kind:pat => $($method:ident)*;)*) => { $($(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Left> {
            if matches!(self, $kind) { self.deserialize_any(visitor) } else { Err(Left) }
        }
    )*)* };
}

macro_rules! for_no_kind {
    ($($method:ident)*) => { $(
        fn $method<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Left> {
            Err(Left)
        }
    )* };
}

/// Methods for what may be around a value of any kind.
macro_rules! for_any_kind {
    () => {
        fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Left> {
            visitor.visit_some(self)
        }

        fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Left> {
            visitor.visit_newtype_struct(self)
        }

        fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Left> {
            visitor.visit_unit()
        }

        fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, _: V) -> Result<V::Value, Left> {
            Err(Left)
        }
    };
}

impl<'de> Deserializer<'de> for &Object<'de> {
    type Error = Left;

    for_any_kind!();

    for_no_kind! {
        deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_u8 deserialize_u16
        deserialize_u32 deserialize_u64 deserialize_f32 deserialize_f64 deserialize_char deserialize_str
        deserialize_string deserialize_bytes deserialize_byte_buf deserialize_identifier deserialize_unit
        deserialize_seq
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Left> {
        let mut members = MapDeserializer::new(self.iter());
        let value = visitor.visit_map(&mut members)?;
        members.end()?;
        Ok(value)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Left> {
        self.deserialize_any(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Left> {
        self.deserialize_any(visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, Left> {
        Err(Left)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(self, _: &'static str, _: usize, _: V) -> Result<V::Value, Left> {
        Err(Left)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Left> {
        Err(Left)
    }
}

impl<'de> IntoDeserializer<'de, Left> for &Value<'de> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for &Value<'de> {
    type Error = Left;

    for_any_kind!();

    for_no_kind! { deserialize_map deserialize_unit }

    for_one_kind! {
        Value::Text(_) => deserialize_char deserialize_str deserialize_string deserialize_identifier;
        Value::Number(_) => deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_u8
            deserialize_u16 deserialize_u32 deserialize_u64 deserialize_f32 deserialize_f64;
        Value::Bool(_) => deserialize_bool;
        Value::List(_) => deserialize_seq;
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Left> {
        match self {
            Value::Text(text) => visitor.visit_borrowed_str(text),
            Value::Number(number) => visitor.visit_u64((*number).into()),
            Value::Bool(bool) => visitor.visit_bool(*bool),
            Value::List(list) => {
                let mut list = SeqDeserializer::new(list.iter());
                let value = visitor.visit_seq(&mut list)?;
                list.end()?;
                Ok(value)
            }
        }
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Left> {
        if let Value::Text(text) = self { visitor.visit_borrowed_bytes(text.as_bytes()) } else { Err(Left) }
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Left> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Left> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Left> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Left> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Left> {
        if let Value::Text(text) = self { visitor.visit_enum(BorrowedStrDeserializer::new(text)) } else { Err(Left) }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        collections::{BTreeMap, HashMap},
        fmt::Debug,
    };

    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Name(String);

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Role {
        Member,
        Guest(String),
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(untagged)]
    enum OneOrMany<T> {
        One(T),
        Many(Vec<T>),
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct All {
        a: String,
        #[serde(default)]
        b: Option<OneOrMany<Name>>,
        #[serde(flatten)]
        others: BTreeMap<String, serde_json::Value>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct One<T> {
        a: T,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Only<T> {
        a: T,
    }

    const VALUES: [&str; 12] = [
        r#""x""#,
        r#""1""#,
        r#""member""#,
        r#""""#,
        "1",
        "300",
        "4294967295",
        "true",
        "false",
        "[]",
        r#"["x","y"]"#,
        r#"[1,"x"]"#,
    ];

    /// Whatever is made of an object is what serde_json makes of its text. Returns how often something is.
    fn made<T: DeserializeOwned + Debug + PartialEq>() -> usize {
        let others = ["", r#","b":"x""#, r#","b":["x"],"c":1"#, r#","1":true"#];
        let texts = VALUES.iter().flat_map(|value| others.map(|others| format!(r#"{{"a":{value}{others}}}"#)));
        let made = |text: String| {
            let made: Option<T> = Object::read(&text).unwrap().deserialize();
            made.map(|made| assert_eq!(made, serde_json::from_str(&text).unwrap(), "{text}"))
        };
        texts.filter_map(made).count()
    }

    #[test]
    fn a_type_is_made_as_serde_json_makes_it_or_is_left_to_it() {
        let always = VALUES.len() * 4;
        for (what, made, expected) in [
            ("any", made::<serde_json::Value>(), always),
            ("optional", made::<Option<HashMap<String, serde_json::Value>>>(), always),
            ("a text", made::<One<String>>(), 4 * 4),
            ("an optional text", made::<One<Option<String>>>(), 4 * 4),
            ("a name", made::<One<Name>>(), 4 * 4),
            ("a letter", made::<One<char>>(), 2 * 4),
            ("a byte", made::<One<u8>>(), 4),
            ("a number", made::<One<u64>>(), 3 * 4),
            ("a signed number", made::<One<i32>>(), 2 * 4),
            ("a fraction", made::<One<f64>>(), 3 * 4),
            ("a truth", made::<One<bool>>(), 2 * 4),
            ("nothing", made::<One<()>>(), 0),
            ("a role", made::<One<Role>>(), 4),
            ("a list", made::<One<Vec<String>>>(), 2 * 4),
            ("a pair", made::<One<(String, Name)>>(), 4),
            ("a struct from a list", made::<One<One<serde_json::Value>>>(), 0),
            ("one or many", made::<One<OneOrMany<String>>>(), 6 * 4),
            ("no other member", made::<Only<String>>(), 4),
            ("several", made::<All>(), 4 * 4),
            ("a list in place of an object", made::<Vec<String>>(), 0),
            ("a unit", made::<()>(), 0),
        ] {
            assert_eq!(made, expected, "{what}");
        }
    }
}
