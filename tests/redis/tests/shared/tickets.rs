//! A ticket is good once over all nodes.

use std::net::{IpAddr, Ipv4Addr};

use portcullis_jwt::{JwtLayer, Tickets};
use portcullis_redis::{Cluster, ClusterState, WhenAway};
use redis_tests::{Mode, Names, Proxy, Refused, Server, UNAVAILABLE, USED, builder, connect, joined, until};

use crate::contract::eventually;

const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

fn layer(cluster: &Cluster) -> JwtLayer<()> {
    JwtLayer::new(Names).query("t").handshakes_only().single_use(Tickets::new(10_000).shared(cluster))
}

async fn spend(layer: &JwtLayer<()>, ticket: &str) -> Result<(), Refused> {
    connect(layer, ticket, ADDRESS).await.map(drop)
}

#[tokio::test]
async fn one_ticket_at_three_nodes_at_once_is_admitted_once() {
    let server = Server::start();
    let mut nodes = Vec::new();
    for _ in 0..3 {
        nodes.push(layer(&joined(builder(&server.url())).await));
    }
    for turn in 0..1000 {
        let ticket = format!("alice.{turn}");
        let (one, other, third) =
            tokio::join!(spend(&nodes[0], &ticket), spend(&nodes[1], &ticket), spend(&nodes[2], &ticket));
        let mut outcomes = [one, other, third];
        outcomes.sort_unstable();
        assert_eq!(outcomes, [Ok(()), Err(USED), Err(USED)], "{turn}");
    }
    // A node that comes later knows of none of them, and asks.
    let late = layer(&joined(builder(&server.url())).await);
    assert_eq!(spend(&late, "alice.999").await, Err(USED));
    assert_eq!(spend(&late, "alice.1000").await, Ok(()));
}

#[tokio::test]
async fn while_redis_is_away_a_ticket_waits_or_is_good_once_a_node() {
    let mut server = Server::start();
    let nodes = [joined(builder(&server.url())).await, joined(builder(&server.url())).await];
    let refusing = nodes.each_ref().map(layer);
    let alone = nodes.each_ref().map(|node| layer(&node.when_away(WhenAway::Alone)));
    server.kill();
    for node in &nodes {
        until(node, |health| health.state == ClusterState::Away).await;
    }
    for layer in &refusing {
        assert_eq!(spend(layer, "alice.1").await, Err(UNAVAILABLE), "the default is to share, and it cannot be");
        assert_eq!(spend(layer, "alice.1").await, Err(UNAVAILABLE), "it was not used");
    }
    for layer in &alone {
        assert_eq!(spend(layer, "alice.2").await, Ok(()), "once a node");
        assert_eq!(spend(layer, "alice.2").await, Err(USED));
    }
    server.restart();
    for node in &nodes {
        node.ready().await;
    }
    assert_eq!(spend(&refusing[0], "alice.1").await, Ok(()), "it was kept for another try");
    assert_eq!(spend(&refusing[1], "alice.1").await, Err(USED));
    for layer in &alone {
        assert_eq!(spend(layer, "alice.2").await, Err(USED), "this node knows");
    }
}

#[tokio::test]
async fn a_ticket_of_a_client_that_leaves_while_it_is_asked_for_is_used() {
    let server = Server::start();
    let proxy = Proxy::recording(server.port()).await;
    let (node, other) = (joined(builder(&proxy.url())).await, joined(builder(&server.url())).await);
    let (layer, other) = (layer(&node), layer(&other));
    proxy.set(Mode::Hold);
    let asked = || proxy.commands().iter().flatten().any(|command| command[0] == "SET");
    {
        let mut connecting = std::pin::pin!(spend(&layer, "alice.1"));
        while !asked() {
            tokio::select! {
                _ = &mut connecting => panic!("nothing is answered"),
                () = tokio::task::yield_now() => {}
            }
        }
    }
    proxy.set(Mode::Pass);
    node.ready().await;
    assert_eq!(spend(&layer, "alice.1").await, Err(USED));
    let used = eventually(async || spend(&other, "alice.1").await.err().filter(|why| *why == USED).ok_or("not yet"));
    assert_eq!(used.await, Ok(USED));
}
