//! What is said when a node is built, and not as refusals at night.

use std::time::Duration;

use portcullis_core::shared::ShareQuotas;
use portcullis_redis::{BuildError, Cluster, PermitRequest};
use redis::aio::MultiplexedConnection;
use redis_tests::{Inside, SECRET, Server, Site, builder, joined};

use crate::{
    message_verdicts,
    quotas::buy,
    verdicts::{self, Pair},
};

async fn refused(cluster: portcullis_redis::Builder) -> BuildError {
    cluster.build().await.map(|_| ()).unwrap_err()
}

#[tokio::test]
async fn a_wrong_password_is_an_error_however_patient_the_node_is() {
    let server = Server::with(&["--requirepass", "right"]);
    let url = |password| format!("redis://:{password}@{}", server.address());
    for builder in [builder(&url("wrong")), builder(&url("wrong")).lazy(), builder(&server.url())] {
        let error = refused(builder).await;
        assert!(matches!(error, BuildError::Authentication(_)), "{error:?}");
        assert!(!format!("{error} {error:?}").contains("wrong@"), "{error}");
    }
    joined(builder(&url("right"))).await;
}

#[tokio::test]
async fn a_server_that_evicts_keys_is_an_error() {
    for policy in ["allkeys-lru", "volatile-ttl"] {
        let server = Server::with(&["--maxmemory-policy", policy]);
        let error = refused(builder(&server.url())).await;
        assert!(matches!(&error, BuildError::Evicts(named) if named == policy), "{error:?}");
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_an_error_unless_the_node_is_lazy() {
    let mut server = Server::start();
    server.kill();
    let error = refused(builder(&server.url())).await;
    assert!(matches!(error, BuildError::Unreachable(_)), "{error:?}");
    let cluster = builder(&server.url()).lazy().build().await.unwrap();
    assert!(!cluster.health().is_ready());
}

#[tokio::test]
async fn a_server_that_stands_still_is_unreachable() {
    let server = Server::start();
    server.stop();
    let builder = builder(&server.url()).deadline(Duration::from_millis(50)).beat(Duration::from_millis(100));
    let error = refused(builder).await;
    assert!(matches!(error, BuildError::Unreachable(_)), "{error:?}");
}

#[tokio::test]
async fn wrong_settings_are_errors() {
    let url = "redis://127.0.0.1:1";
    for (builder, sentence) in [
        (Cluster::connect(url), "secret"),
        (Cluster::connect(url).secret("short"), "secret"),
        (Cluster::connect(url).secret(SECRET).namespace("{a}"), "namespace"),
        (Cluster::connect(url).secret(SECRET).namespace(""), "namespace"),
        (Cluster::connect(url).secret(SECRET).beat(Duration::ZERO), "beat"),
        (Cluster::connect(url).secret(SECRET).deadline(Duration::ZERO), "deadline"),
        (Cluster::connect(url).secret(SECRET).lease(Duration::from_secs(2)), "three beats"),
        (Cluster::connect("http://redis").secret(SECRET), "URL"),
    ] {
        let error = refused(builder).await.to_string();
        assert!(error.contains(sentence), "{error}");
    }
}

#[tokio::test]
async fn a_server_over_tls_must_show_a_certificate_that_is_trusted() {
    let (server, root) = Server::with_tls();
    let url = format!("rediss://{}", server.address());
    let error = refused(builder(&url)).await;
    assert!(matches!(error, BuildError::Unreachable(_)), "{error:?}");
    let error = refused(builder(&server.url()).root_certificate(root.clone())).await;
    assert!(matches!(error, BuildError::Url(_)), "a root that nobody looks at: {error:?}");
    let error = refused(builder(&url).root_certificate("no certificate")).await;
    assert!(matches!(error, BuildError::Setting(_)), "{error:?}");
    let cluster = joined(builder(&url).root_certificate(root)).await;
    let wanted = [PermitRequest::new(cluster.name("subject", "alice"), 1)];
    let _held = cluster.take(&wanted, cluster.deadline(), |_| {}).await.unwrap();
    assert!(cluster.take(&wanted, cluster.deadline(), |_| {}).await.is_err());
}

/// The rights that the documentation names, and not one more.
#[tokio::test]
async fn a_user_with_the_documented_rights_is_enough() {
    let server = Server::start();
    let mut inspect = server.inspect().await;
    let_in(&mut inspect).await;
    let url = format!("redis://node:password@{}", server.address());
    let (one, other) = (joined(builder(&url)).await, joined(builder(&url)).await);
    let name = one.name("subject", "alice");
    let permit = one.take(&[PermitRequest::new(name, 1)], one.deadline(), |_| {}).await.unwrap();
    let evicting = [PermitRequest::new(one.name("subject", "bob"), 1).evict_oldest()];
    let (gone, was_gone) = tokio::sync::oneshot::channel();
    let gone = std::sync::Mutex::new(Some(gone));
    let told = move |_| gone.lock().unwrap().take().unwrap().send(()).unwrap();
    let oldest = one.take(&evicting, one.deadline(), told).await.unwrap();
    assert!(oldest.settle(one.deadline()).await);
    let newest = other.take(&evicting, other.deadline(), |_| {}).await.unwrap();
    assert!(newest.settle(other.deadline()).await);
    was_gone.await.unwrap();
    let place = one.take(&[PermitRequest::of_pool(name, 100)], one.deadline(), |_| {}).await.unwrap();
    let rate = portcullis_redis::Rate { interval: Duration::from_secs(1), burst: 1 };
    assert_eq!(one.charge(name, rate, one.deadline()).await, Ok(Ok(())));
    assert_eq!(buy(&one, name, rate, 1).await.cells, 1);
    ShareQuotas::give_back(&one, name, rate, 1);
    let ticket = one.name("ticket", "7");
    assert_eq!(one.spend(ticket, Duration::from_secs(60), one.deadline()).await, Ok(true));
    let sites = [Site::new(one.clone()).whole().await, Site::new(other.clone()).whole().await];
    let mut client = sites[1].connect("alice.1").await.unwrap();
    sites[0].revocations.revoke_issued_before(std::time::SystemTime::now()).await.unwrap();
    client.closed().await.unwrap();
    sites[0].connections.abort(portcullis_core::Target::All).await.unwrap();
    drop((permit, place, oldest));
    one.leave().await;
    assert_enough(&mut inspect).await;
}

#[tokio::test]
async fn the_same_verdicts_over_tls_with_the_documented_rights() {
    let (server, root) = Server::with_tls();
    let url = |user: &str| format!("rediss://{user}{}", server.address());
    let settings = |user| builder(&url(user)).root_certificate(root.clone());
    // The default user may do everything, and the first node brings the cryptography.
    drop(joined(settings("")).await);
    let mut inspect = server.inspect_over_tls(&root).await;
    let_in(&mut inspect).await;
    let nodes = [joined(settings("node:password@")).await, joined(settings("node:password@")).await];
    let mut pair = Pair { nodes, inside: Inside(inspect.clone()) };
    verdicts::run("TLS, with the documented rights", &mut pair).await;
    message_verdicts::run("TLS, with the documented rights", &pair).await;
    assert_enough(&mut inspect).await;
}

/// What the store refuses is counted and logged, however long ago the node was built.
#[tokio::test]
async fn a_right_that_is_missing_is_seen() {
    let server = Server::start();
    let mut inspect = server.inspect().await;
    let url = format!("redis://node:password@{}", server.address());
    for (right, what) in
        [("-evalsha", "a beat"), ("-xread", "what is revoked and who makes room"), ("-zadd", "a permit")]
    {
        let_in(&mut inspect).await;
        let mut user = redis::cmd("ACL");
        user.arg("SETUSER").arg("node").arg(right).query_async::<()>(&mut inspect).await.unwrap();
        let cluster = builder(&url).build().await.unwrap();
        let site = Site::new(cluster);
        redis_tests::until(&site.cluster, |health| health.events.refused > 0).await;
        assert!(!site.cluster.health().is_ready(), "{what}");
    }
}

/// A user with the rights that the documentation names.
pub(crate) async fn let_in(inspect: &mut MultiplexedConnection) {
    let rights = include_str!("../../../../crates/redis/src/lib.rs");
    let (_, rights) = rights.split_once("//! ```text\n").unwrap();
    let (rights, _) = rights.split_once("//! ```").unwrap();
    let rights = rights.replace("//! ", " ").replace('\n', "").replace("~portcullis:*", "~t:*");
    let mut user = redis::cmd("ACL");
    user.arg("SETUSER").arg("node").arg("reset").arg("on").arg(">password");
    rights.split_whitespace().for_each(|right| _ = user.arg(right));
    user.query_async::<()>(inspect).await.unwrap();
}

/// Nothing was refused.
pub(crate) async fn assert_enough(inspect: &mut MultiplexedConnection) {
    let mut log: Vec<redis::Value> = redis::cmd("ACL").arg("LOG").query_async(inspect).await.unwrap();
    log.retain(|entry| !format!("{entry:?}").contains("client|setinfo"));
    assert!(log.is_empty(), "{log:?}");
}
