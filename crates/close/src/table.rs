//! The mapping from a refused handshake to the close frame that its client gets.
//!
//! The most specific entry decides: the code of a kind, then of a status, then the one that the refusing layer chose,
//! then the preset. A reason is the layer's if it has one, and the words of the status otherwise; with `Retry-After`,
//! it ends in the time to wait, which is never cut off.

use std::{borrow::Cow, collections::BTreeMap, time::Duration};

use http::{HeaderMap, StatusCode, header::RETRY_AFTER};
use portcullis_core::{
    CloseCode, CloseFrame, CloseReason,
    refusal::{Kind, Refusal},
};

/// The codes that apply where no entry of the table does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Preset {
    /// Codes registered with IANA.
    #[default]
    Registered,
    /// 4000 plus the status.
    Private,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Table {
    pub(crate) preset: Preset,
    pub(crate) kinds: BTreeMap<Kind, CloseCode>,
    pub(crate) statuses: BTreeMap<StatusCode, CloseCode>,
}

impl Table {
    /// Returns the close frame for a response, or `None` if it goes out as HTTP.
    pub(crate) fn frame(
        &self,
        status: StatusCode,
        headers: &HeaderMap,
        refusal: Option<&Refusal>,
    ) -> Option<CloseFrame> {
        let error = status.is_client_error() || status.is_server_error();
        if !error || refusal.is_some_and(Refusal::is_http_only) {
            return None;
        }
        let reason = with_retry(reason(status, refusal), headers);
        Some(CloseFrame::new(self.code(status, refusal), reason))
    }

    fn code(&self, status: StatusCode, refusal: Option<&Refusal>) -> CloseCode {
        let by_kind = refusal.and_then(|refusal| self.kinds.get(&refusal.kind()));
        let chosen = refusal.and_then(Refusal::close_frame).and_then(CloseFrame::code);
        let by_layer = chosen.filter(|_| self.preset == Preset::Registered);
        let by_status = || self.statuses.get(&status).copied();
        by_kind.copied().or_else(by_status).or(by_layer).unwrap_or_else(|| self.preset.code(status))
    }
}

impl Preset {
    fn code(self, status: StatusCode) -> CloseCode {
        match (self, status.as_u16()) {
            (Self::Private, status) => CloseCode::new(4000 + status).unwrap_or(CloseCode::POLICY_VIOLATION),
            (_, 401) => CloseCode::UNAUTHORIZED,
            (_, 403) => CloseCode::FORBIDDEN,
            (_, 408) => CloseCode::TIMEOUT,
            (_, 413) => CloseCode::MESSAGE_TOO_BIG,
            (_, 429 | 503) => CloseCode::TRY_AGAIN_LATER,
            (_, 500..) => CloseCode::INTERNAL_ERROR,
            _ => CloseCode::POLICY_VIOLATION,
        }
    }
}

fn reason(status: StatusCode, refusal: Option<&Refusal>) -> Cow<'_, str> {
    let frame = refusal.and_then(Refusal::close_frame).map(CloseFrame::reason).filter(|reason| !reason.is_empty());
    match (frame, refusal.map(Refusal::message).filter(|text| !text.is_empty())) {
        (Some(reason), _) | (None, Some(reason)) => Cow::Borrowed(reason),
        (None, None) => Cow::Owned(status.canonical_reason().unwrap_or("refused").to_ascii_lowercase()),
    }
}

/// A browser shows no headers, so the reason says how long to wait. The rest is shortened where it would not fit.
fn with_retry(reason: Cow<'_, str>, headers: &HeaderMap) -> String {
    let Some(wait) = retry_after(headers) else { return reason.into_owned() };
    let wait = format!("; retry after {} s", wait.as_secs());
    let mut end = reason.len().min(CloseReason::MAX_BYTES - wait.len());
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{wait}", &reason[..end])
}

/// Reads `Retry-After` in seconds. A date is ignored.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?;
    value.parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registered() -> Table {
        Table::default()
    }

    fn show(table: &Table, status: u16, refusal: Option<&Refusal>) -> Option<String> {
        let status = StatusCode::from_u16(status).unwrap();
        table.frame(status, &HeaderMap::new(), refusal).map(|frame| frame.to_string())
    }

    #[test]
    fn a_status_has_a_code() {
        let private = Table { preset: Preset::Private, ..Table::default() };
        for (status, code, of_private) in [
            (401, "3000 unauthorized", "4401 unauthorized"),
            (403, "3003 forbidden", "4403 forbidden"),
            (404, "1008 not found", "4404 not found"),
            (408, "3008 request timeout", "4408 request timeout"),
            (413, "1009 payload too large", "4413 payload too large"),
            (429, "1013 too many requests", "4429 too many requests"),
            (500, "1011 internal server error", "4500 internal server error"),
            (503, "1013 service unavailable", "4503 service unavailable"),
            (599, "1011 refused", "4599 refused"),
        ] {
            assert_eq!(show(&registered(), status, None).as_deref(), Some(code));
            assert_eq!(show(&private, status, None).as_deref(), Some(of_private));
        }
        for status in [101, 200, 204, 302, 304, 600, 999] {
            assert_eq!(show(&registered(), status, None), None, "{status}");
        }
    }

    #[test]
    fn a_kind_goes_before_a_status_and_that_before_the_layers_own_frame() {
        let frame = CloseFrame::new(CloseCode::UNAUTHORIZED, "token expired");
        let refusal = Refusal::new(Kind::TOKEN_EXPIRED, StatusCode::UNAUTHORIZED)
            .with_close_frame(frame)
            .with_message("A sentence.");
        let mut table = registered();
        assert_eq!(show(&table, 401, Some(&refusal)).unwrap(), "3000 token expired");
        table.statuses.insert(StatusCode::UNAUTHORIZED, CloseCode::new(4001).unwrap());
        assert_eq!(show(&table, 401, Some(&refusal)).unwrap(), "4001 token expired");
        table.kinds.insert(Kind::TOKEN_EXPIRED, CloseCode::new(4002).unwrap());
        assert_eq!(show(&table, 401, Some(&refusal)).unwrap(), "4002 token expired");
        let plain = Refusal::new("full", StatusCode::SERVICE_UNAVAILABLE).with_message("The server is full.");
        assert_eq!(show(&table, 503, Some(&plain)).unwrap(), "1013 The server is full.");
        assert_eq!(show(&table, 503, Some(&plain.http_only())), None);
    }

    #[test]
    fn the_time_to_wait_is_readable_however_long_the_reason() {
        let headers = HeaderMap::from_iter([(RETRY_AFTER, 17.into())]);
        let refusal = Refusal::new("full", StatusCode::SERVICE_UNAVAILABLE).with_message("é".repeat(100));
        let frame = registered().frame(StatusCode::SERVICE_UNAVAILABLE, &headers, Some(&refusal)).unwrap();
        assert!(frame.reason().ends_with("é; retry after 17 s"), "{frame}");
        assert!(frame.reason().len() > CloseReason::MAX_BYTES - 2);
        let date = HeaderMap::from_iter([(RETRY_AFTER, "Wed, 21 Oct 2026 07:28:00 GMT".parse().unwrap())]);
        let frame = registered().frame(StatusCode::SERVICE_UNAVAILABLE, &date, None).unwrap();
        assert_eq!(frame.to_string(), "1013 service unavailable");
    }
}
