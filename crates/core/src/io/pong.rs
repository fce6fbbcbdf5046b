//! The driver reads in the reader's place while the answer to a ping is awaited.
//!
//! Only the guard has a use for that answer, and on most connections it is all that comes for a long time. Were the
//! handler woken for it, its library would clear a buffer of many KiB, read, and find nothing. So from the ping to its
//! answer, but for a second or two at most ([`Guard::awaits_pong`]), the transport wakes the driver. What else comes
//! meanwhile goes to the inbox, and the reader is woken for it. From then on the transport wakes the reader, which has
//! polled it last.
//!
//! That time is kept by the task of the alarms. A timer of each driver's would be the nearest of all as a rule, and to
//! set such a one is a system call.
//!
//! Afterwards the driver polls once more with the reader's waker: otherwise what comes next would wake no task.
//!
//! [`Guard::awaits_pong`]: crate::guard::Guard::awaits_pong

use std::{task::Context, time::Instant};

use tokio::io::{AsyncRead, AsyncWrite};

use super::state::State;

impl<T: AsyncRead + AsyncWrite + Unpin> State<T> {
    /// Reads while an answer is awaited, and then lets the transport wake the reader again. `replaced` is whether the
    /// driver has taken the reader's place. Returns whether the transport has failed.
    pub(super) fn await_pong(&mut self, cx: &mut Context<'_>, replaced: &mut bool, now: Instant) -> bool {
        let mut read = None;
        if self.guard.awaits_pong(now) {
            *replaced = true;
            read = Some(self.peek(cx));
        }
        // Asked again: the answer may have been there.
        if *replaced && !self.guard.awaits_pong(now) {
            *replaced = false;
            let waker = self.wakers.reader();
            read = Some(self.peek(&mut Context::from_waker(&waker)));
        }
        let failed = self.transport.has_failed();
        if read.is_some_and(|read| read.over || failed || self.guard.inbox.has_unread()) {
            self.wakers.nudge_reader();
        }
        failed
    }

    /// The answer was awaited for long enough.
    pub(super) fn remind(&mut self) {
        if self.guard.misses_pong() {
            self.wakers.wake_driver();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        pin::Pin,
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering},
        },
        task::{Poll, Wake},
        time::Duration,
    };

    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadBuf, duplex},
        runtime::Handle,
        task::yield_now,
        time::sleep,
    };

    use super::*;
    use crate::{
        close::{CloseCode, CloseFrame},
        connection::Connection,
        frame::put_frame,
        io::GuardedIo,
        policy::{Action, Activity, Interest, Policy},
        settings::Settings,
    };

    /// Pings once a minute.
    #[derive(Default)]
    struct EveryMinute {
        last: Option<Instant>,
    }

    impl Policy for EveryMinute {
        fn interest(&self) -> Interest {
            Interest::NONE
        }

        fn deadline(&self, activity: &Activity) -> Option<Instant> {
            Some(self.last.or(activity.opened)? + Duration::from_secs(60))
        }

        fn on_deadline(&mut self, _: &Activity, now: Instant) -> Action {
            self.last = Some(now);
            Action::Ping
        }
    }

    /// Pings after a minute and a half second, which is no time of a reminder, and waits for 1.2 s.
    #[derive(Default)]
    struct Impatient {
        pinged: Option<Instant>,
    }

    impl Policy for Impatient {
        fn deadline(&self, activity: &Activity) -> Option<Instant> {
            let over = self.pinged.map(|pinged| pinged + Duration::from_millis(1200));
            over.or(Some(activity.opened? + Duration::from_millis(60_500)))
        }

        fn on_deadline(&mut self, _: &Activity, now: Instant) -> Action {
            match self.pinged.replace(now) {
                Some(_) => Action::Close(CloseFrame::new(CloseCode::POLICY_VIOLATION, "")),
                None => Action::Ping,
            }
        }
    }

    /// Stands still for 300 ms when the first frame is written, as a process does that is suspended then.
    struct StandsStill(DuplexStream, bool);

    impl AsyncRead for StandsStill {
        fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.0).poll_read(cx, buf)
        }
    }

    impl AsyncWrite for StandsStill {
        fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
            if !std::mem::replace(&mut self.1, true) {
                std::thread::sleep(Duration::from_millis(300));
            }
            Pin::new(&mut self.0).poll_write(cx, data)
        }

        fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.0).poll_flush(cx)
        }

        fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.0).poll_shutdown(cx)
        }
    }

    /// Pings at once, and closes a while later: with another code if it cannot know whether there was an answer.
    struct Judges {
        pinged: Option<Instant>,
    }

    impl Policy for Judges {
        fn deadline(&self, activity: &Activity) -> Option<Instant> {
            Some(self.pinged.or(activity.opened)? + Duration::from_millis(50))
        }

        fn on_deadline(&mut self, activity: &Activity, now: Instant) -> Action {
            let code = if activity.inconclusive { CloseCode::TRY_AGAIN_LATER } else { CloseCode::TIMEOUT };
            match self.pinged.replace(now) {
                Some(_) => Action::Close(CloseFrame::new(code, "")),
                None => Action::Ping,
            }
        }
    }

    /// Counts how often the handler is woken.
    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A connection that was pinged and has not answered yet. Its handler waits in a read.
    struct Pinged {
        peer: DuplexStream,
        guarded: GuardedIo<DuplexStream>,
        connection: Connection,
        woken: Arc<Woken>,
        pong: Vec<u8>,
    }

    impl Pinged {
        async fn new() -> Self {
            let (mut peer, io) = duplex(64 * 1024);
            let (guarded, connection) = GuardedIo::new(io, &Settings::default(), vec![Box::<EveryMinute>::default()]);
            let mut pinged = Self { peer: duplex(1).0, guarded, connection, woken: Arc::default(), pong: Vec::new() };
            assert_eq!(pinged.read(), None);
            let mut ping = [0; 10];
            peer.read_exact(&mut ping).await.unwrap();
            put_frame(&mut pinged.pong, 0x8a, &ping[2..], Some([9, 8, 7, 6]));
            pinged.peer = peer;
            pinged
        }

        /// What the handler reads, if anything is there.
        fn read(&mut self) -> Option<Vec<u8>> {
            let (waker, mut buf) = (self.woken.clone().into(), vec![0; 4096]);
            let mut buf = ReadBuf::new(&mut buf);
            match Pin::new(&mut self.guarded).poll_read(&mut Context::from_waker(&waker), &mut buf) {
                Poll::Ready(read) => read.map(|()| Some(buf.filled().to_vec())).unwrap(),
                Poll::Pending => None,
            }
        }

        /// Sends, and returns how often the handler was woken for it.
        async fn sends(&mut self, bytes: &[u8]) -> usize {
            let before = self.woken.0.load(Ordering::Relaxed);
            self.peer.write_all(bytes).await.unwrap();
            settle().await;
            self.woken.0.load(Ordering::Relaxed) - before
        }
    }

    async fn settle() {
        for _ in 0..8 {
            yield_now().await;
        }
    }

    fn text() -> Vec<u8> {
        let mut message = Vec::new();
        put_frame(&mut message, 0x81, b"hello", Some([1, 2, 3, 4]));
        message
    }

    #[tokio::test(start_paused = true)]
    async fn the_handler_is_not_woken_for_the_answer_and_is_for_what_comes_behind_it() {
        let mut pinged = Pinged::new().await;
        let pong = pinged.pong.clone();
        assert_eq!(pinged.sends(&pong).await, 0);
        assert!(pinged.connection.status().round_trip.is_some());
        assert_eq!(Handle::current().metrics().num_alive_tasks(), 1, "that of the alarms");
        assert_eq!(pinged.sends(&text()).await, 1);
        assert_eq!((pinged.read(), pinged.read()), (Some(text()), None));
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_may_come_in_pieces() {
        for at in 1..14 {
            let mut pinged = Pinged::new().await;
            let pong = pinged.pong.clone();
            // What half a frame will be is not known, so the handler is woken for it.
            assert_eq!((pinged.sends(&pong[..at]).await, pinged.read()), (1, None), "{at}");
            let rest = [&pong[at..], &text()].concat();
            assert_eq!((pinged.sends(&rest).await, pinged.read()), (1, Some(text())), "{at}");
            assert!(pinged.connection.status().round_trip.is_some());
            // The same without a handler that reads on.
            let mut pinged = Pinged::new().await;
            let pong = pinged.pong.clone();
            pinged.sends(&pong[..at]).await;
            pinged.sends(&pong[at..]).await;
            assert!(pinged.connection.status().round_trip.is_some());
            assert_eq!(pinged.read(), None);
            assert_eq!((pinged.sends(&text()).await, pinged.read()), (1, Some(text())), "{at}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_before_the_answer_is_the_handlers() {
        let mut pinged = Pinged::new().await;
        assert_eq!(pinged.sends(&text()).await, 1);
        assert_eq!((pinged.read(), pinged.read()), (Some(text()), None));
        // The handler has polled last, so now it is woken for the answer.
        let pong = pinged.pong.clone();
        assert_eq!((pinged.sends(&pong).await, pinged.read()), (1, None));
        assert!(pinged.connection.status().round_trip.is_some());
        // And in one piece with it.
        let mut pinged = Pinged::new().await;
        let both = [text(), pinged.pong.clone()].concat();
        assert_eq!(pinged.sends(&both).await, 1);
        assert_eq!((pinged.read(), pinged.read()), (Some(text()), None));
        assert!(pinged.connection.status().round_trip.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn without_an_answer_the_handler_is_woken_again_after_two_seconds() {
        let mut pinged = Pinged::new().await;
        sleep(Duration::from_secs(2)).await;
        assert_eq!(Handle::current().metrics().num_alive_tasks(), 1, "that of the alarms");
        let pong = pinged.pong.clone();
        assert_eq!((pinged.sends(&pong).await, pinged.read()), (1, None));
        assert!(pinged.connection.status().round_trip.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_soon_after_the_ping_is_met_in_time() {
        let (mut peer, io) = duplex(1024);
        let (_guarded, _connection) = GuardedIo::new(io, &Settings::default(), vec![Box::<Impatient>::default()]);
        peer.read_exact(&mut [0; 10]).await.unwrap();
        let pinged = tokio::time::Instant::now();
        peer.read_exact(&mut [0; 4]).await.unwrap();
        // And the handler's quiet time.
        assert_eq!(pinged.elapsed().as_millis() / 10, 125);
    }

    #[tokio::test]
    async fn an_answer_to_a_ping_that_went_out_late_is_not_missed() {
        let (mut peer, io) = duplex(1024);
        let io = StandsStill(io, false);
        let (_guarded, _connection) = GuardedIo::new(io, &Settings::default(), vec![Box::new(Judges { pinged: None })]);
        peer.read_exact(&mut [0; 10]).await.unwrap();
        let mut close = [0; 4];
        peer.read_exact(&mut close).await.unwrap();
        assert_eq!(u16::from_be_bytes([close[2], close[3]]), 1013);
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_of_the_stream_wakes_the_handler_at_once() {
        let mut pinged = Pinged::new().await;
        pinged.peer.shutdown().await.unwrap();
        assert_eq!((pinged.sends(b"").await, pinged.read()), (1, Some(Vec::new())));
    }
}
