//! How often somebody may connect.

use std::{
    fmt,
    net::IpAddr,
    num::NonZeroU32,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use http::{Request, Response, StatusCode, request::Parts};
use portcullis_core::{
    CloseCode, CloseFrame, handshake,
    identity::{ClientAddr, Subject},
    refusal::Refusal,
    upgrade::ResponseFuture,
};
use portcullis_quota::{Epoch, Key, Meter, Quota, Secret, Table};
use tower_layer::Layer;
use tower_service::Service;

type KeyOf = dyn Fn(&Parts) -> Option<String> + Send + Sync;

#[derive(Clone)]
enum Scope {
    Global,
    Client,
    Subject,
    Custom(Arc<KeyOf>),
}

/// Limits how often new connections are asked for: of the whole server, or of one client address, subject or key.
///
/// Every handshake is charged, also one that is refused further inside: stand outside of whatever costs much. More are
/// refused with 429, or 503 where the limit is the server's, and `Retry-After`.
///
/// # Defaults
///
/// The whole server. A million keys are remembered, of about a hundred bytes each; keys that find no room share one quota.
#[derive(Clone)]
#[must_use]
pub struct HandshakeRateLayer {
    quota: Quota,
    scope: Scope,
    ipv6_prefix: u8,
    report_only: bool,
    shared: Arc<Shared>,
}

struct Shared {
    meter: Meter,
    table: Table<1>,
    secret: Secret,
    epoch: Epoch,
}

const MOST_KEYS: usize = 1_000_000;

impl HandshakeRateLayer {
    /// So many a second on average, and as many at once.
    ///
    /// # Panics
    ///
    /// If that is none.
    pub fn per_second(handshakes: u32) -> Self {
        Self::new(Quota::per_second(count(handshakes)))
    }

    /// A quota of handshakes.
    pub fn new(quota: Quota) -> Self {
        Self { quota, scope: Scope::Global, ipv6_prefix: 64, report_only: false, shared: Arc::new(Shared::new(quota)) }
    }

    /// So many at once.
    ///
    /// # Panics
    ///
    /// If that is none.
    pub fn burst(self, handshakes: u32) -> Self {
        let quota = self.quota.allow_burst(count(handshakes));
        Self { quota, shared: Arc::new(Shared::new(quota)), ..self }
    }

    /// Each client address has the quota for itself. A layer outside must have found it.
    pub fn per_client_ip(self) -> Self {
        Self { scope: Scope::Client, ..self }
    }

    /// How many leading bits of an IPv6 address name a client. 64 by default.
    pub fn ipv6_prefix(self, bits: u8) -> Self {
        Self { ipv6_prefix: bits, ..self }
    }

    /// Each subject has the quota for itself, and each client address of those who are nobody yet.
    pub fn per_subject(self) -> Self {
        Self { scope: Scope::Subject, ..self }
    }

    /// Each key has the quota for itself. Without a key a handshake is not counted.
    pub fn per_key(self, key: impl Fn(&Parts) -> Option<String> + Send + Sync + 'static) -> Self {
        Self { scope: Scope::Custom(Arc::new(key)), ..self }
    }

    /// Refuses nobody.
    pub fn report_only(self) -> Self {
        Self { report_only: true, ..self }
    }

    /// The decision about a handshake, as a plain function of the time.
    ///
    /// # Errors
    ///
    /// Why it is refused.
    pub fn admit(&self, parts: &Parts, now: Instant) -> Result<(), Refusal> {
        let Some(key) = self.key(parts)? else { return Ok(()) };
        let Shared { meter, table, epoch, .. } = &*self.shared;
        let at = epoch.units(now);
        match table.with(key, at, |[full_at]| meter.take(full_at, 1, at)) {
            Ok(()) => Ok(()),
            Err(ready) => self.exceeded(epoch.instant(ready, now).saturating_duration_since(now)),
        }
    }

    fn exceeded(&self, wait: Duration) -> Result<(), Refusal> {
        let refusal = self.refusal(wait);
        if self.report_only {
            refusal.report();
            return Ok(());
        }
        Err(refusal)
    }

    fn key(&self, parts: &Parts) -> Result<Option<Key>, Refusal> {
        let secret = &self.shared.secret;
        match (&self.scope, parts.extensions.get::<Subject>()) {
            (Scope::Global, _) => Ok(Some(Key::ONE)),
            (Scope::Subject, Some(subject)) => Ok(Some(secret.key(&("subject", subject)))),
            (Scope::Custom(key), _) => Ok(key(parts).map(|key| secret.key(&("custom", key)))),
            (Scope::Client | Scope::Subject, _) => Ok(Some(secret.key(&("client", client(parts, self.ipv6_prefix)?)))),
        }
    }

    fn refusal(&self, wait: Duration) -> Refusal {
        let (kind, status) = match self.scope {
            Scope::Global => ("server_handshake_rate", StatusCode::SERVICE_UNAVAILABLE),
            _ => ("handshake_rate", StatusCode::TOO_MANY_REQUESTS),
        };
        let close = CloseFrame::new(CloseCode::TRY_AGAIN_LATER, "too many handshakes");
        Refusal::new(kind, status).close(close).retry_after(wait).sentence("too many handshakes")
    }
}

/// IPv4 exactly; of IPv6 the network, of which one client has all addresses.
pub(crate) fn client(parts: &Parts, ipv6_prefix: u8) -> Result<IpAddr, Refusal> {
    let client: &ClientAddr = parts.extensions.get().ok_or_else(|| {
        Refusal::wiring(
            "a limit per client address stands where no layer outside says what that is: put a `ClientIpLayer` \
             outside of it",
        )
    })?;
    Ok(client.network(ipv6_prefix))
}

impl Shared {
    fn new(quota: Quota) -> Self {
        let meter = Meter::from(quota);
        let (table, secret) = (Table::new(MOST_KEYS, meter.period()), Secret::default());
        Self { meter, table, secret, epoch: Epoch::new() }
    }
}

fn count(cells: u32) -> NonZeroU32 {
    NonZeroU32::new(cells).expect("a rate or a burst is at least one")
}

impl fmt::Debug for HandshakeRateLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HandshakeRateLayer").field("quota", &self.quota).finish_non_exhaustive()
    }
}

impl<S> Layer<S> for HandshakeRateLayer {
    type Service = HandshakeRate<S>;

    fn layer(&self, inner: S) -> Self::Service {
        HandshakeRate { inner, layer: self.clone() }
    }
}

/// The service of [`HandshakeRateLayer`].
#[derive(Debug, Clone)]
pub struct HandshakeRate<S> {
    inner: S,
    layer: HandshakeRateLayer,
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for HandshakeRate<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    ResBody: Default + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        if !handshake::is_handshake(&request) {
            return ResponseFuture::inner(self.inner.call(request));
        }
        let (parts, body) = request.into_parts();
        match self.layer.admit(&parts, tokio::time::Instant::now().into_std()) {
            Ok(()) => ResponseFuture::inner(self.inner.call(Request::from_parts(parts, body))),
            Err(refusal) => ResponseFuture::refused(refusal),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(address: &str, user: Option<&str>) -> Parts {
        let mut parts = Request::new(()).into_parts().0;
        parts.extensions.insert(ClientAddr(address.parse().unwrap()));
        if let Some(user) = user {
            parts.extensions.insert(Subject::new(user));
        }
        parts
    }

    fn refused(layer: &HandshakeRateLayer, parts: &Parts, now: Instant) -> Option<(u16, Duration)> {
        let refusal = layer.admit(parts, now).err()?;
        Some((refusal.status().as_u16(), refusal.wait().unwrap()))
    }

    #[test]
    fn each_key_has_its_quota() {
        let now = Instant::now();
        let second = Duration::from_secs(1);
        let (alice, bob) = (parts("192.0.2.1", Some("alice")), parts("192.0.2.1", Some("bob")));
        let (here, there) = (parts("2001:db8::1", None), parts("2001:db8::2", None));
        let far = parts("2001:db8:1::1", None);
        let layer = || HandshakeRateLayer::per_second(1).burst(2);
        for (layer, one, same, other, status) in [
            (layer(), &alice, &here, None, 503),
            (layer().per_client_ip(), &here, &there, Some(&far), 429),
            (layer().per_client_ip(), &alice, &bob, Some(&here), 429),
            (layer().per_subject(), &alice, &alice, Some(&bob), 429),
            (layer().per_subject(), &here, &there, Some(&alice), 429),
            (
                layer().per_key(|parts| parts.extensions.get::<Subject>().map(|s| s.as_str().into())),
                &alice,
                &alice,
                Some(&far),
                429,
            ),
        ] {
            assert_eq!(refused(&layer, one, now), None);
            assert_eq!(refused(&layer, same, now), None);
            assert_eq!(refused(&layer, one, now), Some((status, second)));
            if let Some(other) = other {
                assert_eq!(refused(&layer, other, now), None, "another has its own");
            }
            assert_eq!(refused(&layer, one, now + second), None);
        }
    }

    #[test]
    fn report_only_refuses_nobody_and_a_missing_address_is_a_wiring_error() {
        let (now, nowhere) = (Instant::now(), Request::new(()).into_parts().0);
        let reporting = HandshakeRateLayer::per_second(1).report_only();
        assert!((0..10).all(|_| reporting.admit(&nowhere, now).is_ok()));
        let refusal = HandshakeRateLayer::per_second(1).per_client_ip().admit(&nowhere, now).unwrap_err();
        assert_eq!(refusal.kind(), "wiring");
    }
}
