//! The query string: which connections to show, and in which order.

use std::{fmt, net::IpAddr};

use percent_encoding::percent_decode_str;
use portcullis_core::ConnectionState;

/// The longest page.
const MOST: usize = 200;
/// The longest value, in bytes.
const LONGEST: usize = 512;

/// A parsed query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Query {
    /// Part of a subject, an issuer, an address or an id, in lower case.
    pub(crate) search: String,
    /// Exactly this subject, or its masked name.
    pub(crate) subject: Option<String>,
    pub(crate) client: Option<IpAddr>,
    pub(crate) state: Option<ConnectionState>,
    pub(crate) sort: Sort,
    pub(crate) ascending: bool,
    pub(crate) offset: usize,
    pub(crate) limit: usize,
}

impl Default for Query {
    fn default() -> Self {
        Self {
            search: String::new(),
            subject: None,
            client: None,
            state: None,
            sort: Sort::Age,
            ascending: false,
            offset: 0,
            limit: 50,
        }
    }
}

/// What connections are ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sort {
    Age,
    Subject,
    Client,
    State,
    MessagesIn,
    MessagesOut,
    BytesIn,
    BytesOut,
    RoundTrip,
    QuotaLeft,
    ExpiresAt,
}

impl Sort {
    const ALL: [(&str, Self); 11] = [
        ("age", Self::Age),
        ("subject", Self::Subject),
        ("client_ip", Self::Client),
        ("state", Self::State),
        ("messages_in", Self::MessagesIn),
        ("messages_out", Self::MessagesOut),
        ("bytes_in", Self::BytesIn),
        ("bytes_out", Self::BytesOut),
        ("round_trip", Self::RoundTrip),
        ("quota_left", Self::QuotaLeft),
        ("expires_at", Self::ExpiresAt),
    ];

    /// Whether sorting by it needs the descriptions of the layers of every connection.
    pub(super) fn is_deep(self) -> bool {
        matches!(self, Self::QuotaLeft | Self::ExpiresAt)
    }
}

/// An invalid query string.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WrongQuery(String);

impl fmt::Display for WrongQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Query {
    /// Parses a query string. Unknown parameters are refused: a misspelt filter must not show everything.
    pub(crate) fn parse(query: Option<&str>) -> Result<Self, WrongQuery> {
        let mut parsed = Self::default();
        for pair in query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = decode(value).ok_or_else(|| WrongQuery(format!("{name:?} is not UTF-8, or too long")))?;
            let wrong = |expected: &str| WrongQuery(format!("{name} is {expected}"));
            match name {
                "search" => parsed.search = value.to_ascii_lowercase(),
                "subject" => parsed.subject = Some(value),
                "client_ip" => parsed.client = Some(value.parse().map_err(|_| wrong("not an address"))?),
                "state" => {
                    parsed.state = Some(state(&value).ok_or_else(|| wrong("not opening, open or closing"))?);
                }
                "sort" => {
                    let known = Sort::ALL.iter().find(|(known, _)| *known == value);
                    parsed.sort = known.ok_or_else(|| wrong("not a column"))?.1;
                }
                "order" if value == "asc" => parsed.ascending = true,
                "order" if value == "desc" => parsed.ascending = false,
                "order" => return Err(wrong("neither asc nor desc")),
                "offset" => parsed.offset = value.parse().map_err(|_| wrong("not a number"))?,
                "limit" => {
                    let limit = value.parse().ok().filter(|limit| (1..=MOST).contains(limit));
                    parsed.limit = limit.ok_or_else(|| wrong("not from 1 to 200"))?;
                }
                unknown => return Err(WrongQuery(format!("unknown parameter {unknown:?}"))),
            }
        }
        Ok(parsed)
    }
}

fn state(name: &str) -> Option<ConnectionState> {
    [ConnectionState::Opening, ConnectionState::Open, ConnectionState::Closing]
        .into_iter()
        .find(|state| state.as_str() == name)
}

fn decode(value: &str) -> Option<String> {
    let spaced = value.replace('+', " ");
    let text = percent_decode_str(&spaced).decode_utf8().ok()?.into_owned();
    (text.len() <= LONGEST).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_parsed_or_refused() {
        let query =
            Query::parse(Some("search=Al%20i&subject=a%26b&sort=bytes_in&order=asc&offset=50&limit=5")).unwrap();
        assert_eq!((query.search.as_str(), query.subject.as_deref()), ("al i", Some("a&b")));
        assert_eq!((query.sort, query.ascending, query.offset, query.limit), (Sort::BytesIn, true, 50, 5));
        assert_eq!(Query::parse(None).unwrap(), Query::default());
        assert_eq!(Query::parse(Some("client_ip=2001:db8::1")).unwrap().client.unwrap().to_string(), "2001:db8::1");
        for wrong in [
            "sort=constructor",
            "limit=0",
            "limit=201",
            "limit=-1",
            "offset=x",
            "order=up",
            "client_ip=alice",
            "state=ended",
            "subjekt=alice",
            "search=%ff",
        ] {
            Query::parse(Some(wrong)).unwrap_err();
        }
        Query::parse(Some(&format!("search={}", "a".repeat(513)))).unwrap_err();
    }
}
