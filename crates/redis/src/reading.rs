//! What the store returns, read so that one entry of another program does not spoil the others.
//!
//! A node cannot know who else writes to its keys: an older version of this crate, a script of an operator, another
//! service in the same database. The client crate converts an answer as a whole, and fails as a whole. Where an answer
//! is a list of what is stored, one member that is not a number or not text would make every request for that key fail;
//! in the stream that all nodes read, it would stop all of them, and in the list of leases, every beat.
//!
//! So what cannot be read is left out where it is one of many. An answer of the wrong shape is still an error: it means
//! a different server, rather than one bad entry.

use std::{collections::HashMap, str::FromStr};

use redis::{FromRedisValue, ParsingError, Value, from_redis_value};

/// A list of words, without those that cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Readable<T>(pub(crate) Vec<T>);

impl<T: FromStr> FromRedisValue for Readable<T> {
    fn from_redis_value(value: Value) -> Result<Self, ParsingError> {
        let words: Vec<Vec<u8>> = from_redis_value(value)?;
        Ok(Self(words.iter().filter_map(|word| text(word)?.parse().ok()).collect()))
    }
}

/// What a read of a stream has returned, in order.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Entries(pub(crate) Vec<Entry>);

/// An entry of a stream.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Its id, which the server has given it.
    pub(crate) id: String,
    /// Its field `m`, if it has one that is text.
    pub(crate) message: Option<String>,
}

/// As `XREAD` returns it: of each stream its entries, of each entry its fields.
type Streams = Vec<HashMap<String, Vec<HashMap<String, Fields>>>>;

/// By name. Neither name nor value need be text.
type Fields = HashMap<Vec<u8>, Vec<u8>>;

impl FromRedisValue for Entries {
    fn from_redis_value(value: Value) -> Result<Self, ParsingError> {
        // Nothing at all, if nothing came in time.
        let streams: Option<Streams> = from_redis_value(value)?;
        let entries = streams.into_iter().flatten().flat_map(HashMap::into_values).flatten().flatten();
        Ok(Self(entries.map(|(id, fields)| Entry { id, message: message(&fields) }).collect()))
    }
}

fn message(fields: &Fields) -> Option<String> {
    fields.get(&b"m"[..]).and_then(|value| text(value)).map(str::to_owned)
}

/// As text, if it is.
pub(crate) fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bulk(bytes: &[u8]) -> Value {
        Value::BulkString(bytes.to_vec())
    }

    fn entry(id: &str, fields: &[&[u8]]) -> Value {
        Value::Array(vec![bulk(id.as_bytes()), Value::Array(fields.iter().map(|field| bulk(field)).collect())])
    }

    #[test]
    fn what_cannot_be_read_is_left_out() {
        let words = Value::Array([&b"7"[..], b"", b"seven", b"\xff", b"-1", b"8"].map(bulk).to_vec());
        assert_eq!(Readable::<u64>::from_redis_value(words), Ok(Readable(vec![7, 8])));
        Readable::<u64>::from_redis_value(Value::Int(7)).unwrap_err();
    }

    #[test]
    fn an_entry_without_a_message_is_an_entry() {
        let entries = [
            entry("1-0", &[b"m", b"one"]),
            entry("2-0", &[b"\xff", b"x"]),
            entry("3-0", &[b"m", b"\xff"]),
            entry("4-0", &[b"other", b"x", b"m", b"four"]),
        ];
        let stream = Value::Array(vec![Value::Array(vec![bulk(b"stream"), Value::Array(entries.to_vec())])]);
        let Entries(read) = Entries::from_redis_value(stream).unwrap();
        let read: Vec<_> = read.iter().map(|entry| (&*entry.id, entry.message.as_deref())).collect();
        assert_eq!(read, [("1-0", Some("one")), ("2-0", None), ("3-0", None), ("4-0", Some("four"))]);
        assert_eq!(Entries::from_redis_value(Value::Nil), Ok(Entries::default()));
    }
}
