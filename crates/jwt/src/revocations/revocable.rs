//! A session that may be revoked.

use std::sync::Mutex;

use portcullis_core::Connection;

use crate::{error::TokenError, sync::lock};

/// A session that may be revoked.
///
/// One lock for both halves: of a revocation and an attachment at once, the later one finds what the earlier one left,
/// and closes the connection.
#[derive(Default)]
pub(crate) struct Revocable(Mutex<Known>);

#[derive(Default)]
struct Known {
    revoked: bool,
    connection: Option<Connection>,
}

impl Revocable {
    pub(crate) fn is_revoked(&self) -> bool {
        lock(&self.0).revoked
    }

    pub(crate) fn connection(&self) -> Option<Connection> {
        lock(&self.0).connection.clone()
    }

    /// The first connection counts. Returns whether a revocation that came earlier closes it.
    pub(crate) fn attach(&self, connection: &Connection) -> bool {
        let revoked = {
            let mut known = lock(&self.0);
            known.connection.get_or_insert_with(|| connection.clone());
            known.revoked
        };
        // Nothing is locked: a close may call anything.
        if revoked {
            connection.close(TokenError::Revoked.close_frame());
        }
        revoked
    }

    /// Returns whether there is a connection, which this closes.
    pub(super) fn revoke(&self) -> bool {
        let connection = {
            let mut known = lock(&self.0);
            known.revoked = true;
            known.connection.clone()
        };
        let Some(connection) = connection else { return false };
        connection.close(TokenError::Revoked.close_frame());
        true
    }
}
