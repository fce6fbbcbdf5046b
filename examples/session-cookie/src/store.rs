//! The session store: in memory here, a database in production.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use portcullis::{
    identity::Subject,
    jwt::{TokenError, Verification, Verified, Verify},
};

/// The cookie's name.
pub const COOKIE: &str = "__Host-session";

/// How long a session lasts. Then its WebSockets are closed.
const LASTS: Duration = Duration::from_hours(8);

/// The user of a session, and which session it is.
#[derive(Debug, Clone)]
pub(crate) struct User {
    pub(crate) name: String,
    /// Identifies the session in logs and revocations. It is not the id in the cookie, which is secret.
    pub(crate) session: String,
}

/// The sessions.
#[derive(Default)]
pub(crate) struct Store(Mutex<HashMap<String, (User, SystemTime)>>);

impl Store {
    /// Starts a session, and returns its secret id: 128 random bits.
    pub(crate) fn begin(&self, name: String) -> Result<String, getrandom::Error> {
        let mut random = [[0; 16]; 2];
        getrandom::fill(random.as_flattened_mut())?;
        let [id, session] = random.map(|bytes| URL_SAFE_NO_PAD.encode(bytes));
        let mut sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.retain(|_, (_, ends)| *ends > SystemTime::now());
        sessions.insert(id.clone(), (User { name, session }, SystemTime::now() + LASTS));
        Ok(id)
    }

    /// Ends a session.
    pub(crate) fn end(&self, user: &User) {
        let mut sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.retain(|_, (other, _)| other.session != user.session);
    }
}

/// Makes a session id a token. The layer does the rest: it closes connections when the session ends or is revoked.
impl Verify<User> for Arc<Store> {
    fn verify(&self, id: &str) -> Verification<User> {
        let sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let verified = sessions.get(id).map(|(user, ends)| {
            let mut verified = Verified::new(user.clone());
            verified.subject = Some(Subject::new(user.name.as_str()));
            verified.id = Some(user.session.as_str().into());
            verified.expires_at = Some(*ends);
            verified
        });
        Verification::ready(verified.ok_or(TokenError::Invalid("no such session")))
    }
}
