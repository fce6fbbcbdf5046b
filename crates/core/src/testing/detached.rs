//! A connection that no handshake has opened.

use std::net::IpAddr;

use tokio::io::duplex;

use super::Client;
use crate::{connection::Connection, identity::Subject, io::GuardedIo, settings::Settings};

/// Makes a connection from values: see [`Connection::detached`].
#[derive(Debug, Clone, Default)]
#[must_use = "a connection is made when it is opened"]
pub struct Detached {
    client: Option<IpAddr>,
    subject: Option<Subject>,
}

impl Connection {
    /// Makes a connection from values, for the unit test of a handler that takes one.
    ///
    /// It is a guarded connection like any other, over a pipe in memory, so that whatever a handler asks of it happens.
    /// The test has the other end, and reads there how it was closed. There is no WebSocket library in between: what
    /// the client sends is not read.
    ///
    /// ```
    /// use portcullis_core::{CloseCode, CloseFrame, Connection, EndedBy};
    ///
    /// /// Closes connections that are not authenticated.
    /// async fn members_only(connection: Connection) {
    ///     if connection.subject().is_none() {
    ///         connection.close(CloseFrame::new(CloseCode::FORBIDDEN, "members only"));
    ///     }
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
    /// let (connection, _client) = Connection::detached().subject("alice").open();
    /// members_only(connection.clone()).await;
    /// tokio::time::sleep(std::time::Duration::from_secs(60)).await;
    /// assert_eq!(connection.close_reason(), None, "alice stays");
    ///
    /// let (connection, mut client) = Connection::detached().open();
    /// members_only(connection.clone()).await;
    /// assert_eq!(client.closed().await.unwrap().to_string(), "3003 members only");
    /// drop(client);
    /// assert_eq!(connection.closed().await.by, EndedBy::Guard);
    /// # }
    /// ```
    pub fn detached() -> Detached {
        Detached::default()
    }
}

impl Detached {
    /// Sets the client's address: [`Connection::client_ip`].
    ///
    /// ```
    /// use portcullis_core::Connection;
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// let (connection, _client) = Connection::detached().client_ip([192, 0, 2, 1].into()).open();
    /// assert_eq!(connection.client_ip().unwrap().to_string(), "192.0.2.1");
    /// assert_eq!(connection.subject(), None);
    /// # }
    /// ```
    pub fn client_ip(mut self, client: IpAddr) -> Self {
        self.client = Some(client);
        self
    }

    /// Sets the authenticated subject: [`Connection::subject`].
    pub fn subject(mut self, name: impl AsRef<str>) -> Self {
        self.subject = Some(Subject::new(name.as_ref()));
        self
    }

    /// Opens the connection. The handler's half of it lives as long as the client does: dropping the client ends the
    /// connection.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn open(self) -> (Connection, Client) {
        let (ours, theirs) = duplex(64 * 1024);
        let (handler, connection) = GuardedIo::new(theirs, &Settings::default(), Vec::new());
        if let Some(client) = self.client {
            connection.set_client_ip(client);
        }
        if let Some(subject) = &self.subject {
            connection.authenticate(subject).expect("it has no other");
        }
        (connection, Client::new(ours).keep(handler))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_detached_connection_has_its_values_and_ends_with_its_client() {
        let address = IpAddr::from([192, 0, 2, 1]);
        let (connection, client) = Connection::detached().client_ip(address).subject("alice").open();
        assert_eq!((connection.client_ip(), connection.subject()), (Some(address), Some(Subject::new("alice"))));
        tokio::time::sleep(std::time::Duration::from_secs(3600)).await;
        assert_eq!(connection.close_reason(), None);
        drop(client);
        assert_eq!(connection.closed().await.frame, Some(crate::CloseFrame::empty()));
    }
}
