//! A headless Chromium with a fresh profile.

use std::{env, fs, io, path::PathBuf, process};

use fantoccini::{Client, ClientBuilder, wd::Capabilities};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::{
    Result,
    driver::{CHROMIUM, Driver, PATIENCE},
    page::Page,
    site::Site,
};

/// Keeps it off the network, and from what a container does not have.
const FLAGS: [&str; 8] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];

/// A browser with its own profile. Both are removed when it is dropped.
#[derive(Debug)]
pub(crate) struct Browser {
    client: Client,
    _driver: Driver,
    // Dropped after the driver, whose browser writes to it.
    _profile: Profile,
}

impl Browser {
    pub(crate) async fn start() -> Result<Self> {
        let profile = Profile::new()?;
        let driver = Driver::start().await?;
        let mut builder = ClientBuilder::new(HttpConnector::new());
        let builder = builder.capabilities(capabilities(&profile));
        let client = timeout(PATIENCE, builder.connect(&driver.url())).await??;
        Ok(Self { client, _driver: driver, _profile: profile })
    }

    /// Loads the page of a site.
    pub(crate) async fn open(&self, site: &Site) -> Result<Page<'_>> {
        self.go(&site.page()).await
    }

    /// Loads the page at a URL.
    pub(crate) async fn go(&self, url: &str) -> Result<Page<'_>> {
        self.client.goto(url).await?;
        Ok(Page::new(&self.client))
    }
}

fn capabilities(profile: &Profile) -> Capabilities {
    let folder = format!("--user-data-dir={}", profile.0.display());
    let flags: Vec<Value> = FLAGS.into_iter().map(Value::from).chain([folder.into()]).collect();
    // Its default start page waits for the network for seconds.
    let first_page = json!({"session": {"restore_on_startup": 4, "startup_urls": ["about:blank"]}});
    Capabilities::from_iter([
        ("acceptInsecureCerts".to_owned(), true.into()),
        ("timeouts".to_owned(), json!({"script": PATIENCE.as_millis(), "pageLoad": PATIENCE.as_millis()})),
        ("goog:chromeOptions".to_owned(), json!({"binary": CHROMIUM, "args": flags, "prefs": first_page})),
    ])
}

/// A new folder.
#[derive(Debug)]
struct Profile(PathBuf);

impl Profile {
    fn new() -> io::Result<Self> {
        let mut number = 0;
        loop {
            let folder = env::temp_dir().join(format!("portcullis-browser-{}-{number}", process::id()));
            match fs::create_dir(&folder) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
                made => return made.map(|()| Self(folder)),
            }
        }
    }
}

impl Drop for Profile {
    fn drop(&mut self) {
        // On failure, the files are left in the folder for temporary files.
        let _removed = fs::remove_dir_all(&self.0);
    }
}
