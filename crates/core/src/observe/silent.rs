//! The same functions without the features: they do nothing.
#![expect(
    clippy::unnecessary_box_returns,
    clippy::unused_self,
    reason = "it has the shape of what there is with a feature"
)]

use std::time::{Duration, Instant};

use http::StatusCode;

use super::{Enforcement, Peer, Scope};
use crate::{counters::Counters, ended::Ended, policy::Policy};

#[derive(Debug, Default)]
pub(crate) struct HandshakeStage(());

impl HandshakeStage {
    pub(crate) fn called(&self) {}

    pub(crate) fn upgraded(&self) {}

    pub(crate) fn refused(&self, _: StatusCode, _: bool) {}

    pub(crate) fn failed(&self) {}

    pub(crate) fn opened(&self, _: Instant) {}

    pub(crate) fn adopted(&self, _: Instant) {}

    pub(crate) fn turned_away(&self, _: &Scope, _: Peer<'_>) {}

    pub(crate) fn ended(&self, _: &Ended, _: &Scope, _: Peer<'_>, _: Instant) {}
}

#[derive(Debug, Default)]
pub(crate) struct Telemetry;

impl Telemetry {
    pub(crate) fn counts_read(&mut self) -> bool {
        false
    }

    pub(crate) fn tick(&mut self, _: Instant) {}

    pub(crate) fn are_due(&self) -> bool {
        false
    }

    pub(crate) fn violated(&mut self, _: &'static str, _: Enforcement) {}

    pub(crate) fn answered(&mut self, _: Duration) {}

    pub(crate) fn finish(&mut self, _: &mut [Box<dyn Policy>]) {}

    pub(crate) fn take(&mut self, _: Counters, _: &mut [Box<dyn Policy>]) -> Box<Delta> {
        Box::new(Delta)
    }
}

#[derive(Debug)]
pub(crate) struct Delta;

impl Delta {
    pub(crate) fn emit(self, _: &Scope, _: Peer<'_>) {}
}
