//! The position of `CloseLayer`.

use mistakes::{Level, Running, expected, printed, running};
use portcullis_close::CloseLayer;
use portcullis_connections::{ConnectionLimitLayer, HandshakeRateLayer};
use portcullis_core::testing::Handshake;
use portcullis_liveness::Drain;
use portcullis_origin::OriginLayer;
use tower::util::BoxCloneSyncService;
use tower_layer::Layer;

fn origins() -> OriginLayer {
    OriginLayer::new(["https://a.example"]).unwrap()
}

async fn open(app: Running) {
    for _ in 0..2 {
        let page = Handshake::new("/").header("origin", "https://a.example").connect(app.clone()).await;
        assert!(page.is_ok());
    }
}

fn seen(test: &str, app: fn() -> Running) -> Option<Vec<String>> {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    printed(test, || runtime().block_on(open(app())))
}

fn sentence() -> String {
    let sentence = "`CloseLayer` stands inside of layers that refuse handshakes: what they refuse is a bare status, of \
                    which a browser shows its page 1006 and no reason. Put it outermost";
    expected(Level::Warning, sentence)
}

#[test]
fn inside_of_an_origin_check_it_warns_once() {
    let app = || BoxCloneSyncService::new(origins().layer(CloseLayer::new().layer(running())));
    let Some(lines) = seen("outermost::inside_of_an_origin_check_it_warns_once", app) else { return };
    assert_eq!(lines, [sentence()]);
}

#[test]
fn inside_of_limits_it_warns_once() {
    let app = || {
        let app = HandshakeRateLayer::per_second(9).layer(CloseLayer::new().layer(running()));
        BoxCloneSyncService::new(ConnectionLimitLayer::new().global(9).layer(app))
    };
    let Some(lines) = seen("outermost::inside_of_limits_it_warns_once", app) else { return };
    assert_eq!(lines, [sentence()]);
}

#[test]
fn inside_of_a_drain_it_warns_once() {
    let app = || {
        let drain = Drain::new();
        // Kept: this is not a server that ends.
        std::mem::forget(drain.layer());
        BoxCloneSyncService::new(drain.layer().layer(CloseLayer::new().layer(running())))
    };
    let Some(lines) = seen("outermost::inside_of_a_drain_it_warns_once", app) else { return };
    assert_eq!(lines, [sentence()]);
}

#[test]
fn outermost_or_inside_of_another_it_does_not_warn() {
    let app = || {
        let inner = ConnectionLimitLayer::new().global(9).layer(CloseLayer::new().layer(running()));
        BoxCloneSyncService::new(CloseLayer::new().layer(origins().layer(inner)))
    };
    let Some(lines) = seen("outermost::outermost_or_inside_of_another_it_does_not_warn", app) else { return };
    assert!(lines.is_empty(), "{lines:?}");
}
