//! The parser: an object of strings, integers and booleans, and of arrays of these.

/// Objects with more members are left to the other parser, which hashes their names.
const MOST: usize = 16;

/// A member's value.
pub(crate) enum Value<'a> {
    Text(&'a str),
    Number(u32),
    Bool(bool),
    /// Of values that are no lists.
    List(Vec<Value<'a>>),
}

/// The members of an object, each there once, in their order.
pub(crate) struct Object<'a>([Option<(&'a str, Value<'a>)>; MOST]);

impl<'a> Object<'a> {
    /// `None` if this is not such an object, or if a member is there twice.
    pub(crate) fn read(json: &'a str) -> Option<Self> {
        // RFC 8259, section 7: a backslash begins an escape, and control characters are not allowed. All of the text is
        // looked at, which is done for many bytes at once, and then strings end with the next quote.
        if json.bytes().fold(false, |found, byte| found | (byte < b' ') | (byte == b'\\')) {
            return None;
        }
        let (mut text, mut members) = (Text { json, at: 0 }, [const { None }; MOST]);
        text.skip(b'{')?;
        for count in 0..MOST {
            let name = text.string()?;
            if members[..count].iter().flatten().any(|(other, _)| *other == name) {
                return None;
            }
            text.skip(b':')?;
            members[count] = Some((name, text.value()?));
            if text.skip(b',').is_none() {
                text.skip(b'}')?;
                return (text.at == json.len()).then_some(Self(members));
            }
        }
        None
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&'a str, &Value<'a>)> {
        self.0.iter().map_while(|member| member.as_ref().map(|(name, value)| (*name, value)))
    }
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
        if self.next() == Some(b'[') { self.list().map(Value::List) } else { self.scalar() }
    }

    fn scalar(&mut self) -> Option<Value<'a>> {
        match self.next()? {
            b'"' => self.string().map(Value::Text),
            b'1'..=b'9' => self.number().map(Value::Number),
            b't' => self.word("true").map(|()| Value::Bool(true)),
            b'f' => self.word("false").map(|()| Value::Bool(false)),
            _ => None,
        }
    }

    fn string(&mut self) -> Option<&'a str> {
        self.skip(b'"')?;
        let rest = self.json.get(self.at..)?;
        let end = rest.bytes().position(|byte| byte == b'"')?;
        self.at += end + 1;
        rest.get(..end)
    }

    fn list(&mut self) -> Option<Vec<Value<'a>>> {
        self.skip(b'[')?;
        let mut list = Vec::new();
        if self.skip(b']').is_some() {
            return Some(list);
        }
        loop {
            list.push(self.scalar()?);
            if self.skip(b',').is_none() {
                self.skip(b']')?;
                return Some(list);
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

    fn word(&mut self, word: &str) -> Option<()> {
        self.json.get(self.at..)?.starts_with(word).then(|| self.at += word.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_read(json: &str) -> bool {
        Object::read(json).is_some()
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
            (r#"{"a":[1,"b",true]}"#, true),
            (r#"{"a":[[]]}"#, false),
            (r#"{"a":[{}]}"#, false),
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
