//! A transport that is held back until its first message was judged.

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

/// Frames that a peer sends unasked may not fill memory while it does not read the answers.
const MAX_UNSENT: usize = 4 * 1024;

struct GatedIo<T> {
    io: T,
    inbox: Vec<u8>,
    outbox: Vec<u8>,
    sent: usize,
}

/// Why the handler does not get the connection.
enum Turned {
    Guard(CloseFrame),
    Peer(Result<CloseFrame, MalformedClose>),
    Gone,
    Aborted,
}

/// Runs a connection up to the judgement of its first message. Says whether its handler may have it.
pub(crate) async fn run_gate<T>(shared: Arc<Shared<T>>, io: T, inbox: Vec<u8>, gate: Gate, carrier: Carrier) -> bool
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut gated = GatedIo { io, inbox, outbox: Vec::new(), sent: 0 };
    let Gate { timeout, max_bytes, close_frame, judge } = gate;
    let verdict = {
        let judged = tokio::time::timeout(timeout, async {
            let message = gated.first_message(max_bytes).await?;
            let answer = judge(message).await.map_err(Turned::Guard)?;
            gated.answer(answer).await
        });
        let mut judged = pin!(judged);
        // Asked at each poll, and parked each time: a close that comes while the judge is at work ends the judgement.
        poll_fn(|cx| match shared.asked_to_close(cx) {
            Some(turned) => Poll::Ready(Err(turned)),
            None => judged.as_mut().poll(cx).map(|done| done.unwrap_or(Err(Turned::Guard(close_frame.clone())))),
        })
        .await
    };
    match verdict {
        Ok(()) => {
            shared.activate(gated.io, gated.inbox, carrier);
            true
        }
        Err(turned) => {
            gated.turn_away(&shared, turned, carrier);
            false
        }
    }
}

impl<T> Shared<T> {
    fn asked_to_close(&self, cx: &mut Context<'_>) -> Option<Turned> {
        let mut state = lock(&self.state);
        // The gate stands where the handler will: what the guard wakes the handler for before there is one wakes this.
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
            // One read may hold many pings. While the peer takes no answers, no more of them are looked at.
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

    /// Sends what waits, then reads more.
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
        self.io.flush().await.map_err(|_| Turned::Gone)
    }

    fn turn_away(mut self, shared: &Shared<T>, turned: Turned, carrier: Carrier) {
        let aborted = matches!(turned, Turned::Aborted);
        let mut discarded = Discarded::default();
        let (by, said, received) = match turned {
            Turned::Guard(frame) => {
                shared.inner.stage.turned_away(&shared.inner.scope);
                (EndedBy::Guard, Some(frame), None)
            }
            Turned::Peer(result) => {
                discarded.close();
                let received = result.unwrap_or_else(MalformedClose::answer);
                (EndedBy::Peer, Some(received.clone()), Some(received))
            }
            Turned::Gone | Turned::Aborted => (EndedBy::Transport, None, None),
        };
        let (lost, policies, bounds) = {
            let mut state = lock(&shared.state);
            let (lost, _no_transport, policies) = state.end();
            (lost, policies, state.bounds())
        };
        let Some(frame) = said else {
            drop(policies);
            let end = EndOnDrop::new(&shared.inner, if aborted { Ended::aborted() } else { lost });
            return spawn_leaving(end, Leaving::new(self.io, carrier));
        };
        let mut unsent = self.outbox.split_off(self.sent);
        put_close(&mut unsent, &frame);
        discarded.follow(0, &self.inbox);
        let ended = Ended { by, frame: Some(frame.clone()), sent: Some(frame), received, cut_short: false };
        let taken = Taken { unsent, discarded, ended };
        spawn_closing(&shared.inner, ClosingHandshake::new(self.io, taken, carrier, bounds, policies));
    }
}
