//! A certificate of one test, which signs itself.

use std::{
    env, fs,
    path::PathBuf,
    sync::atomic::{AtomicU32, Ordering},
};

/// A certificate for this machine, and its files, which are gone with it. A server reads them when it starts.
pub struct Certificate {
    /// What clients trust, as PEM.
    pub root: String,
    folder: PathBuf,
}

impl Certificate {
    /// A new one.
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = env::temp_dir().join(format!("portcullis-redis-tls-{}-{number}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let names = [String::from("localhost"), visitor::own_address().to_string()];
        let certified = rcgen::generate_simple_self_signed(names).unwrap();
        let certificate = Self { root: certified.cert.pem(), folder };
        fs::write(certificate.file("certificate.pem"), &certificate.root).unwrap();
        fs::write(certificate.file("key.pem"), certified.signing_key.serialize_pem()).unwrap();
        certificate
    }

    /// The settings of a server, each with its value.
    pub fn settings(&self) -> [(&'static str, String); 4] {
        [
            ("tls-cert-file", self.file("certificate.pem")),
            ("tls-key-file", self.file("key.pem")),
            // What it trusts where it is itself a client: a replica, or a sentinel.
            ("tls-ca-cert-file", self.file("certificate.pem")),
            ("tls-auth-clients", String::from("no")),
        ]
    }

    /// The same, as options.
    pub fn options(&self) -> Vec<String> {
        self.settings().into_iter().flat_map(|(name, value)| [format!("--{name}"), value]).collect()
    }

    fn file(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }
}

impl Default for Certificate {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Certificate {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}
