//! No user's name and no address stands in the store.

use std::{fmt::Write, net::IpAddr, time::Duration};

use portcullis_core::{CloseCode, CloseFrame, identity::Subject};
use portcullis_redis::{Cluster, PermitRequest, Rate};
use redis::{AsyncCommands, Value, aio::MultiplexedConnection};
use redis_tests::{Server, Site, builder, joined, until};

use crate::quotas::buy;

/// Everything in the store, as text.
async fn dump(connection: &mut MultiplexedConnection) -> String {
    let keys: Vec<String> = connection.keys("*").await.unwrap();
    let mut text = keys.join(" ");
    for key in &keys {
        let kind: String = redis::cmd("TYPE").arg(key).query_async(connection).await.unwrap();
        let read = match kind.as_str() {
            "string" => redis::cmd("GET").arg(key).to_owned(),
            "zset" => redis::cmd("ZRANGE").arg(key).arg(0).arg(-1).to_owned(),
            "hash" => redis::cmd("HGETALL").arg(key).to_owned(),
            "stream" => redis::cmd("XRANGE").arg(key).arg("-").arg("+").to_owned(),
            other => panic!("{other}"),
        };
        let value: Value = read.query_async(connection).await.unwrap();
        write!(text, " {kind} {value:?}").unwrap();
    }
    text
}

async fn admit(cluster: &Cluster, subject: &str) -> portcullis_redis::Permit {
    let wanted = [
        PermitRequest::new(cluster.name("client", "192.0.2.77"), 9),
        PermitRequest::new(cluster.name("subject", subject), 1).evict_oldest(),
        PermitRequest::of_pool(cluster.name("pool", "global"), 100),
    ];
    let permit = cluster.take(&wanted, cluster.deadline(), |_| {}).await.unwrap();
    assert!(permit.settle(cluster.deadline()).await);
    permit
}

#[tokio::test]
async fn no_name_and_no_address_stands_in_the_store() {
    let server = Server::start();
    let (one, other) = (joined(builder(&server.url())).await, joined(builder(&server.url())).await);
    let _held = [admit(&one, "alice@example.com").await, admit(&other, "alice@example.com").await];
    until(&one, |health| health.events.evicted == 1).await;
    let rate = Rate { interval: Duration::from_secs(60), burst: 1 };
    one.charge(one.name("client", "192.0.2.77"), rate, one.deadline()).await.unwrap().unwrap();
    assert_eq!(buy(&one, one.name("messages of a client", "192.0.2.77"), rate, 1).await.cells, 1);
    let site = Site::new(one.clone()).whole().await;
    let alice = Subject::new("alice@example.com");
    one.spend(one.name("ticket", "alice's ticket"), Duration::from_secs(60), one.deadline()).await.unwrap();
    site.revocations.revoke_id("alice's token").await.unwrap();
    site.revocations.revoke_subject(&alice).await.unwrap();
    let frame = || CloseFrame::new(CloseCode::POLICY_VIOLATION, "a reason is not hidden");
    site.connections.close(&alice, frame()).await.unwrap();
    site.connections.close(IpAddr::from([192, 0, 2, 77]), frame()).await.unwrap();
    let text = dump(&mut server.inspect().await).await;
    for there in ["}:t", "}:rev", "}:iss", "}:cmd", "a reason is not hidden"] {
        assert!(text.contains(there), "{there}: {text}");
    }
    for kind in ["zset", "hash", "string", "stream"] {
        assert!(text.contains(kind), "nothing of kind {kind} was looked at: {text}");
    }
    for private in ["alice", "example.com", "192.0.2", "secret"] {
        let digits = private.bytes().fold(String::new(), |digits, byte| digits + &format!("{byte:02x}"));
        assert!(!text.contains(private) && !text.contains(&digits), "{private}: {text}");
    }
}
