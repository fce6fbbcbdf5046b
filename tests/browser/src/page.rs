//! A page, driven through its own script.

use fantoccini::Client;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::Result;

/// The page of every site, which tests drive.
pub(crate) const PAGE: &str =
    concat!("<!doctype html><title>A page</title><script>", include_str!("page.js"), "</script>");

/// The page that a browser shows.
#[derive(Debug)]
pub struct Page<'a> {
    client: &'a Client,
}

/// A `WebSocket` of a page's script.
#[derive(Debug)]
pub struct Socket<'a> {
    client: &'a Client,
    number: usize,
}

/// A `CloseEvent`, as a script reads it.
#[derive(Debug, PartialEq, Eq, Deserialize)]
pub struct Closed {
    /// Its `code`.
    pub code: u16,
    /// Its `reason`.
    pub reason: String,
    /// Its `wasClean`.
    pub clean: bool,
}

impl Closed {
    /// After a closing handshake.
    pub fn cleanly(code: u16, reason: &str) -> Self {
        Self { code, reason: reason.to_owned(), clean: true }
    }

    /// All that a page learns about a failed handshake.
    pub fn unexplained() -> Self {
        Self { code: 1006, reason: String::new(), clean: false }
    }
}

impl<'a> Page<'a> {
    pub(crate) fn new(client: &'a Client) -> Self {
        Self { client }
    }

    /// `new WebSocket(url, protocols)`.
    ///
    /// # Errors
    ///
    /// What the constructor throws.
    pub async fn connect(&self, url: &str, protocols: &[&str]) -> Result<Socket<'a>> {
        let number = ask(self.client, &format!("connect({}, {})", json!(url), json!(protocols))).await?;
        Ok(Socket { client: self.client, number })
    }

    /// The value of an expression of its script, or what its promise resolves to.
    ///
    /// # Errors
    ///
    /// What it throws.
    pub async fn evaluate(&self, expression: &str) -> Result<Value> {
        ask(self.client, expression).await
    }

    /// Navigates to another page, and returns its text.
    ///
    /// # Errors
    ///
    /// If the page cannot be loaded.
    pub async fn visit(&self, url: &str) -> Result<String> {
        self.client.goto(url).await?;
        ask(self.client, "document.documentElement.textContent").await
    }

    /// Resizes its window, in pixels.
    ///
    /// # Errors
    ///
    /// If the page is gone.
    pub async fn resize(&self, width: u32, height: u32) -> Result<()> {
        Ok(self.client.set_window_size(width, height).await?)
    }

    /// Fetches a URL of another origin, whose response the page cannot read, with the user's cookies.
    ///
    /// # Errors
    ///
    /// If there is no response.
    pub async fn fetch(&self, url: &str) -> Result<()> {
        let how = json!({"mode": "no-cors", "credentials": "include"});
        ask(self.client, &format!("fetch({}, {how}).then(() => null)", json!(url))).await
    }
}

impl Socket<'_> {
    /// Waits until it opens, and returns its `protocol`. `None` if it closes without opening.
    ///
    /// # Errors
    ///
    /// If neither happens in time.
    pub async fn opened(&self) -> Result<Option<String>> {
        self.ask("opened").await
    }

    /// Sends a message many times, once it is open.
    ///
    /// # Errors
    ///
    /// What `send` throws.
    pub async fn send(&self, message: &str, times: usize) -> Result<()> {
        self.ask(&format!("send({}, {times})", json!(message))).await
    }

    /// Waits for the first message.
    ///
    /// # Errors
    ///
    /// If none comes in time.
    pub async fn message(&self) -> Result<String> {
        self.ask("message").await
    }

    /// How many messages have come.
    ///
    /// # Errors
    ///
    /// If the page is gone.
    pub async fn messages(&self) -> Result<usize> {
        self.ask("messages").await
    }

    /// Waits until it closes.
    ///
    /// # Errors
    ///
    /// If it does not close in time.
    pub async fn closed(&self) -> Result<Closed> {
        self.ask("closed").await
    }

    async fn ask<T: DeserializeOwned>(&self, what: &str) -> Result<T> {
        ask(self.client, &format!("sockets[{}].{what}", self.number)).await
    }
}

/// The value of an expression of the page's script, or what its promise resolves to.
async fn ask<T: DeserializeOwned>(client: &Client, expression: &str) -> Result<T> {
    let script = format!(
        "const done = arguments[0];
         const found = (value) => done({{ Ok: value ?? null }});
         const failed = (error) => done({{ Err: `${{error}}` }});
         (async () => {expression})().then(found, failed);"
    );
    let answer: std::result::Result<T, String> = serde_json::from_value(client.execute_async(&script, vec![]).await?)?;
    Ok(answer?)
}
