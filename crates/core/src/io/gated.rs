//! The gate: it owns the transport until the first message is judged, and reads that message itself.
//!
//! The handler's upgrade is still pending meanwhile, so the gate takes the handler's place: it answers pings, bounds
//! what it keeps, and is woken by whatever would wake the handler.
//!
//! # What it may cost
//!
//! | What | Bound |
//! | --- | --- |
//! | time, of the message and its judgement together | [`Gate::timeout`] |
//! | the message | [`Gate::max_bytes`] |
//! | frames, control frames and fragments included | 64 |
//! | answers to pings that the peer does not read | [`MAX_UNSENT`], then no more of its frames are looked at |
//! | input behind the first message | one read |
//!
//! A handle may close or abort the connection meanwhile. It finds the phase `Upgrading` and leaves its wish there;
//! `asked_to_close` looks for it at each poll, and its waker is the one that the guard wakes for the handler. The
//! verdict and such a wish may come at the same time: the wish is looked at first, and one that comes after the last
//! look takes effect in `Guard::open`.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::Arc,
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::{
    closing::{ClosingHandshake, spawn_closing},
    leaving::{EndOnDrop, Leaving, spawn_leaving},
    shared::Shared,
};
use crate::{
    carrier::Carrier,
    close::{CloseFrame, MalformedClose},
    ended::{Ended, EndedBy},
    frame::{Opcode, put_close, put_control, put_frame},
    gate::{FirstMessage, Gate},
    guard::{Discarded, FirstEvent, FirstMessageReader, Requested, Taken},
    sync::lock,
};

/// How many bytes of answers to pings may wait. When there are more, the peer must read before more of its frames are
/// looked at: otherwise it could fill memory with answers that it never reads.
const MAX_UNSENT: usize = 4 * 1024;

/// The transport, and what is buffered in either direction.
struct GatedIo<T> {
    io: T,
    /// Read and not yet looked at. What follows the first message is the handler's.
    inbox: Vec<u8>,
    outbox: Vec<u8>,
    /// How many bytes of `outbox` were written.
    sent: usize,
}

/// Why the handler does not get the connection.
enum Turned {
    /// It was refused, or the handle was asked to close it.
    Guard(CloseFrame),
    /// The peer closed instead of sending a message.
    Peer(Result<CloseFrame, MalformedClose>),
    /// The transport failed or ended.
    Gone,
    /// The handle was asked to abort it.
    Aborted,
}

/// Runs a connection until its first message is judged. Returns whether its handler may have it.
pub(crate) async fn run_gate<T>(shared: Arc<Shared<T>>, io: T, inbox: Vec<u8>, gate: Gate, carrier: Carrier) -> bool
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut gated = GatedIo { io, inbox, outbox: Vec::new(), sent: 0 };
    let Gate { timeout, max_bytes, close_frame, forward, judge } = gate;
    let verdict = {
        // One timeout for everything, the judgement included: a peer must not hold a connection without identity open
        // by sending slowly.
        let judged = tokio::time::timeout(timeout, async {
            let message = gated.first_message(max_bytes).await?;
            let frame = forward.then(|| frame_of(&message));
            let answer = judge(message).await.map_err(Turned::Guard)?;
            // In front of what the peer has sent behind it.
            gated.inbox.splice(..0, frame.into_iter().flatten());
            gated.answer(answer).await
        });
        let mut judged = pin!(judged);
        // Checked before each poll: a close or an abort ends the judgement even if the message is being verified. The
        // check parks the waker, so one that comes between two polls wakes this task.
        poll_fn(|cx| match shared.asked_to_close(cx) {
            Some(turned) => Poll::Ready(Err(turned)),
            None => judged.as_mut().poll(cx).map(|done| done.unwrap_or(Err(Turned::Guard(close_frame.clone())))),
        })
        .await
    };
    // The futures above are gone: the transport can be moved out of `gated`.
    match verdict {
        Ok(()) => {
            // A close that came after the last check is not lost: `Guard::open` carries it out.
            shared.activate(gated.io, gated.inbox, carrier);
            true
        }
        Err(turned) => {
            gated.turn_away(&shared, turned, carrier);
            false
        }
    }
}

/// The message as one frame, as a client sends it. Nothing hides behind a mask of zeros, and nothing has to.
fn frame_of(message: &FirstMessage) -> Vec<u8> {
    let mut frame = Vec::new();
    put_frame(&mut frame, if message.is_text() { 0x81 } else { 0x82 }, message.payload(), Some([0; 4]));
    frame
}

impl<T> Shared<T> {
    fn asked_to_close(&self, cx: &mut Context<'_>) -> Option<Turned> {
        let mut state = lock(&self.state);
        // Parked before the look, under one lock. There is no handler yet, so its slot is free, and the guard wakes
        // "the handler" when a close or an abort is requested.
        state.wakers.park_reader(cx);
        match state.guard.take_requested() {
            Requested::Nothing => None,
            Requested::Close(asked) => Some(Turned::Guard(asked.frame)),
            Requested::Abort => Some(Turned::Aborted),
        }
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin + Send + 'static> GatedIo<T> {
    async fn first_message(&mut self, max_bytes: usize) -> Result<FirstMessage, Turned> {
        let mut reader = FirstMessageReader::new(max_bytes);
        loop {
            match reader.next(&mut self.inbox) {
                FirstEvent::Message(message) => return Ok(message),
                FirstEvent::Ping(payload) => put_control(&mut self.outbox, Opcode::PONG, &payload),
                FirstEvent::Closed(result) => return Err(Turned::Peer(result)),
                FirstEvent::Refused(frame) => return Err(Turned::Guard(frame)),
                FirstEvent::Nothing => self.exchange().await?,
            }
            // One read may hold many pings, and `exchange` is not reached while there are more of them. Waiting here
            // for the peer to read bounds the answers.
            if self.outbox.len() > MAX_UNSENT {
                self.send().await?;
            }
        }
    }

    async fn answer(&mut self, text: Option<String>) -> Result<(), Turned> {
        if let Some(text) = text {
            put_frame(&mut self.outbox, 0x81, text.as_bytes(), None);
        }
        self.send().await
    }

    /// Sends the answers first, then reads more: a peer may wait for a pong before it goes on.
    async fn exchange(&mut self) -> Result<(), Turned> {
        self.send().await?;
        match self.io.read_buf(&mut self.inbox).await {
            Ok(0) | Err(_) => Err(Turned::Gone),
            Ok(_) => Ok(()),
        }
    }

    async fn send(&mut self) -> Result<(), Turned> {
        while self.sent < self.outbox.len() {
            match self.io.write(&self.outbox[self.sent..]).await {
                Ok(0) | Err(_) => return Err(Turned::Gone),
                Ok(more) => self.sent += more,
            }
        }
        self.outbox.clear();
        self.sent = 0;
        // A transport with a buffer of its own, such as TLS, sends nothing before it is flushed.
        self.io.flush().await.map_err(|_| Turned::Gone)
    }

    fn turn_away(mut self, shared: &Arc<Shared<T>>, turned: Turned, carrier: Carrier) {
        let aborted = matches!(turned, Turned::Aborted);
        let mut discarded = Discarded::default();
        let (by, said, received) = match turned {
            Turned::Guard(frame) => {
                shared.inner.stage.turned_away(&shared.inner.scope, shared.inner.peer());
                (EndedBy::Guard, Some(frame), None)
            }
            Turned::Peer(result) => {
                // Its close frame was read here. The closing handshake would wait for another in vain.
                discarded.close();
                let received = result.unwrap_or_else(MalformedClose::answer);
                (EndedBy::Peer, Some(received.clone()), Some(received))
            }
            Turned::Gone | Turned::Aborted => (EndedBy::Transport, None, None),
        };
        // The state ends first: the handler's half, which is still to be dropped, finds that there is nothing to do.
        let (lost, policies, bounds) = {
            let mut state = lock(&shared.state);
            let (lost, _no_transport, policies) = state.end();
            (lost, policies, state.bounds())
        };
        // Nothing can be said: the transport is gone, or is to be dropped as it is.
        let Some(frame) = said else {
            drop(policies);
            let end = EndOnDrop::new(shared, if aborted { Ended::aborted() } else { lost });
            return spawn_leaving(end, Leaving::new(self.io, carrier));
        };
        // The timeout may have cut a write off in the middle of a pong. The rest of it goes first, or the peer would
        // take the close frame for payload.
        let mut unsent = self.outbox.split_off(self.sent);
        put_close(&mut unsent, &frame);
        // `take` removes whole frames only, so the inbox begins with a header.
        discarded.follow(0, &self.inbox);
        let ended = Ended { by, frame: Some(frame.clone()), sent: Some(frame), received, cut_short: false };
        let taken = Taken { unsent, discarded, ended };
        spawn_closing(shared, ClosingHandshake::new(self.io, taken, carrier, bounds, policies));
    }
}
