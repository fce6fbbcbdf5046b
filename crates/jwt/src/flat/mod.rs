//! The plain JSON that most tokens hold, read in one step over its bytes.
//!
//! A parser of all of JSON needs several times as long, and what it is better at is rare in claims: objects, escapes,
//! fractions and white space. So this reads objects without any of them, of a few members, and leaves the others to
//! [`json`](crate::json) and serde_json. It accepts nothing that is refused there; what it does not accept may well be
//! JSON. The values of an object it keeps, and so the application's type does not need the text again.

mod deserializer;
mod object;

pub(crate) use self::object::{Object, Value};
