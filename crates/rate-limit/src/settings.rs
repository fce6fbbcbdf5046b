//! What a layer was told.

use portcullis_quota::{ByteQuota, Meter, Quota, sixty_four_times};

use crate::{
    cells::{Kind, Meters},
    excess::Enforcement,
    key::Scope,
};

#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) messages: Option<Quota>,
    pub(crate) bytes: Option<ByteQuota>,
    pub(crate) control: Option<Quota>,
    pub(crate) continuations: Option<Quota>,
    pub(crate) scope: Scope,
    pub(crate) ipv6_prefix: u8,
    pub(crate) most_keys: usize,
    pub(crate) enforcement: Enforcement,
}

impl Settings {
    /// The defaults, with these quotas.
    pub(crate) fn new(messages: Option<Quota>, bytes: Option<ByteQuota>, control: Option<Quota>) -> Self {
        Self {
            messages,
            bytes,
            control,
            continuations: messages.map(sixty_four_times),
            scope: Scope::Connection,
            ipv6_prefix: 64,
            most_keys: 1_000_000,
            enforcement: Enforcement::default(),
        }
    }

    pub(crate) fn meters(&self) -> Meters {
        let mut meters = Meters::default();
        meters.0[Kind::Messages] = self.messages.map(Meter::from);
        meters.0[Kind::Bytes] = self.bytes.map(Meter::from);
        meters.0[Kind::Control] = self.control.map(Meter::from);
        meters.0[Kind::Continuations] = self.continuations.map(Meter::from);
        meters
    }
}
