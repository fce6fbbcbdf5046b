//! A console over detached connections, and a browser that shows it.

use std::{
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    Router,
    extract::{Request, State},
    http::{StatusCode, header::COOKIE},
    middleware::{Next, from_fn_with_state},
    response::{Html, Response},
    routing::get,
};
use portcullis::{
    Connection, Connections,
    connections::ConnectionLimitLayer,
    console::{Console, Operator},
    jwt::Revocations,
    liveness::Drain,
    testing::Client,
};
use serde_json::Value;
use tokio::{net::TcpListener, time::timeout};

use crate::{Page, Result, browser::Browser};

/// How long one check may take, on a machine however busy.
const PATIENCE: Duration = Duration::from_mins(2);

/// The cookie that identifies an operator.
const KNOWN: &str = "operator=olga";

/// The status of the response to each `POST`, and whether the request had the cookie.
type Answers = Arc<Mutex<Vec<(StatusCode, bool)>>>;

/// A server with a console, whose connections exist only for the tests.
#[derive(Debug)]
pub struct Watched {
    port: u16,
    /// The port of a page without a policy, on another origin of the same site: the browser sends it the same cookies.
    elsewhere: u16,
    answers: Answers,
    connections: Connections,
    drain: Drain,
}

impl Watched {
    async fn start() -> Result<Self> {
        let (connections, revocations) = (Connections::new(), Revocations::new());
        let drain = Drain::of(connections.clone()).window(Duration::ZERO);
        let console = Console::new(connections.clone())
            .interval(Duration::from_millis(100))
            .limit("pages", &ConnectionLimitLayer::new().global(100).per_subject(2))
            .revocations(&revocations)
            .drain(&drain)
            .allow_actions()
            .authorize(|parts| {
                let cookies = parts.headers.get(COOKIE)?.to_str().ok()?;
                cookies.split("; ").any(|cookie| cookie == KNOWN).then(|| Operator::new("olga"))
            });
        let answers = Answers::default();
        let app: Router = Router::new().nest_service("/console", console);
        let port = serve(app.layer(from_fn_with_state(answers.clone(), record))).await?;
        let elsewhere = serve(Router::new().route("/", get(Html("<!doctype html><title>Elsewhere</title>")))).await?;
        Ok(Self { port, elsewhere, answers, connections, drain })
    }

    /// Connects a client. The connection lives as long as its client.
    pub fn connect(&self, subject: &str, address: impl Into<IpAddr>) -> (Connection, Client) {
        let (connection, client) = Connection::detached().subject(subject).client_ip(address.into()).open();
        self.connections.insert(&connection);
        (connection, client)
    }

    /// The URL of the console.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/console", self.port)
    }

    /// The URL of a foreign page on the same host.
    pub fn elsewhere(&self) -> String {
        format!("http://127.0.0.1:{}/", self.elsewhere)
    }

    /// The status of the response to each `POST`, and whether the request had the operator's cookie.
    pub fn answers(&self) -> Vec<(StatusCode, bool)> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The drain that stops it.
    pub fn drain(&self) -> &Drain {
        &self.drain
    }

    /// How many are connected.
    pub fn count(&self) -> usize {
        self.connections.count()
    }
}

async fn serve(app: Router) -> Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(port)
}

async fn record(State(answers): State<Answers>, request: Request, next: Next) -> Response {
    let (posts, known) = (request.method() == "POST", request.headers().contains_key(COOKIE));
    let response = next.run(request).await;
    if posts {
        answers.lock().unwrap_or_else(PoisonError::into_inner).push((response.status(), known));
    }
    response
}

/// Runs a check on the page of a console, as seen by an operator.
///
/// # Errors
///
/// If there is no browser, or the check fails or takes too long.
pub async fn watch(check: impl AsyncFn(&Page<'_>, &Watched) -> Result<()>) -> Result<()> {
    let (browser, watched) = (Browser::start().await?, Watched::start().await?);
    timeout(PATIENCE, async {
        let page = browser.go(&watched.url()).await?;
        // Without the cookie yet: the page shows a refusal.
        page.evaluate(&format!("document.cookie = '{KNOWN}; path=/'")).await?;
        let page = browser.go(&watched.url()).await?;
        check(&page, &watched).await
    })
    .await?
}

/// Waits until an expression on the page is true.
///
/// # Errors
///
/// If that takes longer than the browser's script timeout.
pub async fn until(page: &Page<'_>, expression: &str) -> Result<()> {
    let wait = format!(
        "new Promise((resolve) => {{
             const look = () => ({expression}) ? resolve(true) : requestAnimationFrame(look);
             look();
         }})"
    );
    page.evaluate(&wait).await.map(drop).map_err(|error| format!("{expression}: {error}").into())
}

/// The texts of all elements that a selector finds.
///
/// # Errors
///
/// If the page is gone.
pub async fn texts(page: &Page<'_>, selector: &str) -> Result<Vec<String>> {
    let found: Value =
        page.evaluate(&format!("[...document.querySelectorAll('{selector}')].map((e) => e.textContent)")).await?;
    Ok(serde_json::from_value(found)?)
}
