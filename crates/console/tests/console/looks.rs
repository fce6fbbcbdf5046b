//! The listing of connections: sorted, searched, paginated and masked.

use std::{net::IpAddr, time::Duration};

use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use portcullis_connections::ConnectionLimitLayer;
use portcullis_console::{Console, Operator};
use portcullis_core::{
    Connections,
    identity::{ClientIp, Subject},
    testing::Handshake,
};
use portcullis_rate_limit::MessageRateLayer;
use serde_json::json;
use tower::{ServiceBuilder, service_fn};

use crate::ask::{answer, column, connect, get, json as answered, open, post};

#[tokio::test]
async fn connections_are_sorted_searched_and_paginated() {
    let connections = Connections::new();
    let people = ["Dora", "alice", "bob", "alina", "carol"];
    let all: Vec<_> = (1..).zip(people).map(|(host, name)| connect(&connections, name, [192, 0, 2, host])).collect();
    let console = open(&connections);
    let ids: Vec<_> = all.iter().map(|(connection, _)| json!(connection.id().to_string())).collect();
    for (query, expected) in [
        ("", &["Dora", "alice", "bob", "alina", "carol"][..]),
        ("order=asc", &["carol", "alina", "bob", "alice", "Dora"]),
        ("sort=subject&order=asc", &["Dora", "alice", "alina", "bob", "carol"]),
        ("sort=subject&order=asc&limit=2", &["Dora", "alice"]),
        ("sort=subject&order=asc&limit=2&offset=2", &["alina", "bob"]),
        ("sort=subject&order=asc&limit=2&offset=4", &["carol"]),
        ("offset=9", &[]),
        ("search=ALI", &["alice", "alina"]),
        ("search=192.0.2.3", &["bob"]),
        ("subject=alice", &["alice"]),
        ("subject=ali", &[]),
        ("client_ip=192.0.2.5", &["carol"]),
        ("client_ip=::ffff:192.0.2.5", &["carol"]),
        ("state=open&limit=1", &["Dora"]),
        ("state=closing", &[]),
    ] {
        let shown = get(&console, &format!("/api/connections?{query}")).await;
        assert_eq!(column(&shown, "subject"), expected, "{query}");
        assert_eq!(shown["total"], 5, "{query}");
    }
    let by_id = get(&console, &format!("/api/connections?search={}", ids[2].as_str().unwrap())).await;
    assert!(column(&by_id, "subject").contains(&json!("bob")));
    let (status, answer) = answered(answer(&console, Request::get("/api/connections?subjekt=alice"), "").await).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{answer}");
}

#[tokio::test(start_paused = true)]
async fn rates_are_known_from_the_second_snapshot_on() {
    let connections = Connections::new();
    let (_busy, mut client) = connect(&connections, "busy", [192, 0, 2, 1]);
    let (_quiet, _client) = connect(&connections, "quiet", [192, 0, 2, 2]);
    let console = open(&connections);
    let first = get(&console, "/api/connections?sort=messages_in").await;
    assert_eq!(column(&first, "per_second"), [json!(null), json!(null)]);
    let reader = tokio::spawn(async move {
        client.send_text("hello").await.unwrap();
        client
    });
    let _client = reader.await.unwrap();
    tokio::time::advance(Duration::from_secs(2)).await;
    let second = get(&console, "/api/connections?sort=bytes_in").await;
    let rates = column(&second, "per_second");
    assert!(rates.iter().all(serde_json::Value::is_object), "{rates:?}");
    let summary = get(&console, "/api/summary").await;
    assert!(summary["per_second"].is_object(), "{summary}");
}

/// Upgrades every request.
async fn upgrade(request: Request<Incoming>) -> Result<Response<String>, std::convert::Infallible> {
    tokio::spawn(async move {
        // Held until the test ends.
        let upgraded = hyper::upgrade::on(request).await;
        std::future::pending::<()>().await;
        drop(upgraded);
    });
    let response = Response::builder().status(StatusCode::SWITCHING_PROTOCOLS).header("upgrade", "websocket");
    Ok(response.body(String::new()).unwrap())
}

#[tokio::test]
async fn what_layers_report_about_a_connection_is_shown_with_it() {
    let connections = Connections::new();
    let limit = ConnectionLimitLayer::new().global(10).per_client_ip(2);
    let console = open(&connections).limit("chat", &limit);
    let layers = ServiceBuilder::new()
        .layer(connections.layer())
        .layer(limit)
        .layer(MessageRateLayer::per_second(5).burst(7))
        .service(service_fn(upgrade));
    let mut clients = Vec::new();
    for subject in ["alice", "bob"] {
        let address = ClientIp(IpAddr::from([192, 0, 2, 1]));
        let handshake = Handshake::new("/").extension(address).extension(Subject::new(subject));
        clients.push(handshake.connect(layers.clone()).await.unwrap());
    }
    for query in ["sort=age", "sort=quota_left"] {
        let shown = get(&console, &format!("/api/connections?{query}")).await;
        assert_eq!(column(&shown, "quota_left"), [7, 7], "{query}");
        let fills = json!([{"name": "chat", "scope": "client_ip", "live": 2, "max": 2}]);
        assert_eq!(column(&shown, "limits"), [fills.clone(), fills]);
    }
    let limits = get(&console, "/api/limits").await;
    let server = json!({
        "name": "chat", "scope": "server", "max": 10, "live": 2, "high_water": 9, "is_high": false, "full": false,
    });
    assert_eq!(limits[0], server);
    assert_eq!((&limits[1]["live"], &limits[1]["full"]), (&json!(2), &json!(true)), "those of the fullest address");
    let holders = &get(&console, "/api/summary").await["holders"];
    assert_eq!(
        (&holders["client_ips"][0]["name"], &holders["client_ips"][0]["count"]),
        (&json!("192.0.2.1"), &json!(2))
    );
    assert_eq!(holders["subjects"].as_array().unwrap().len(), 2);
}

#[test]
fn a_viewer_that_leaves_does_not_delay_the_next_snapshot() {
    // The only blocking thread, which takes snapshots, is busy until the viewer has left.
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().start_paused(true).max_blocking_threads(1).build().unwrap();
    runtime.block_on(async {
        let connections = Connections::new();
        let _alice = connect(&connections, "alice", [192, 0, 2, 1]);
        let console = open(&connections);
        get(&console, "/api/connections").await;
        tokio::time::advance(Duration::from_secs(2)).await;
        let (left, busy) = std::sync::mpsc::channel::<()>();
        let busy = tokio::task::spawn_blocking(move || busy.recv());
        tokio::select! {
            biased;
            _ = get(&console, "/api/connections") => panic!("the thread is busy"),
            () = async {} => {}
        }
        left.send(()).unwrap();
        busy.await.unwrap().unwrap();
        let shown = get(&console, "/api/connections").await;
        assert!(column(&shown, "per_second")[0].is_object(), "there was a look before: {shown}");
    });
}

#[tokio::test]
async fn the_order_reveals_nothing_about_masked_values() {
    let connections = Connections::new();
    let hosts = [[192, 0, 2, 9], [192, 0, 2, 7], [198, 51, 100, 1], [192, 0, 2, 8]];
    let all = hosts.map(|host| connect(&connections, "alice", host));
    let ids = |places: [usize; 4]| places.map(|place| json!(all[place].0.id().to_string()));
    let console = Console::new(connections).mask_addresses().authorize(|_| Some(Operator::new("olga")));
    for (order, expected) in [("asc", [0, 1, 3, 2]), ("desc", [2, 0, 1, 3])] {
        let shown = get(&console, &format!("/api/connections?sort=client_ip&order={order}")).await;
        assert_eq!(column(&shown, "id"), ids(expected), "{order}: of one network as they came");
    }
    let holders = get(&console, "/api/summary").await["holders"]["client_ips"].clone();
    let holders: Vec<_> = holders.as_array().unwrap().iter().map(|holder| holder["connection"].clone()).collect();
    assert_eq!(holders, ids([0, 1, 2, 3]), "who holds as many, as they came");
}

#[tokio::test]
async fn a_clone_that_masks_does_not_show_the_snapshot_of_another() {
    let connections = Connections::new();
    let _alice = connect(&connections, "alice", [192, 0, 2, 77]);
    let all = open(&connections);
    let masked = all.clone().mask_subjects().mask_addresses();
    assert_eq!(column(&get(&all, "/api/connections").await, "subject"), ["alice"]);
    for closes in [json!({"subject": "alice"}), json!({"client_ip": "192.0.2.77"})] {
        assert_eq!(post(&all, "/api/close", &closes.to_string()).await.0, StatusCode::OK);
    }
    for path in ["/api/connections", "/api/summary", "/api/refusals"] {
        let shown = get(&masked, path).await.to_string();
        assert!(!shown.contains("alice") && !shown.contains("192.0.2.77"), "{path}: {shown}");
    }
    assert_eq!(get(&masked, "/api/connections?search=alice").await["matched"], 0);
    assert_eq!(column(&get(&all, "/api/connections").await, "subject"), ["alice"]);
}

#[tokio::test]
async fn masked_values_are_neither_shown_nor_found() {
    let connections = Connections::new();
    let _alice = connect(&connections, "alice", [192, 0, 2, 77]);
    let _again = connect(&connections, "alice", [192, 0, 2, 77]);
    let console = Console::new(connections).mask_subjects().mask_addresses();
    let console = console.authorize(|_| Some(Operator::new("olga")));
    for path in ["/api/connections", "/api/summary", "/api/refusals"] {
        let shown = get(&console, path).await.to_string();
        assert!(!shown.contains("alice") && !shown.contains("192.0.2.77"), "{path}: {shown}");
    }
    for query in ["search=alice", "subject=alice", "client_ip=192.0.2.77", "search=.77"] {
        assert_eq!(get(&console, &format!("/api/connections?{query}")).await["matched"], 0, "{query}");
    }
    let shown = get(&console, "/api/connections").await;
    let names = column(&shown, "subject");
    assert_eq!(names[0], names[1]);
    assert_eq!(column(&shown, "client_ip"), ["192.0.2.x", "192.0.2.x"]);
    let found = get(&console, &format!("/api/connections?subject={}", names[0].as_str().unwrap())).await;
    assert_eq!(found["matched"], 2, "by the masked name");
}
