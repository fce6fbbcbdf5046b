//! Layers without which others cannot work.

use mistakes::{Level, expected, printed, running};
use portcullis_close::CloseLayer;
use portcullis_connections::HandshakeRateLayer;
use portcullis_core::testing::Handshake;
use tower_layer::Layer;

const NO_ADDRESS: &str = "a limit per client address stands where no layer outside says what that is: put a \
                          `ClientIpLayer` outside of it, or insert a `ClientIp`";

#[tokio::main(flavor = "current_thread")]
async fn connect_without_an_address() {
    let app = HandshakeRateLayer::per_second(1).per_client_ip().layer(running());
    for _ in 0..3 {
        let refused = Handshake::new("/").connect(app.clone()).await.unwrap_err();
        let message = if cfg!(feature = "axum") { NO_ADDRESS } else { "" };
        assert_eq!((refused.status().unwrap().as_u16(), refused.text().as_ref()), (500, message));
    }
}

#[test]
fn a_missing_layer_is_named() {
    let Some(lines) = printed("wiring::a_missing_layer_is_named", connect_without_an_address) else { return };
    let line = expected(Level::Error, NO_ADDRESS);
    match (cfg!(feature = "tracing"), cfg!(feature = "axum")) {
        // At most ten lines a minute are logged.
        (true, _) => assert_eq!(lines, [line.clone(), line.clone(), line]),
        (false, true) => assert!(lines.is_empty(), "the body says it: {lines:?}"),
        (false, false) => assert_eq!(lines, [line]),
    }
}

#[tokio::test]
async fn a_browser_gets_the_message_in_a_debug_build() {
    let app = CloseLayer::new().layer(HandshakeRateLayer::per_second(1).per_client_ip().layer(running()));
    let mut page = Handshake::new("/").header("origin", "https://a.example").connect(app).await.unwrap();
    let close = page.closed().await.unwrap();
    assert_eq!(close.code().map(u16::from), Some(1011));
    assert!(NO_ADDRESS.starts_with(close.reason()) && !close.reason().is_empty(), "{close}");
}
