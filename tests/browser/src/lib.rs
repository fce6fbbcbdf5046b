//! What the script of a page sees of a guarded server, in a real Chromium.
//!
//! A browser hides from its pages most of what a client at the wire can read: every failed handshake is 1006 without a
//! reason, whatever its status. Only a browser shows whether a close code reaches the page.
//!
//! Debian's packages `chromium` and `chromium-driver` must be installed; `cargo xtask test` installs them.

mod browser;
pub mod console;
mod driver;
mod guarded;
mod page;
mod server;
mod site;
mod tls;
pub mod tokens;

use std::{error::Error, time::Duration};

use tokio::time::timeout;

use crate::browser::Browser;
pub use crate::{
    guarded::SEATS,
    page::{Closed, Page, Socket},
    site::{Http, Site},
};

/// Any error: a test only prints it.
pub type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// How long one check may take over one version of HTTP, on a machine however busy.
const PATIENCE: Duration = Duration::from_mins(2);

/// Runs a check on the page of a guarded site over HTTP/1.1, then over HTTP/2. The output of a failed test ends
/// with the version over which it failed.
///
/// # Errors
///
/// If there is no browser, the check fails or takes too long, or a handshake came over another version of HTTP.
pub async fn over_both(check: impl AsyncFn(&Page<'_>, &Site) -> Result<()>) -> Result<()> {
    let browser = Browser::start().await?;
    for http in Http::BOTH {
        println!("over {http}");
        timeout(PATIENCE, over(http, &browser, &check)).await??;
    }
    Ok(())
}

async fn over(http: Http, browser: &Browser, check: impl AsyncFn(&Page<'_>, &Site) -> Result<()>) -> Result<()> {
    let site = Site::start(http).await?;
    let page = browser.open(&site).await?;
    check(&page, &site).await?;
    site.statuses().map(drop)
}
