//! The plain JSON that most tokens hold, read in one step over its bytes.
//!
//! A parser of all of JSON needs several times as long, and what it is better at is rare in claims: objects, escapes,
//! fractions and white space. So this reads objects without any of them, of a few members, and leaves the others to
//! [`json`](crate::json). It accepts nothing that is refused there; what it does not accept may well be JSON.

/// Objects with more members are left to the other parser, which hashes their names.
const MOST: usize = 16;

/// A member's value.
pub(crate) enum Value<'a> {
    Text(&'a str),
    Texts(Vec<&'a str>),
    Number(u32),
    Bool,
}

/// Hands each member of an object to `member`, which may give up. `None` if it did, if this is not such an object, or
/// if a member is there twice.
pub(crate) fn read<'a>(json: &'a str, mut member: impl FnMut(&'a str, Value<'a>) -> Option<()>) -> Option<()> {
    let (mut text, mut names) = (Text { json, at: 0 }, [""; MOST]);
    text.skip(b'{')?;
    for count in 0..MOST {
        let name = text.string()?;
        if names[..count].contains(&name) {
            return None;
        }
        names[count] = name;
        text.skip(b':')?;
        member(name, text.value()?)?;
        if text.skip(b',').is_none() {
            text.skip(b'}')?;
            return (text.at == json.len()).then_some(());
        }
    }
    None
}

/// The text, and how much of it was read.
struct Text<'a> {
    json: &'a str,
    at: usize,
}

impl<'a> Text<'a> {
    fn next(&self) -> Option<u8> {
        self.json.as_bytes().get(self.at).copied()
    }

    fn skip(&mut self, byte: u8) -> Option<()> {
        let found = self.next() == Some(byte);
        self.at += usize::from(found);
        found.then_some(())
    }

    fn value(&mut self) -> Option<Value<'a>> {
        match self.next()? {
            b'"' => self.string().map(Value::Text),
            b'1'..=b'9' => self.number().map(Value::Number),
            b'[' => self.strings().map(Value::Texts),
            b't' => self.word("true"),
            b'f' => self.word("false"),
            _ => None,
        }
    }

    fn string(&mut self) -> Option<&'a str> {
        self.skip(b'"')?;
        let rest = self.json.get(self.at..)?;
        // RFC 8259, section 7: control characters are not allowed, and a backslash begins an escape.
        let end = rest.bytes().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20))?;
        self.at += end;
        self.skip(b'"')?;
        rest.get(..end)
    }

    fn strings(&mut self) -> Option<Vec<&'a str>> {
        self.skip(b'[')?;
        let mut strings = Vec::new();
        if self.skip(b']').is_some() {
            return Some(strings);
        }
        loop {
            strings.push(self.string()?);
            if self.skip(b',').is_none() {
                self.skip(b']')?;
                return Some(strings);
            }
        }
    }

    /// Up to the year 2106, if it is a time.
    fn number(&mut self) -> Option<u32> {
        let rest = self.json.as_bytes().get(self.at..)?;
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit());
        let mut number = 0_u32;
        for digit in digits {
            number = number.checked_mul(10)?.checked_add(u32::from(digit - b'0'))?;
            self.at += 1;
        }
        Some(number)
    }

    fn word(&mut self, word: &str) -> Option<Value<'a>> {
        self.json.get(self.at..)?.starts_with(word).then(|| self.at += word.len())?;
        Some(Value::Bool)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_read(json: &str) -> bool {
        read(json, |_, _| Some(())).is_some()
    }

    #[test]
    fn plain_objects_are_read_and_others_are_left() {
        let many = |count: usize| {
            let members: Vec<_> = (0..count).map(|number| format!("\"{number}\":1")).collect();
            format!("{{{}}}", members.join(","))
        };
        for (json, expected) in [
            (r#"{"iss":"a","sub":"ü","aud":["b","c"],"exp":4294967295,"ok":true,"no":false}"#, true),
            (r#"{"aud":[]}"#, true),
            (&many(MOST), true),
            (&many(MOST + 1), false),
            (r#"{"a":1,"a":1}"#, false),
            (r#"{"a":"b\"}"#, false),
            (r#"{"a":"\u0062"}"#, false),
            ("{\"a\":\"\n\"}", false),
            (r#"{"a":4294967296}"#, false),
            (r#"{"a":0}"#, false),
            (r#"{"a":1.5}"#, false),
            (r#"{"a":1e3}"#, false),
            (r#"{"a":-1}"#, false),
            (r#"{"a":null}"#, false),
            (r#"{"a":truer}"#, false),
            (r#"{"a":{}}"#, false),
            (r#"{"a":[1]}"#, false),
            (r#"{"a":["b",]}"#, false),
            (r#"{"a":1,}"#, false),
            (r#"{"a" :1}"#, false),
            (r#"{"a":1} "#, false),
            (r#"{"a":1"#, false),
            ("{}", false),
            ("[]", false),
            ("", false),
        ] {
            assert_eq!(is_read(json), expected, "{json}");
        }
    }

    #[test]
    fn whatever_it_reads_is_json_without_a_member_twice() {
        let json = r#"{"iss":"a","sub":"bü","aud":["b","c"],"exp":4102444800,"ok":true,"no":false,"iat":1}"#;
        let pieces = [
            "",
            "\"",
            "\\",
            ",",
            ":",
            "[",
            "]",
            "{",
            "}",
            "0",
            "1",
            ".",
            "e",
            "-",
            " ",
            "\n",
            "t",
            "true",
            "sub",
            "\"sub\":1,",
        ];
        let places: Vec<_> = json.char_indices().map(|(at, _)| at).chain([json.len()]).collect();
        let mut read = 0;
        for (start, end) in places.iter().flat_map(|start| (0..3).map(move |more| (*start, start + more))) {
            for piece in pieces {
                let Some((before, after)) = json.get(..start).zip(json.get(end..)) else { continue };
                let changed = format!("{before}{piece}{after}");
                if is_read(&changed) {
                    read += 1;
                    assert!(crate::json::check(changed.as_bytes()).is_ok(), "{changed}");
                }
            }
        }
        assert!(read > 200, "{read} of these are plain");
    }
}
