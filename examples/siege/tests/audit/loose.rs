//! What a server lets through, by names of attacks.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

/// The attacks that a server does not stop.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Loose {
    Nothing,
    Everything,
    /// One attack, without the rules that would stop it for another reason.
    Only(&'static str),
}

impl Loose {
    pub(crate) fn lets(self, attack: &str) -> bool {
        match self {
            Self::Nothing => false,
            Self::Everything => true,
            Self::Only(only) => only == attack || beside(only).contains(&attack) || is_timed(attack) && !is_timed(only),
        }
    }

    /// The rules for HTTP/2, with the names of the same attacks over HTTP/1.1.
    pub(crate) fn over_http2(self) -> Self {
        match self {
            Self::Only(only) => only.strip_suffix(" over HTTP/2").map_or(Self::Nothing, Self::Only),
            all => all,
        }
    }

    pub(crate) fn lets_any(self, attacks: &[&str]) -> bool {
        attacks.iter().any(|attack| self.lets(attack))
    }
}

/// Rules with a deadline, which other attacks may break on a slow machine.
fn is_timed(attack: &str) -> bool {
    ["nothing is said", "pings unanswered", "message byte by byte", "handshake never finished"].contains(&attack)
}

/// Other rules that would stop an attack.
fn beside(attack: &str) -> &'static [&'static str] {
    match attack {
        "answers unread" => &["message flood", "byte flood"],
        "pings unanswered" => &["nothing is said"],
        "one-byte fragment flood" => &["over the limit in fragments"],
        "compression bomb" => &["text that is not UTF-8"],
        _ => &[],
    }
}

/// A token that expires in `seconds`, or has already expired if that is negative. Its signature is invalid: the server
/// compares whole tokens.
pub(crate) fn token(seconds: i64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let claims = format!(r#"{{"sub":"alice","exp":{}}}"#, now.saturating_add_signed(seconds));
    format!("{}.{}.c2lnbmVkIGJ5IGFsaWNl", URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256"}"#), URL_SAFE_NO_PAD.encode(claims))
}

/// Whether a server accepts a token: the valid one, or one that an attack has made from it.
pub(crate) fn takes(loose: Loose, token: Option<&str>, good: &[String]) -> bool {
    let Some(token) = token else { return loose.lets("no token") };
    if good.iter().any(|good| good == token && !is_over(good)) {
        return true;
    }
    let like = |same: fn(&[&str], &[&str]) -> bool| good.iter().any(|good| same(&parts(good), &parts(token)));
    let ways: [(&str, bool); 5] = [
        ("garbage for a token", token.matches('.').count() != 2),
        ("altered token", like(|good, bad| good[2] == bad[2] && good[1] != bad[1])),
        ("unsigned token", like(|good, bad| good[1] == bad[1] && bad[2].is_empty())),
        ("another's signature", like(|good, bad| good[..2] == bad[..2] && good[2] != bad[2] && !bad[2].is_empty())),
        ("expired token", is_over(token) && token.matches('.').count() == 2),
    ];
    ways.iter().any(|(attack, this)| *this && loose.lets(attack))
}

fn parts(token: &str) -> Vec<&str> {
    let mut parts: Vec<_> = token.split('.').collect();
    parts.resize(3, "");
    parts
}

/// Seconds until it expires; zero if it has.
pub(crate) fn left(token: &str) -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let claims = token.split('.').nth(1).and_then(|part| URL_SAFE_NO_PAD.decode(part).ok()).unwrap_or_default();
    let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap_or_default();
    claims["exp"].as_u64().unwrap_or_default().saturating_sub(now)
}

fn is_over(token: &str) -> bool {
    left(token) == 0
}
