//! One table of takes, evictions, gives-back and charges, and what becomes of each: the same on one node that counts
//! for itself and on two that share, over each kind of store.

use std::{
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

use futures_util::FutureExt;
use portcullis_connections::{ConnectionLimitLayer, HandshakeRateLayer, Limit};
use portcullis_core::{identity::Subject, testing::Client};
use portcullis_quota::Quota;
use portcullis_redis::Cluster;
use redis_tests::{Inside, Server, builder, joined};

use crate::{
    contract::eventually,
    layers::{Refused, connect_from},
    message_verdicts,
};

struct Row {
    name: &'static str,
    layer: fn() -> Layer,
    steps: &'static [Step],
}

/// What happens, to which of two nodes. Of one that counts for itself there is only one.
enum Step {
    /// A user connects from an address, and is let in.
    In(usize, &'static str, u8),
    /// The same, and the connection that was the nth to be let in makes room.
    Evicts(usize, &'static str, u8, usize),
    /// The same, as soon as what was given up elsewhere, or is awaited, is there.
    Soon(usize, &'static str, u8),
    /// A user is let in before it is known who it is, and turned away then.
    Late(usize, &'static str, u8),
    /// A user is refused.
    Out(usize, &'static str, u8, &'static str, u16),
    /// The connection that was the nth to be let in ends.
    Leave(usize),
}

use Step::{Evicts, In, Late, Leave, Out, Soon};

const FULL: &str = "too_many_connections";
const RATE: &str = "handshake_rate";

fn of_user(limit: impl Into<Limit>) -> Layer {
    Layer::Connections(ConnectionLimitLayer::new().per_subject(limit))
}

fn evicting(most: usize) -> Layer {
    of_user(Limit::new(most).evict_oldest())
}

fn both(client: usize, user: usize) -> Layer {
    Layer::Connections(ConnectionLimitLayer::new().per_client_ip(client).per_subject(user))
}

fn server(most: usize) -> Layer {
    Layer::Connections(ConnectionLimitLayer::new().global(most))
}

fn rate(quota: Quota, burst: u32) -> HandshakeRateLayer {
    HandshakeRateLayer::new(quota).burst(burst)
}

fn hourly() -> Quota {
    Quota::per_hour(1.try_into().unwrap())
}

const ROWS: &[Row] = &[
    Row {
        name: "a full key refuses, whoever asks, and another does not",
        layer: || of_user(2),
        steps: &[
            In(0, "a", 1),
            In(1, "a", 2),
            Out(0, "a", 1, FULL, 429),
            Out(1, "a", 2, FULL, 429),
            In(0, "b", 1),
            In(1, "b", 1),
        ],
    },
    Row {
        name: "what a connection held is free when it has ended",
        layer: || of_user(1),
        steps: &[In(0, "a", 1), Out(1, "a", 1, FULL, 429), Leave(0), Soon(1, "a", 1), Out(0, "a", 1, FULL, 429)],
    },
    Row {
        name: "a limit of zero admits nobody",
        layer: || of_user(0),
        steps: &[Out(0, "a", 1, FULL, 429), Out(1, "b", 2, FULL, 429)],
    },
    Row {
        name: "a limit of zero has no oldest to make room",
        layer: || evicting(0),
        steps: &[Out(0, "a", 1, FULL, 429), Out(1, "a", 1, FULL, 429)],
    },
    Row {
        name: "a server for nobody",
        layer: || server(0),
        steps: &[Out(0, "a", 1, "server_full", 503), Out(1, "a", 1, "server_full", 503)],
    },
    Row {
        name: "the oldest makes room, one for one",
        layer: || evicting(1),
        steps: &[In(0, "a", 1), Evicts(1, "a", 1, 0), Evicts(0, "a", 1, 1), In(1, "b", 1), Evicts(0, "a", 1, 2)],
    },
    Row {
        name: "the oldest of several makes room, and nobody while there is room",
        layer: || evicting(2),
        steps: &[
            In(0, "a", 1),
            In(1, "a", 1),
            Evicts(0, "a", 1, 0),
            Evicts(1, "a", 1, 1),
            Leave(2),
            In(0, "a", 1),
            Evicts(1, "a", 1, 3),
        ],
    },
    Row {
        name: "the server is full for all users together",
        layer: || server(3),
        steps: &[
            In(0, "a", 1),
            In(1, "b", 2),
            In(0, "c", 3),
            Out(1, "d", 4, "server_full", 503),
            Out(0, "a", 1, "server_full", 503),
            Leave(1),
            Soon(0, "d", 4),
            Out(1, "e", 5, "server_full", 503),
        ],
    },
    Row {
        name: "a user who is full takes no place of an address",
        layer: || both(2, 1),
        steps: &[
            In(0, "a", 1),
            Out(1, "a", 2, FULL, 429),
            Out(0, "a", 2, FULL, 429),
            Soon(1, "b", 2),
            Soon(0, "c", 2),
            Out(1, "d", 2, FULL, 429),
        ],
    },
    Row {
        name: "an address that is full takes no place of a user",
        layer: || both(1, 1),
        steps: &[In(0, "a", 1), Out(1, "b", 1, FULL, 429), Out(0, "b", 1, FULL, 429), Soon(1, "b", 2)],
    },
    Row {
        name: "a user who says late who he is",
        layer: || of_user(1),
        steps: &[In(0, "a", 1), Late(1, "a", 1), Leave(0), Soon(1, "a", 1)],
    },
    Row {
        name: "a burst of handshakes, and then none",
        layer: || Layer::Rate(rate(hourly(), 3).per_client_ip()),
        steps: &[
            In(0, "a", 1),
            In(1, "b", 1),
            In(0, "c", 1),
            Out(1, "d", 1, RATE, 429),
            Out(0, "d", 1, RATE, 429),
            In(1, "d", 2),
            Leave(0),
            Out(0, "a", 1, RATE, 429),
        ],
    },
    Row {
        name: "a rate counts users, wherever they are",
        layer: || Layer::Rate(rate(hourly(), 1).per_subject()),
        steps: &[In(0, "a", 1), Out(1, "a", 2, RATE, 429), In(1, "b", 1), Out(0, "b", 3, RATE, 429)],
    },
    Row {
        name: "a rate for the whole server",
        layer: || Layer::Rate(rate(hourly(), 2)),
        steps: &[
            In(0, "a", 1),
            In(1, "b", 2),
            Out(0, "c", 3, "server_handshake_rate", 503),
            Out(1, "a", 1, "server_handshake_rate", 503),
        ],
    },
    Row {
        name: "a rate comes back, one by one",
        layer: || Layer::Rate(rate(Quota::per_minute(20.try_into().unwrap()), 1).per_subject()),
        steps: &[In(0, "a", 1), Out(1, "a", 1, RATE, 429), Soon(1, "a", 1)],
    },
];

#[derive(Clone)]
enum Layer {
    Connections(ConnectionLimitLayer),
    Rate(HandshakeRateLayer),
}

impl Layer {
    fn shared(self, cluster: &Cluster) -> Self {
        match self {
            Self::Connections(layer) => Self::Connections(layer.shared(cluster)),
            Self::Rate(layer) => Self::Rate(layer.shared(cluster)),
        }
    }

    async fn connect(&self, user: &str, address: u8) -> Result<Client, Refused> {
        let address = IpAddr::V4(Ipv4Addr::new(192, 0, 2, address));
        match self {
            Self::Connections(layer) => connect_from(layer, user, address).await,
            Self::Rate(layer) => connect_from(layer, user, address).await,
        }
    }
}

/// Two nodes that share, and what is really in their store.
pub(crate) struct Pair<C> {
    pub(crate) nodes: [Cluster; 2],
    pub(crate) inside: Inside<C>,
}

/// One row, with whoever counts.
struct Run<'a, C> {
    row: &'a Row,
    /// Each with its scope, and the layer of each.
    layers: [Layer; 2],
    pair: Option<(&'a mut Inside<C>, Cluster)>,
    admitted: Vec<(&'static str, Option<Client>)>,
}

/// Runs the table on two nodes that share.
pub(crate) async fn run<C: redis_tests::Connection>(store: &str, pair: &mut Pair<C>) {
    for row in ROWS {
        let nodes = pair.nodes.each_ref().map(|node| node.scope(row.name));
        let layers = nodes.each_ref().map(|node| (row.layer)().shared(node));
        let [node, _] = nodes;
        Run { row, layers, pair: Some((&mut pair.inside, node)), admitted: Vec::new() }.run().await;
        println!("{store}: {}: {} steps as they must be", row.name, row.steps.len());
    }
}

impl<C: redis_tests::Connection> Run<'_, C> {
    async fn run(mut self) {
        for (at, step) in self.row.steps.iter().enumerate() {
            let said = format!("{}, step {}", self.row.name, at + 1);
            match *step {
                In(node, user, address) => self.admit(&said, node, user, address).await,
                Soon(node, user, address) => {
                    let layer = &self.layers[node];
                    let client = eventually(async || layer.connect(user, address).await).await;
                    self.admitted.push((user, Some(client.unwrap_or_else(|why| panic!("{said}: {why:?}")))));
                    self.settled(user).await;
                }
                Evicts(node, user, address, oldest) => {
                    let client = self.layers[node].connect(user, address).await;
                    self.admitted.push((user, Some(client.unwrap_or_else(|why| panic!("{said}: {why:?}")))));
                    let mut gone = self.admitted[oldest].1.take().expect("it lives");
                    assert_eq!(gone.closed().await.unwrap().reason(), "replaced by a newer connection", "{said}");
                }
                Late(node, user, address) => {
                    let late = self.layers[node].connect(&format!("first message: {user}"), address).await;
                    let closed = late.unwrap_or_else(|why| panic!("{said}: {why:?}")).closed().await;
                    assert_eq!(closed.unwrap().reason(), "too many connections", "{said}");
                }
                Out(node, user, address, kind, status) => {
                    let refused = self.layers[node].connect(user, address).await.err();
                    let (kind_is, status_is, wait) = refused.unwrap_or_else(|| panic!("{said}: let in"));
                    assert_eq!((kind_is, status_is), (kind, status), "{said}");
                    assert!(wait.is_some(), "{said}: it is not told to wait");
                }
                Leave(nth) => drop(self.admitted[nth].1.take().expect("it lives")),
            }
            for (nth, (_, client)) in self.admitted.iter_mut().enumerate() {
                let closed = client.as_mut().and_then(|client| client.closed().now_or_never());
                assert!(closed.is_none(), "{said}: the connection {nth} is closed");
            }
        }
    }

    async fn admit(&mut self, said: &str, node: usize, user: &'static str, address: u8) {
        let client = self.layers[node].connect(user, address).await;
        self.admitted.push((user, Some(client.unwrap_or_else(|why| panic!("{said}: {why:?}")))));
        self.settled(user).await;
    }

    /// The store is told after the client, and counts from then on who is older.
    async fn settled(&mut self, user: &'static str) {
        let live = self.admitted.iter().filter(|(whose, client)| *whose == user && client.is_some()).count();
        let Layer::Connections(_) = &self.layers[0] else { return };
        let Some((inside, node)) = &mut self.pair else { return };
        let name = node.name("subject", Subject::new(user).to_bytes());
        let of_users = !self.row.name.contains("server");
        while of_users && inside.permits(name).await.len() != live {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn the_verdicts_of_one_node_that_counts_for_itself() {
    for row in ROWS {
        let layer = (row.layer)();
        let layers = [layer.clone(), layer];
        Run::<redis::aio::MultiplexedConnection> { row, layers, pair: None, admitted: Vec::new() }.run().await;
        println!("memory: {}: {} steps as they must be", row.name, row.steps.len());
    }
}

#[tokio::test]
async fn the_same_verdicts_of_two_nodes_that_share_a_server() {
    let server = Server::start();
    let nodes = [joined(builder(&server.url())).await, joined(builder(&server.url())).await];
    let mut pair = Pair { nodes, inside: Inside(server.inspect().await) };
    run("Redis", &mut pair).await;
    message_verdicts::run("Redis", &pair).await;
}

/// What is left of a burst is told with what is to be waited for, rounded up to seconds.
#[tokio::test]
async fn the_same_wait_is_told_by_one_node_and_by_two() {
    let server = Server::start();
    let nodes = [joined(builder(&server.url())).await, joined(builder(&server.url())).await];
    let alone = rate(hourly(), 2).per_subject();
    let shared = nodes.each_ref().map(|node| rate(hourly(), 2).per_subject().shared(node)).map(Layer::Rate);
    let hour = Duration::from_secs(60 * 60).as_secs();
    for layers in [[Layer::Rate(alone.clone()), Layer::Rate(alone)], shared] {
        let told = async |node: usize| layers[node].connect("a", 1).await.err().and_then(|(.., wait)| wait);
        assert_eq!((told(0).await, told(1).await), (None, None));
        for node in [0, 1] {
            let wait = told(node).await.unwrap();
            assert!(wait > hour - 60 && wait <= hour, "{wait}");
        }
    }
}
