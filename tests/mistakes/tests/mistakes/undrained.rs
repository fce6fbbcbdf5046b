//! A server with a `DrainLayer` that is never drained.

use mistakes::{Level, expected, printed, running};
use portcullis_core::testing::Handshake;
use portcullis_liveness::Drain;
use tower_layer::Layer;

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn serve(drained: bool) {
    let drain = Drain::new();
    let app = drain.layer().layer(running());
    let _client = Handshake::new("/").connect(app.clone()).await.unwrap();
    let other = drain.layer().layer(running());
    if drained {
        drain.start().await;
    }
    drop(app);
    drop(other);
}

#[test]
fn a_server_that_ends_undrained_with_connections_alive_warns() {
    let test = "undrained::a_server_that_ends_undrained_with_connections_alive_warns";
    let Some(lines) = printed(test, || serve(false)) else { return };
    let sentence = "a server with a `DrainLayer` has ended with connections alive, and was not drained: await \
                    `Drain::start`, or give `Drain::on` to axum's `with_graceful_shutdown`";
    assert_eq!(lines, [expected(Level::Warning, sentence)]);
}

#[test]
fn a_server_that_is_drained_does_not_warn() {
    let Some(lines) = printed("undrained::a_server_that_is_drained_does_not_warn", || serve(true)) else { return };
    assert!(lines.is_empty(), "{lines:?}");
}

#[tokio::main(flavor = "current_thread")]
async fn serve_without_connections() {
    let drain = Drain::new();
    drop(drain.layer().layer(running()));
    let layer = drain.layer();
    let app = layer.layer(running());
    let _client = Handshake::new("/").connect(app.clone()).await.unwrap();
    // The layer may still create services.
    drop(app);
    std::mem::forget(layer);
}

#[test]
fn a_server_that_keeps_serving_or_has_no_connections_does_not_warn() {
    let test = "undrained::a_server_that_keeps_serving_or_has_no_connections_does_not_warn";
    let Some(lines) = printed(test, serve_without_connections) else { return };
    assert!(lines.is_empty(), "{lines:?}");
}
