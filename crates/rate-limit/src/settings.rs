//! What a layer was told, and the state that its connections share because of it.

use portcullis_quota::{ByteQuota, Epoch, Meter, Quota, Secret, Table, sixty_four_times};

use crate::{
    cells::{Kind, Meters},
    excess::Enforcement,
    key::Scope,
    shared::Shared,
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

    pub(crate) fn shared(&self) -> Shared {
        let mut meters = Meters::default();
        meters.0[Kind::Messages] = self.messages.map(Meter::from);
        meters.0[Kind::Bytes] = self.bytes.map(Meter::from);
        meters.0[Kind::Control] = self.control.map(Meter::from);
        meters.0[Kind::Continuations] = self.continuations.map(Meter::from);
        let most = if self.scope.is_shared() { self.most_keys } else { 0 };
        Shared {
            table: Table::new(most, meters.period()),
            meters,
            scope: self.scope.clone(),
            ipv6_prefix: self.ipv6_prefix,
            enforcement: self.enforcement.clone(),
            secret: Secret::default(),
            epoch: Epoch::new(),
        }
    }
}
