//! What an attack is, and what must come of it.

use std::net::SocketAddr;

use crate::{Result, saw::Saw};

/// One thing that is done to both servers.
pub(crate) struct Attack {
    pub(crate) name: &'static str,
    pub(crate) run: fn(SocketAddr) -> Result<Saw>,
    /// What the guarded server must answer.
    pub(crate) want: Want,
}

/// What stops an attack, or what a legitimate client must see.
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
    /// A plain request that is answered with this status, and on the bare server may be with another.
    Denied(u16),
    NotLogged,
    /// Each client sees this code and this reason, and is back.
    Replaced(u16, &'static str),
}

impl Want {
    /// Whether this is what a legitimate client must see, on the bare server too.
    pub(crate) fn is_legitimate(self) -> bool {
        matches!(self, Self::Echoed | Self::Answered(_))
    }

    pub(crate) fn is_met(self, saw: &Saw) -> bool {
        match (self, saw) {
            (Self::Because(wanted, why), Saw::Closed { code, reason, .. }) => *code == Some(wanted) && reason == why,
            (Self::EmptyClose, Saw::Closed { code, .. }) => code.is_none(),
            (Self::Refused(wanted, code), Saw::Refused { status, page }) => {
                *status == wanted && page.code() == Some(code)
            }
            (Self::Replaced(wanted, why), Saw::Replaced { ends, back }) => {
                *back == ends.len() && ends.iter().all(|end| Self::Because(wanted, why).is_met(end))
            }
            (Self::Answered(wanted) | Self::Denied(wanted), Saw::Answered(status)) => *status == wanted,
            (Self::Echoed, Saw::Echoed(_)) | (Self::NotLogged, Saw::Logged(false)) | (Self::Lost, Saw::Lost { .. }) => {
                true
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::Page;

    fn told(code: u16, reason: &str) -> Saw {
        Saw::Closed { code: Some(code), reason: reason.to_owned(), messages: 0 }
    }

    #[test]
    fn a_refusal_is_well_only_if_a_page_learns_what_it_should() {
        let refused = |page| Saw::Refused { status: 401, page };
        let want = Want::Refused(401, 3000);
        assert!(want.is_met(&refused(Page::closed(Some(3000), "token missing"))));
        for page in [Page::failed(), Page::Open, Page::closed(Some(1008), "")] {
            assert!(!want.is_met(&refused(page.clone())), "{page}");
        }
    }

    #[test]
    fn another_layers_reason_will_not_do() {
        let want = Want::Because(3008, "idle for too long");
        assert!(want.is_met(&told(3008, "idle for too long")));
        assert!(!want.is_met(&told(3008, "no answer to a ping")));
    }

    #[test]
    fn a_deploy_is_well_only_if_everybody_was_told_and_is_back() {
        let want = Want::Replaced(1012, "service restarts");
        let lost = Saw::Lost { reset: false, messages: 0 };
        for (ends, back, well) in [
            (vec![told(1012, "service restarts"), told(1012, "service restarts")], 2, true),
            (vec![told(1012, "service restarts"), told(1012, "service restarts")], 1, false),
            (vec![told(1012, "service restarts"), lost], 2, false),
            (vec![told(1012, "")], 1, false),
        ] {
            let saw = Saw::Replaced { ends, back };
            assert_eq!(want.is_met(&saw), well, "{saw}");
        }
    }
}
