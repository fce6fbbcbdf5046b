//! Puts the client's address into requests, in place of what others have put there.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response};
use portcullis_core::{
    Connection, handshake,
    identity::{ClientAddr, TrustedPeer},
    refusal::Refusal,
    upgrade::ResponseFuture,
};
use tower_service::Service;

use super::{
    peer::{UNKNOWN_PEER, peer},
    settings::Settings,
};

/// The service of [`ClientIpLayer`](crate::ClientIpLayer).
#[derive(Debug, Clone)]
pub struct ClientIp<S> {
    inner: S,
    settings: Arc<Settings>,
}

impl<S> ClientIp<S> {
    pub(super) fn new(inner: S, settings: Arc<Settings>) -> Self {
        Self { inner, settings }
    }
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for ClientIp<S>
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

    fn call(&mut self, mut request: Request<ReqBody>) -> Self::Future {
        // What somebody else has put there is nobody's word.
        request.extensions_mut().remove::<ClientAddr>();
        request.extensions_mut().remove::<TrustedPeer>();
        let Some(peer) = peer(request.extensions()) else {
            if handshake::is_handshake(&request) {
                return ResponseFuture::refused(Refusal::wiring(UNKNOWN_PEER));
            }
            return ResponseFuture::inner(self.inner.call(request));
        };
        let client = self.settings.client(peer, request.headers());
        request.extensions_mut().insert(ClientAddr(client));
        if let Some(connection) = request.extensions().get::<Connection>() {
            connection.locate(client);
        }
        if self.settings.trusts(peer.to_canonical()) {
            request.extensions_mut().insert(TrustedPeer);
        }
        ResponseFuture::inner(self.inner.call(request))
    }
}
