//! The command line.

use std::{env, fs, path::PathBuf};

use lexopt::{
    Arg::{Long, Short, Value},
    Parser, ValueExt,
};

use super::{
    caps,
    facts::{Facts, HOLE, Place},
    limits::Limits,
};

/// What `--help` prints.
pub(super) const HELP: &str = "\
usage: siege audit ws://HOST:PORT/PATH [options]

what a legitimate client knows:
  --origin ORIGIN            the origin of a page that may connect (default: the server's own)
  --token-file FILE          a valid token; --token-env NAME reads it from the environment
  --expired-token-file FILE  a token that has expired
  --short-token-file FILE    a token that expires within two minutes
  --token-in PLACE           bearer (default), query:NAME, cookie:NAME, subprotocol:MARKER or message
  --header 'NAME: VALUE'     a header of every request; may be repeated
  --subprotocol NAME         a subprotocol to offer
  --first TEXT               a client's first message, in which {token} is replaced; may be repeated
  --message TEXT             a message that the server understands (default: hello)
  --answer TEXT              a text that the answer contains (default: any answer)
  --reply PING=PONG          the reply to a ping that is a text message, such as 2=3 for socket.io
  --beside PATH              a plain route that also needs the token (default: the socket's own path)

limits that the server is meant to enforce:
  --burst N, --rate N        messages per connection at once (100), and per second (100)
  --size N, --bytes N        bytes per message (65536), and at once (not tried by default)
  --sockets N                sockets per client (100)
  --handshakes N             handshakes per client in ten seconds (100)
  --silence N                seconds that a client may neither send nor read (60)

attacks and reports:
  --only TEXT, --skip TEXT   attacks with TEXT in their name or of this kind; may be repeated
  --json                     prints one JSON object on standard output
  --junit FILE               writes a report for a build server
  --fail-on WHAT             through (default), unclear, or never
  --list                     lists the attacks with their kinds and CWEs

target:
  --ca FILE                  certificates to trust, in PEM (default: those of browsers)
  --i-operate HOST           allows a host other than loopback: repeat the host of the URL
  --with-load                also runs floods and bombs there

exit codes: 0 nothing got through, 1 something did, 2 no attack was started, 130 interrupted";

/// The parsed command line.
pub(super) struct Arguments {
    pub(super) url: String,
    pub(super) i_operate: Option<String>,
    pub(super) with_load: bool,
    pub(super) ca: Option<PathBuf>,
    pub(super) facts: Facts,
    pub(super) limits: Limits,
    pub(super) only: Vec<String>,
    pub(super) skip: Vec<String>,
    pub(super) json: bool,
    pub(super) junit: Option<PathBuf>,
    pub(super) fail_on: FailOn,
}

/// What makes an audit fail. A legitimate client that was turned away always does, except with `Never`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FailOn {
    Through,
    /// Also unclear verdicts.
    Unclear,
    Never,
}

impl Arguments {
    /// Parses the arguments of `siege audit`.
    ///
    /// # Errors
    ///
    /// A message for the user.
    pub(super) fn parse(words: &[String]) -> Result<Self, String> {
        let mut arguments = Self::default();
        let mut url = None;
        let mut parser = Parser::from_args(words);
        while let Some(argument) = parser.next().map_err(|error| error.to_string())? {
            match argument {
                Value(value) if url.is_none() => url = Some(text(value)?),
                Value(value) => return Err(format!("unexpected argument: {}", value.to_string_lossy())),
                Short(letter) => return Err(format!("invalid option '-{letter}'")),
                Long(name) => {
                    let name = name.to_owned();
                    arguments.take(&name, &mut parser)?;
                }
            }
        }
        arguments.url = url.ok_or("a URL is missing: siege audit ws://HOST:PORT/PATH")?;
        let facts = &mut arguments.facts;
        if facts.place == Place::Message && !facts.first.iter().any(|text| text.contains(HOLE)) {
            facts.first.insert(0, HOLE.to_owned());
        }
        Ok(arguments)
    }

    fn take(&mut self, name: &str, parser: &mut Parser) -> Result<(), String> {
        match name {
            "json" => self.json = true,
            "with-load" => self.with_load = true,
            "burst" | "rate" | "size" | "bytes" | "sockets" | "handshakes" | "silence" => {
                let value = given(name, parser)?;
                let number = value.parse().map_err(|_| format!("--{name} {value}: not a number"))?;
                self.limits.set(name, number)?;
            }
            "header" => self.facts.headers.push(header(&given(name, parser)?)?),
            "first" => self.facts.first.push(given(name, parser)?),
            "only" => self.only.push(given(name, parser)?),
            "skip" => self.skip.push(given(name, parser)?),
            _ => return self.take_one(name, parser),
        }
        Ok(())
    }

    fn take_one(&mut self, name: &str, parser: &mut Parser) -> Result<(), String> {
        match name {
            "origin" => self.facts.origin = one_line(name, given(name, parser)?)?,
            "token-file" => self.facts.token = Some(token(name, &given(name, parser)?)?),
            "token-env" => self.facts.token = Some(from_env(&given(name, parser)?)?),
            "expired-token-file" => self.facts.expired = Some(token(name, &given(name, parser)?)?),
            "short-token-file" => self.facts.short = Some(token(name, &given(name, parser)?)?),
            "token-in" => self.facts.place = Place::parse(&one_line(name, given(name, parser)?)?)?,
            "subprotocol" => self.facts.subprotocol = Some(one_line(name, given(name, parser)?)?),
            "message" => self.facts.message = short(name, given(name, parser)?)?,
            "answer" => self.facts.answer = given(name, parser)?,
            "reply" => self.facts.reply = Some(reply(&given(name, parser)?)?),
            "beside" => self.facts.beside = Some(path(one_line(name, given(name, parser)?)?)?),
            "ca" => self.ca = Some(given(name, parser)?.into()),
            "junit" => self.junit = Some(given(name, parser)?.into()),
            "i-operate" => self.i_operate = Some(given(name, parser)?),
            "fail-on" => self.fail_on = fail_on(&given(name, parser)?)?,
            _ => return Err(format!("invalid option '--{name}'")),
        }
        Ok(())
    }
}

impl Default for Arguments {
    fn default() -> Self {
        Self {
            url: String::new(),
            i_operate: None,
            with_load: false,
            ca: None,
            facts: Facts::default(),
            limits: Limits::default(),
            only: Vec::new(),
            skip: Vec::new(),
            json: false,
            junit: None,
            fail_on: FailOn::Through,
        }
    }
}

fn text(value: std::ffi::OsString) -> Result<String, String> {
    value.string().map_err(|error| error.to_string())
}

fn given(name: &str, parser: &mut Parser) -> Result<String, String> {
    let value = parser.value().map_err(|_| format!("--{name} needs a value"))?;
    text(value)
}

/// A value that goes into the head of a request.
fn one_line(name: &str, value: String) -> Result<String, String> {
    if value.is_empty() || value.chars().any(char::is_control) {
        return Err(format!("--{name}: the value is empty or has control characters"));
    }
    Ok(value)
}

fn header(line: &str) -> Result<(String, String), String> {
    let line = one_line("header", line.to_owned())?;
    let (name, value) = line.split_once(':').ok_or_else(|| format!("--header {line:?} has no colon"))?;
    let name = http::HeaderName::try_from(name.trim()).map_err(|_| format!("--header {line:?} has no name"))?;
    Ok((name.to_string(), value.trim().to_owned()))
}

fn reply(pair: &str) -> Result<(String, String), String> {
    let (ping, answer) = pair.split_once('=').ok_or_else(|| format!("--reply {pair}: expected PING=PONG"))?;
    Ok((ping.to_owned(), answer.to_owned()))
}

fn path(path: String) -> Result<String, String> {
    if path.starts_with('/') && !path.contains(' ') { Ok(path) } else { Err(format!("--beside {path}: not a path")) }
}

/// Limits a message, so that a flood of it stays within the caps.
fn short(name: &str, message: String) -> Result<String, String> {
    let most = caps::BYTES / caps::FRAMES - 14;
    if message.len() > most {
        return Err(format!("--{name}: a message of more than {most} bytes would be too much of a flood"));
    }
    Ok(message)
}

fn token(name: &str, file: &str) -> Result<String, String> {
    let text = fs::read_to_string(file).map_err(|error| format!("--{name} {file}: {error}"))?;
    usable(text.trim()).ok_or_else(|| format!("--{name} {file}: it contains no token"))
}

fn from_env(name: &str) -> Result<String, String> {
    let text = env::var(name).map_err(|_| format!("--token-env {name}: not set"))?;
    usable(text.trim()).ok_or_else(|| format!("--token-env {name}: it contains no token"))
}

/// A token that fits into a header.
fn usable(token: &str) -> Option<String> {
    (!token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic())).then(|| token.to_owned())
}

fn fail_on(word: &str) -> Result<FailOn, String> {
    match word {
        "through" => Ok(FailOn::Through),
        "unclear" => Ok(FailOn::Unclear),
        "never" => Ok(FailOn::Never),
        _ => Err(format!("--fail-on {word}: expected through, unclear or never")),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Arguments, String> {
        Arguments::parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn invalid_arguments_are_reported() {
        for (line, expected) in [
            ("", "a URL is missing"),
            ("ws://a ws://b", "unexpected argument: ws://b"),
            ("ws://a -x", "invalid option '-x'"),
            ("ws://a --frobnicate", "invalid option '--frobnicate'"),
            ("ws://a --origin", "--origin needs a value"),
            ("ws://a --burst many", "--burst many: not a number"),
            ("ws://a --burst 999999", "an audit can try limits of 1 to 5000 messages"),
            ("ws://a --token-file /nonexistent", "--token-file /nonexistent: "),
            ("ws://a --token-env PORTCULLIS_NO_SUCH", "not set"),
            ("ws://a --token-in pocket", "--token-in pocket: expected bearer,"),
            ("ws://a --header nonsense", "has no colon"),
            ("ws://a --header a=b:c", ""),
            ("ws://a --beside api", "not a path"),
            ("ws://a --reply pong", "--reply pong: expected PING=PONG"),
            ("ws://a --fail-on anything", "--fail-on anything: "),
        ] {
            let result = parse(line).err();
            match result {
                Some(error) => assert!(error.contains(expected), "{line}: {error}"),
                None => assert_eq!(expected, "", "{line}"),
            }
        }
        let words = ["ws://a", "--header", "a: b\r\nc: d"].map(str::to_owned);
        assert!(Arguments::parse(&words).is_err());
        let words = ["ws://a".to_owned(), "--message".to_owned(), "x".repeat(2000)];
        assert!(Arguments::parse(&words).is_err());
    }

    #[test]
    fn a_token_is_the_first_message_unless_a_message_has_a_place_for_it() {
        assert_eq!(parse("ws://a --token-in message").unwrap().facts.first, [HOLE]);
        assert_eq!(parse("ws://a --token-in message --first auth:{token}").unwrap().facts.first, ["auth:{token}"]);
        assert!(parse("ws://a").unwrap().facts.first.is_empty());
    }
}
