//! Commands to the connections of all nodes: carried out here at once, and sent to the other nodes.
//!
//! A command names subjects and addresses by keyed hashes, so the store in between learns neither. It also carries the
//! latest time at which it was given: a node that receives it late must not close a connection which began after it,
//! such as that of a user who was let in again.

use std::{
    net::IpAddr,
    sync::{Arc, Weak},
    time::Instant,
};

use super::{
    index::Index,
    live::{Connections, Registry},
    target::Target,
};
use crate::{
    close::CloseFrame,
    connection::Connection,
    decision::Decision,
    id::ConnectionId,
    identity::Subject,
    shared::{Broadcast, Command, CommandAction, CommandHandler, CommandTarget, Name, NodeId, ShareCommands},
    sync::lock,
};

/// What a registry has in addition if nodes share commands: an index of its connections by their names on all nodes, so
/// that a command finds them without a scan.
pub(super) struct Sharing {
    store: Arc<dyn ShareCommands>,
    names: Index,
}

impl Sharing {
    fn subject(&self, subject: &Subject) -> Name {
        self.store.name("subject", &subject.to_bytes())
    }

    fn client(&self, address: IpAddr) -> Name {
        self.store.name("client", address.to_string().as_bytes())
    }

    /// The names of what is known about a connection by now.
    fn names(&self, connection: &Connection) -> [Option<Name>; 2] {
        let subject = connection.subject().map(|subject| self.subject(&subject));
        [subject, connection.client_ip().map(|address| self.client(address))]
    }

    pub(super) fn add(&self, connection: &Connection) {
        for name in self.names(connection).iter().flatten() {
            self.names.add(name, connection.id());
        }
    }

    pub(super) fn remove(&self, connection: &Connection) {
        for name in self.names(connection).iter().flatten() {
            self.names.remove(name, connection.id());
        }
    }

    fn target(&self, target: &Target) -> CommandTarget {
        match target {
            Target::Subject(subject) => CommandTarget::Subject(self.subject(subject)),
            Target::ClientIp(address) => CommandTarget::ClientIp(self.client(*address)),
            Target::Connection { node, id } => CommandTarget::Connection(*node, *id),
            Target::All => CommandTarget::All,
        }
    }
}

impl Connections {
    /// Shares commands with other nodes, by a store such as `portcullis_redis::Cluster`: [`close`](Self::close) and
    /// [`abort`](Self::abort) then act on all nodes. Call it once; clones share it, and it also applies to connections
    /// that are already in the registry.
    ///
    /// The store contains subjects and addresses as hashes with a secret, and close reasons as they are.
    ///
    /// # Panics
    ///
    /// If the registry shares commands already.
    #[track_caller]
    pub fn shared(self, store: &(impl ShareCommands + Clone)) -> Self {
        let store: Arc<dyn ShareCommands> = Arc::new(store.clone());
        let sharing = Sharing { store: store.clone(), names: Index::default() };
        assert!(self.0.sharing.set(sharing).is_ok(), "a registry of connections shares commands by one store");
        self.0.add_all();
        let registry: Weak<Registry> = Arc::downgrade(&self.0);
        store.deliver(registry);
        self
    }

    /// Returns the id of this node, if it shares commands. Together with the [`id`](Connection::id) of a connection it
    /// identifies the connection on all nodes: [`Target::Connection`].
    ///
    /// ```
    /// use portcullis_core::Connections;
    ///
    /// assert_eq!(Connections::new().node(), None, "one node on its own");
    /// ```
    pub fn node(&self) -> Option<NodeId> {
        self.0.sharing.get().map(|sharing| sharing.store.node())
    }

    /// Closes connections: those of this node at once, and on all other nodes if commands are [`shared`](Self::shared).
    /// Awaiting the result shows whether the store has accepted the command, which is sent in either case.
    ///
    /// The command is for connections that are open when it is given. A node that was cut off from the store receives
    /// it later, and closes those that it had open then. A connection that begins at the same moment may be missed: to
    /// keep a subject out, revoke its tokens first.
    ///
    /// # Errors
    ///
    /// [`BroadcastError`](crate::shared::BroadcastError) if the store did not accept the command in time: other nodes
    /// may never close their connections. Try again: closing twice does no harm.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() {
    /// use portcullis_core::{CloseCode, CloseFrame, Connections, identity::Subject};
    ///
    /// let connections = Connections::new(); // or `Connections::new().shared(&cluster)`
    /// let frame = CloseFrame::new(CloseCode::POLICY_VIOLATION, "banned");
    /// assert_eq!(connections.close(Subject::new("alice"), frame).await, Ok(0));
    /// # }
    /// ```
    pub fn close(&self, target: impl Into<Target>, frame: CloseFrame) -> Broadcast {
        self.command(&target.into(), CommandAction::Close(frame))
    }

    /// Like [`close`](Self::close), but ends the connections without a closing handshake.
    ///
    /// # Errors
    ///
    /// Like [`close`](Self::close).
    ///
    /// ```
    /// # #[cfg(feature = "test-util")]
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
    /// use portcullis_core::{Connection, Connections, Target};
    ///
    /// let connections = Connections::new();
    /// let (connection, mut client) = Connection::detached().open();
    /// connections.insert(&connection);
    /// assert_eq!(connections.abort(Target::All).await, Ok(1));
    /// assert_eq!(client.closed().await, None, "there was no close frame");
    /// # }
    /// # #[cfg(not(feature = "test-util"))] fn main() {}
    /// ```
    pub fn abort(&self, target: impl Into<Target>) -> Broadcast {
        self.command(&target.into(), CommandAction::Abort)
    }

    fn command(&self, target: &Target, action: CommandAction) -> Broadcast {
        let here = self.here(target);
        for connection in &here {
            carry_out(&action, connection);
        }
        let accepted = match self.0.sharing.get() {
            Some(sharing) => sharing.store.send(Command::new(sharing.target(target), action)),
            None => Decision::ready(true),
        };
        Broadcast::new(here.len(), accepted)
    }

    fn here(&self, target: &Target) -> Vec<Connection> {
        match target {
            Target::Subject(subject) => self.of_subject(subject),
            Target::ClientIp(address) => self.of_client_ip(*address),
            Target::Connection { node, id } if self.node() == Some(*node) => self.get(*id).into_iter().collect(),
            Target::Connection { .. } => Vec::new(),
            Target::All => self.all(),
        }
    }
}

fn carry_out(action: &CommandAction, connection: &Connection) {
    match action {
        CommandAction::Close(frame) => connection.close(frame.clone()),
        CommandAction::Abort => connection.abort(),
    }
}

impl Registry {
    fn targeted(&self, sharing: &Sharing, target: CommandTarget) -> Vec<Connection> {
        let get = |id: ConnectionId| lock(self.shard(id)).get(id).cloned();
        match target {
            // Two names may have the same hash in the index.
            CommandTarget::Subject(name) | CommandTarget::ClientIp(name) => {
                let found = sharing.names.find(&name).into_iter().filter_map(get);
                found.filter(|connection| sharing.names(connection).contains(&Some(name))).collect()
            }
            CommandTarget::Connection(node, id) if node == sharing.store.node() => get(id).into_iter().collect(),
            CommandTarget::Connection(..) => Vec::new(),
            CommandTarget::All => {
                self.shards.iter().flat_map(|shard| lock(shard).iter().cloned().collect::<Vec<_>>()).collect()
            }
        }
    }
}

impl CommandHandler for Registry {
    fn handle(&self, command: &Command, until: Instant) {
        let Some(sharing) = self.sharing.get() else { return };
        for connection in self.targeted(sharing, command.target) {
            if connection.started() <= until {
                carry_out(&command.action, &connection);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Mutex, time::Duration};

    use tokio::io::{DuplexStream, duplex};

    use super::*;
    use crate::{clock::now, close::CloseCode, io::GuardedIo, settings::Settings};

    /// Nodes that receive each other's commands at once.
    #[derive(Clone)]
    struct Wire {
        node: NodeId,
        ends: Arc<Mutex<Vec<Weak<dyn CommandHandler>>>>,
        cut: bool,
    }

    impl ShareCommands for Wire {
        fn name(&self, kind: &str, value: &[u8]) -> Name {
            let mut bytes = [0; 16];
            for (at, byte) in kind.bytes().chain(value.iter().copied()).enumerate() {
                bytes[at % 16] ^= byte.rotate_left(u32::try_from(at / 16).unwrap());
            }
            Name::from_bytes(bytes)
        }

        fn node(&self) -> NodeId {
            self.node
        }

        fn send(&self, command: Command) -> Decision<bool> {
            for end in lock(&self.ends).iter().filter_map(Weak::upgrade).filter(|_| !self.cut) {
                end.handle(&command, now());
            }
            Decision::ready(!self.cut)
        }

        fn deliver(&self, to: Weak<dyn CommandHandler>) {
            lock(&self.ends).push(to);
        }
    }

    type Ends = Arc<Mutex<Vec<Weak<dyn CommandHandler>>>>;

    fn node(number: u8, ends: &Ends) -> Connections {
        Connections::new().shared(&Wire { node: NodeId::from_bytes([number; 16]), ends: ends.clone(), cut: false })
    }

    /// A connection of a subject and an address; the peer is gone, so that the end waits for nothing.
    fn connect(to: &Connections, subject: &str, address: u32) -> (GuardedIo<DuplexStream>, Connection) {
        let (_, io) = duplex(1);
        let (guarded, connection) = GuardedIo::new(io, &Settings::default(), Vec::new());
        connection.set_client_ip(IpAddr::V4(address.into()));
        to.insert(&connection);
        // Known after it was inserted, as of a first message.
        connection.authenticate(&Subject::new(subject.to_owned())).unwrap();
        (guarded, connection)
    }

    fn frame() -> CloseFrame {
        CloseFrame::new(CloseCode::POLICY_VIOLATION, "banned")
    }

    /// By the time at which any that was to be closed has ended.
    async fn is_closed(connection: &Connection) -> bool {
        tokio::time::sleep(Duration::from_secs(60)).await;
        connection.close_reason().is_some()
    }

    #[tokio::test(start_paused = true)]
    async fn a_command_means_the_same_connections_on_all_nodes() {
        let ends = Ends::default();
        let (one, other) = (node(1, &ends), node(2, &ends));
        let of_other = Target::Connection { node: NodeId::from_bytes([2; 16]), id: "0".parse().unwrap() };
        for (case, meant) in [(0, [true, false]), (1, [true, false]), (2, [false, true]), (3, [true, true])] {
            let [alice, bob] = [("alice", 1), ("bob", 2)].map(|(subject, ip)| connect(&other, subject, ip));
            let target = match case {
                0 => Subject::new("alice").into(),
                1 => IpAddr::V4(1.into()).into(),
                2 => Target::Connection { node: other.node().unwrap(), id: bob.1.id() },
                _ => Target::All,
            };
            assert_eq!(one.close(target, frame()).await, Ok(0), "there is none on the first node");
            assert_eq!([is_closed(&alice.1).await, is_closed(&bob.1).await], meant, "{case}");
            drop((alice, bob));
        }
        let (_alice, here) = connect(&one, "alice", 1);
        let stranger = Target::Connection { node: NodeId::from_bytes([9; 16]), id: here.id() };
        for target in [stranger, of_other] {
            assert_eq!(one.abort(target).await, Ok(0));
        }
        assert!(!is_closed(&here).await);
        assert_eq!(one.abort(Subject::new("alice")).await, Ok(1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_command_does_not_mean_who_came_later() {
        let ends = Ends::default();
        let one = node(1, &ends);
        let (_alice, connection) = connect(&one, "alice", 1);
        let sharing = one.0.sharing.get().unwrap();
        let command = Command::new(sharing.target(&Subject::new("alice").into()), CommandAction::Close(frame()));
        one.0.handle(&command, connection.started().checked_sub(Duration::from_nanos(1)).unwrap());
        assert!(!is_closed(&connection).await, "it was sent before");
        one.0.handle(&command, connection.started());
        assert!(is_closed(&connection).await);
    }

    #[tokio::test(start_paused = true)]
    async fn connections_of_before_are_meant_and_those_that_ended_leave_nothing() {
        let (ends, connections) = (Ends::default(), Connections::new());
        let (alice, early) = connect(&connections, "alice", 1);
        let (one, other) = (
            connections.shared(&Wire { node: NodeId::from_bytes([1; 16]), ends: ends.clone(), cut: false }),
            node(2, &ends),
        );
        let (bob, late) = connect(&one, "bob", 2);
        assert_eq!(one.0.sharing.get().unwrap().names.len(), 4);
        assert_eq!(other.close(Target::All, frame()).await, Ok(0));
        assert!(is_closed(&early).await && is_closed(&late).await);
        drop((alice, bob));
        early.closed().await;
        late.closed().await;
        one.wait_until_empty().await;
        assert_eq!(one.0.sharing.get().unwrap().names.len(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_here_is_closed_whether_or_not_the_others_are_told() {
        let ends = Ends::default();
        let cut = Wire { node: NodeId::from_bytes([1; 16]), ends, cut: true };
        let one = Connections::new().shared(&cut);
        let (_alice, connection) = connect(&one, "alice", 1);
        assert_eq!(one.close(Subject::new("alice"), frame()).await.unwrap_err().here, 1);
        assert!(is_closed(&connection).await);
    }

    #[test]
    #[should_panic(expected = "by one store")]
    fn a_registry_is_shared_once() {
        let ends = Ends::default();
        let _ = node(1, &ends).shared(&Wire { node: NodeId::from_bytes([1; 16]), ends: ends.clone(), cut: false });
    }
}
