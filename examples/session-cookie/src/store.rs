//! The store: which numbers are whose. In memory here; a database in earnest.

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

/// How long a session lasts. Its WebSockets are closed then.
const LASTS: Duration = Duration::from_hours(8);

/// Whose session it is, and which.
#[derive(Debug, Clone)]
pub(crate) struct User {
    pub(crate) name: String,
    /// Names the session where it may be logged. It is not the number in the cookie, which is a secret.
    pub(crate) session: String,
}

/// The sessions.
#[derive(Default)]
pub(crate) struct Store(Mutex<HashMap<String, (User, SystemTime)>>);

impl Store {
    /// Begins a session, and returns its number: 128 bits that nobody guesses, and that say nothing.
    pub(crate) fn begin(&self, name: String) -> Result<String, getrandom::Error> {
        let mut numbers = [[0; 16]; 2];
        getrandom::fill(numbers.as_flattened_mut())?;
        let [number, session] = numbers.map(|number| URL_SAFE_NO_PAD.encode(number));
        let mut sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.retain(|_, (_, ends)| *ends > SystemTime::now());
        sessions.insert(number.clone(), (User { name, session }, SystemTime::now() + LASTS));
        Ok(number)
    }

    /// Ends a session.
    pub(crate) fn end(&self, user: &User) {
        let mut sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.retain(|_, (other, _)| other.session != user.session);
    }
}

/// What makes an opaque number a token. The layer does the rest: it closes at the end, and at a revocation.
impl Verify<User> for Arc<Store> {
    fn verify(&self, number: &str) -> Verification<User> {
        let sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let verified = sessions.get(number).map(|(user, ends)| {
            let mut verified = Verified::new(user.clone());
            verified.subject = Some(Subject::new(user.name.as_str()));
            verified.id = Some(user.session.as_str().into());
            verified.expires_at = Some(*ends);
            verified
        });
        Verification::ready(verified.ok_or(TokenError::Invalid("no such session")))
    }
}
