//! The definition of an attack, with its expected outcome.

use std::net::SocketAddr;

use crate::{Result, observation::Observation};

/// An attack, which is run against both servers.
pub(crate) struct Attack {
    pub(crate) name: &'static str,
    pub(crate) run: fn(SocketAddr) -> Result<Observation>,
    /// The outcome that is required of the guarded server.
    pub(crate) want: Want,
}

/// The outcome that means that an attack was stopped, or that a legitimate client was served.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Want {
    /// A close code and its reason.
    Because(u16, &'static str),
    EmptyClose,
    Lost,
    /// A status, and the close code that a page sees instead.
    Refused(u16, u16),
    Echoed,
    Answered(u16),
    /// A plain request is answered with this status; the bare server may answer with another.
    Denied(u16),
    NotLogged,
    /// Each client receives this code and reason, and reconnects.
    Replaced(u16, &'static str),
}

impl Want {
    /// Whether this is the outcome of a legitimate client, which is required of the bare server as well.
    pub(crate) fn is_legitimate(self) -> bool {
        matches!(self, Self::Echoed | Self::Answered(_))
    }

    pub(crate) fn is_met(self, observed: &Observation) -> bool {
        match (self, observed) {
            (Self::Because(wanted, why), Observation::Closed { code, reason, .. }) => {
                *code == Some(wanted) && reason == why
            }
            (Self::EmptyClose, Observation::Closed { code, .. }) => code.is_none(),
            (Self::Refused(wanted, code), Observation::Refused { status, page }) => {
                *status == wanted && page.code() == Some(code)
            }
            (Self::Replaced(wanted, why), Observation::Replaced { ends, back }) => {
                *back == ends.len() && ends.iter().all(|end| Self::Because(wanted, why).is_met(end))
            }
            (Self::Answered(wanted) | Self::Denied(wanted), Observation::Answered(status)) => *status == wanted,
            (Self::Echoed, Observation::Echoed(_))
            | (Self::NotLogged, Observation::Logged(false))
            | (Self::Lost, Observation::Lost { .. }) => true,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::Page;

    fn closed(code: u16, reason: &str) -> Observation {
        Observation::Closed { code: Some(code), reason: reason.to_owned(), messages: 0 }
    }

    #[test]
    fn a_refusal_is_as_expected_only_if_the_page_sees_the_right_code() {
        let refused = |page| Observation::Refused { status: 401, page };
        let want = Want::Refused(401, 3000);
        assert!(want.is_met(&refused(Page::closed(Some(3000), "token missing"))));
        for page in [Page::failed(), Page::Open, Page::closed(Some(1008), "")] {
            assert!(!want.is_met(&refused(page.clone())), "{page}");
        }
    }

    #[test]
    fn the_reason_of_another_layer_is_not_accepted() {
        let want = Want::Because(3008, "idle for too long");
        assert!(want.is_met(&closed(3008, "idle for too long")));
        assert!(!want.is_met(&closed(3008, "no answer to a ping")));
    }

    #[test]
    fn a_deploy_is_as_expected_only_if_every_client_got_the_code_and_reconnected() {
        let want = Want::Replaced(1012, "service restarts");
        let lost = Observation::Lost { reset: false, messages: 0 };
        for (ends, back, expected) in [
            (vec![closed(1012, "service restarts"), closed(1012, "service restarts")], 2, true),
            (vec![closed(1012, "service restarts"), closed(1012, "service restarts")], 1, false),
            (vec![closed(1012, "service restarts"), lost], 2, false),
            (vec![closed(1012, "")], 1, false),
        ] {
            let observed = Observation::Replaced { ends, back };
            assert_eq!(want.is_met(&observed), expected, "{observed}");
        }
    }
}
