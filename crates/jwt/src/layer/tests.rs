//! What follows from the settings of a layer, in any order.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use portcullis_core::identity::ChecksOrigin;
use tower_layer::Layer;

use super::JwtLayer;
use crate::{Revocations, TokenError, TokenMessage, Verification, Verify, settings::Settings, source::Source};

struct Nobody;

impl Verify<()> for Nobody {
    fn verify(&self, _: &str) -> Verification<()> {
        Verification::ready(Err(TokenError::Invalid("nobody's")))
    }
}

struct Origins;

impl ChecksOrigin for Origins {}

type Setting = (&'static str, Box<dyn Fn(JwtLayer<()>) -> JwtLayer<()>>);

fn setting(name: &'static str, set: impl Fn(JwtLayer<()>) -> JwtLayer<()> + 'static) -> Setting {
    (name, Box::new(set))
}

fn layer() -> JwtLayer<()> {
    JwtLayer::new(Nobody)
}

/// Each setting of the layer.
fn settings() -> Vec<Setting> {
    let revocations = Revocations::new();
    vec![
        setting("bearer", JwtLayer::bearer),
        setting("cookie", |layer| layer.cookie("a", &Origins)),
        setting("danger_cookie_of_any_page", |layer| layer.danger_cookie_of_any_page("b")),
        setting("query", |layer| layer.query("token")),
        setting("query_on_plain_requests", JwtLayer::query_on_plain_requests),
        setting("subprotocol", |layer| layer.subprotocol("bearer")),
        setting("subprotocol_prefix", |layer| layer.subprotocol_prefix("jwt.")),
        setting("first_message", |layer| layer.first_message(TokenMessage::json("/token"))),
        setting("handshakes_only", JwtLayer::handshakes_only),
        setting("remove_credentials", JwtLayer::remove_credentials),
        setting("optional", JwtLayer::optional),
        setting("report_only", JwtLayer::report_only),
        setting("grace", |layer| layer.grace(Duration::from_secs(1))),
        setting("verify_timeout", |layer| layer.verify_timeout(Duration::from_secs(1))),
        setting("revocations", move |layer| layer.revocations(revocations.clone())),
        setting("single_use", |layer| layer.single_use(7)),
        setting("authorize", |layer| layer.authorize(|()| false)),
    ]
}

/// All that decides, as text; cookies of two settings are one kind, and stand in the order in which they are named.
fn resolved(layer: &JwtLayer<()>) -> String {
    let settings = &layer.0;
    let mut sources = [settings.sources().to_vec(), settings.plain.sources.clone()];
    for sources in &mut sources {
        sources.sort_by_key(|source| (source.rank(), format!("{source:?}")));
    }
    let ranks =
        [settings.sources(), &settings.plain.sources].map(|all| all.iter().map(Source::rank).collect::<Vec<_>>());
    let Settings { first, optional, report_only, grace, verify_timeout, tickets, allows, .. } = &**settings;
    let revoked = settings.revocations.as_ref().map(Revocations::identity);
    let (only, removes, check) = (settings.plain.handshakes_only, settings.remove_credentials, settings.check());
    format!(
        "{sources:?} {ranks:?} {first:?} {only} {removes} {optional} {report_only} {grace:?} {verify_timeout:?} \
         {tickets:?} {} {revoked:?} {check:?}",
        allows.len(),
    )
}

#[test]
fn settings_mean_the_same_in_either_order() {
    let settings = settings();
    for (name, set) in &settings {
        let default = layer();
        let before = resolved(&default);
        assert!(*name == "bearer" || resolved(&set(default)) != before, "{name} is not seen");
        for (other, then) in &settings {
            let orders = [then(set(layer())), set(then(layer()))].map(|layer| resolved(&layer));
            assert_eq!(orders[0], orders[1], "{name} and {other}");
        }
    }
}

#[test]
fn what_a_client_has_to_say_goes_before_what_a_browser_says_by_itself() {
    let forwards = layer().bearer().subprotocol("bearer").subprotocol_prefix("jwt.").query("token");
    let forwards = forwards.danger_cookie_of_any_page("session");
    let backwards = layer().danger_cookie_of_any_page("session").query("token").subprotocol_prefix("jwt.");
    let backwards = backwards.subprotocol("bearer").bearer();
    let ranks = |layer: &JwtLayer<()>| layer.0.sources().iter().map(Source::rank).collect::<Vec<_>>();
    assert_eq!(ranks(&forwards), [0, 1, 2, 3, 4]);
    assert_eq!(ranks(&backwards), [0, 1, 2, 3, 4]);
}

/// Returns the message of a panic.
fn panics<T>(act: impl FnOnce() -> T) -> Option<String> {
    let panic = catch_unwind(AssertUnwindSafe(act)).err()?;
    Some(panic.downcast::<String>().map_or_else(|panic| (*panic.downcast::<&str>().unwrap()).to_owned(), |text| *text))
}

#[test]
fn settings_that_contradict_each_other_stop_the_server_from_starting() {
    let build = |layer: JwtLayer<()>| panics(|| layer.layer(()));
    for (layer, sentence) in [
        (layer().single_use(9), "`single_use` (crates/jwt/src/layer/tests.rs:"),
        (layer().bearer().single_use(9), "say `handshakes_only()`"),
        (layer().first_message(TokenMessage::raw()), "`first_message` (crates/jwt/src/layer/tests.rs:"),
        (layer().query_on_plain_requests(), "`query_on_plain_requests` (crates/jwt/src/layer/tests.rs:"),
        (layer().query("token").query_on_plain_requests().handshakes_only(), "contradicts `handshakes_only`"),
    ] {
        let said = build(layer).unwrap_or_default();
        assert!(said.contains(sentence), "{said}");
    }
    for layer in [
        layer(),
        layer().single_use(9).handshakes_only(),
        layer().handshakes_only().first_message(TokenMessage::raw()),
        layer().first_message(TokenMessage::raw()).bearer(),
        layer().subprotocol("bearer").first_message(TokenMessage::raw()),
        layer().query_on_plain_requests().query("token"),
    ] {
        assert_eq!(build(layer), None);
    }
}

#[test]
fn settings_without_a_meaning_panic_where_they_are_set() {
    let all: [fn(); 10] = [
        || drop(layer().single_use(0)),
        || drop(layer().verify_timeout(Duration::ZERO)),
        || drop(layer().query("")),
        || drop(layer().cookie("", &Origins)),
        || drop(layer().cookie("a=b", &Origins)),
        || drop(layer().danger_cookie_of_any_page("a b")),
        || drop(layer().danger_cookie_of_any_page("a;b")),
        || drop(layer().subprotocol("")),
        || drop(layer().subprotocol("be, arer")),
        || drop(layer().subprotocol_prefix("")),
    ];
    for (at, set) in all.into_iter().enumerate() {
        assert!(panics(set).is_some(), "{at}");
    }
}
