//! The body of a refusal, as a browser that is pointed at it would read it.

use axum::{Router, routing::get};
use interop::wire::{handshake, plain, serve};
use portcullis_core::refusal::Refusal;
use portcullis_origin::OriginLayer;

const SCRIPT: &str = "<script>alert(document.domain)</script>";

/// The head in lower case, and the body, of the answer to a handshake of this origin.
async fn answer(layer: OriginLayer, origin: &str) -> (String, String) {
    let app = Router::new().route("/", get("")).layer(layer);
    let request = handshake("/").replace("\r\n\r\n", &format!("\r\norigin: {origin}\r\nconnection: close\r\n\r\n"));
    let answer = plain(serve(app).await, &request).await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_ascii_lowercase(), body.to_owned())
}

fn own() -> OriginLayer {
    OriginLayer::new(["https://own.example"]).unwrap()
}

#[tokio::test]
async fn it_is_text_and_never_a_page() {
    let (head, body) = answer(own(), &format!("https://{SCRIPT}")).await;
    assert!(body.contains("invalid origin"), "{body}");
    assert!(head.contains("\r\ncontent-type: text/plain; charset=utf-8"), "{head}");
    assert!(head.contains("\r\nx-content-type-options: nosniff"), "{head}");
}

#[tokio::test]
async fn without_a_body_there_is_no_content_type() {
    let app = Router::new().route("/", get(async || Refusal::new("full", http::StatusCode::SERVICE_UNAVAILABLE)));
    let head = plain(serve(app).await, &handshake("/")).await.to_ascii_lowercase();
    assert!(head.starts_with("http/1.1 503") && !head.contains("content-type"), "{head}");
}

#[tokio::test]
async fn what_the_peer_sent_is_quoted_and_cut() {
    let long = "x".repeat(500);
    for (layer, headers, begins) in [
        (own(), format!("https://{long}"), "\"https://x"),
        (own(), format!("https://<{long}>"), "\"https://<x"),
        (own(), format!("https://{}", "\"".repeat(500)), r#""https://\"\"\"#),
        (own(), format!("https://{}", "\u{e9}".repeat(250)), r#""https://\xc3\xa9"#),
        (own().hosts(["own.example"]).unwrap(), format!("https://own.example\r\nhost: {long}"), "no host, or several"),
    ] {
        let (_, body) = answer(layer, &headers).await;
        assert!(body.contains(begins), "{body}");
        assert!(body.len() < 300, "{} bytes: {body}", body.len());
    }
}
