//! A connection without I/O: the clock is an argument, and cranked by hand; the transport is two vectors.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    carrier::Carrier,
    close::{CloseCode, CloseFrame},
    ended::Ended,
    frame::{FrameHeader, apply_mask, put_frame},
    guard::{Guard, Next, Reads, Taken, Writes},
    policy::{Action, Activity, Policy, Verdict},
    settings::{Framing, Grace},
};

const MASK: Option<[u8; 4]> = Some([7, 0, 99, 1]);

/// What happens next.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step {
    /// The upgrade completes.
    Opens,
    /// So many milliseconds pass, and the driver does what falls due.
    Passes(u64),
    /// The process stands still for so many milliseconds.
    StandsStill(u64),
    /// The peer sends a frame, from its first byte and its payload.
    Peer(u8, &'static [u8]),
    /// The peer sends bytes that are not frames of its own, or not whole.
    PeerRaw(&'static [u8]),
    /// The peer's side ends.
    PeerEnds,
    /// The peer's side is reset.
    PeerResets,
    /// The handler does something else, and reads nothing.
    HandlerIsBusy,
    /// The handler writes a frame.
    Handler(u8, &'static [u8]),
    /// The handler writes some bytes.
    HandlerRaw(&'static [u8]),
    /// The handler's library ends its side.
    HandlerShutsDown,
    HandlerDrops,
    HandlerPanics,
    /// The handler is one that says what its end means.
    Supervised,
    /// And this is what it means.
    Finishes(u16),
    /// The guard closes, with a grace of so many milliseconds if not with the connection's.
    Closes(u16, Option<u64>),
    /// The guard closes with this quiet and grace at least.
    ClosesPatiently(u16, u64, u64),
    Aborts,
}

use Step::{
    Aborts, Closes, ClosesPatiently, Finishes, Handler, HandlerDrops, HandlerIsBusy, HandlerPanics, HandlerRaw,
    HandlerShutsDown, Opens, Passes, Peer, PeerEnds, PeerRaw, PeerResets, StandsStill, Supervised,
};

/// A connection, and what all sides have seen of it.
pub(super) struct Rig {
    pub(super) guard: Guard,
    pub(super) start: Instant,
    pub(super) now: Instant,
    /// On its way from the peer.
    coming: Vec<u8>,
    /// How the peer's side has ended: whether by a reset.
    gone: Option<bool>,
    /// The handler reads.
    reading: bool,
    handler: Vec<u8>,
    handler_saw: Vec<String>,
    peer: Vec<u8>,
    taken: Option<(u128, Taken)>,
    pub(super) ended: Option<(u128, Ended)>,
}

impl Rig {
    pub(super) fn new(policy: Option<Box<dyn Policy>>) -> Self {
        let mut guard = Guard::new(Framing::Enforce);
        guard.configure(&Arc::default());
        let start = Instant::now();
        if let Some(policy) = policy {
            guard.install(policy, None, || start);
        }
        Self {
            guard,
            start,
            now: start,
            coming: Vec::new(),
            gone: None,
            reading: true,
            handler: Vec::new(),
            handler_saw: Vec::new(),
            peer: Vec::new(),
            taken: None,
            ended: None,
        }
    }

    /// A connection to which this has happened.
    pub(super) fn after(steps: &[Step]) -> Self {
        let mut rig = Self::new(None);
        for step in steps {
            rig.step(step);
        }
        rig
    }

    pub(super) fn step(&mut self, step: &Step) {
        let frame = |first: u8, payload: &[u8], mask| {
            let mut frame = Vec::new();
            put_frame(&mut frame, first, payload, mask);
            frame
        };
        match *step {
            Opens => {
                if !self.guard.open(Vec::new(), Carrier::Connection, self.now) {
                    self.handler_saw.push("not opened".into());
                }
            }
            Passes(time) => self.pass(Duration::from_millis(time)),
            StandsStill(time) => self.now += Duration::from_millis(time),
            Peer(first, payload) => self.coming.extend(frame(first, payload, MASK)),
            PeerRaw(bytes) => self.coming.extend(bytes),
            PeerEnds => self.gone = Some(false),
            PeerResets => self.gone = Some(true),
            HandlerIsBusy => self.reading = false,
            Handler(first, payload) => self.write(&frame(first, payload, None)),
            HandlerRaw(bytes) => self.write(bytes),
            HandlerShutsDown => drop(self.guard.handler_shut_down(self.now)),
            HandlerDrops | HandlerPanics => {
                self.reading = false;
                if self.guard.abandon(matches!(step, HandlerPanics), self.now) {
                    self.end();
                }
            }
            Supervised => self.guard.supervise(),
            Finishes(code) => self.guard.finish(close(code), self.now),
            Closes(code, grace) => self.close(code, grace.map(|grace| Grace::within(Duration::from_millis(grace)))),
            ClosesPatiently(code, quiet, grace) => {
                let [quiet, grace] = [quiet, grace].map(Duration::from_millis);
                self.close(code, Some(Grace::at_least(grace).quiet(quiet)));
            }
            Aborts => self.guard.abort(),
        }
        self.settle();
    }

    fn close(&mut self, code: u16, grace: Option<Grace>) {
        self.guard.close(close(code), grace, self.now);
    }

    /// What a runtime would do at once.
    fn settle(&mut self) {
        if self.reading {
            self.read();
        }
        self.drive();
        if self.reading {
            self.read();
        }
    }

    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Next::Wait(Some(until)) = self.guard.next(self.now)
            && until <= end
        {
            self.now = until;
            self.settle();
        }
        self.now = end;
    }

    /// The driver's part.
    fn drive(&mut self) {
        self.guard.driver_wakes(self.now);
        self.guard.end_delay(self.now);
        if self.guard.is_judging(self.now) {
            self.guard.looked(false, self.now);
            self.guard.judge_peer(self.now);
        }
        if self.guard.is_between_frames() && self.guard.is_live() {
            self.flush();
        }
        match self.guard.next(self.now) {
            Next::Take => {
                let taken = self.guard.take_over(self.now).expect("it is ending");
                self.ended = Some((self.millis(), taken.ended.clone()));
                self.taken = Some((self.millis(), taken));
            }
            Next::Abort => {
                self.guard.end();
                self.ended = Some((self.millis(), Ended::aborted()));
            }
            Next::Wait(_) | Next::Await { .. } | Next::Nothing => {}
        }
    }

    fn end(&mut self) {
        self.ended = Some((self.millis(), self.guard.end()));
    }

    fn flush(&mut self) {
        let unsent = self.guard.outbox.unsent().to_vec();
        self.guard.outbox.sent(unsent.len());
        self.guard.outbox.flushed();
        self.peer.extend(unsent);
    }

    fn read(&mut self) {
        loop {
            if let Some(bytes) = self.guard.inbox.deliver(usize::MAX) {
                self.handler.extend(bytes);
                continue;
            }
            match self.guard.reads() {
                Reads::Open => {}
                Reads::Wait => return,
                Reads::End => return self.saw("end"),
                Reads::Aborted => return self.saw("error"),
            }
            let waited = self.guard.inbox.resume(usize::MAX).map(Iterator::collect);
            let Some(mut data) = waited.or_else(|| self.more()) else { return };
            let admitted = self.guard.read(&mut data, || self.now);
            self.handler.extend(&data[..admitted]);
        }
    }

    /// What waited, and what came behind it.
    fn more(&mut self) -> Option<Vec<u8>> {
        let came = std::mem::take(&mut self.coming);
        if came.is_empty() {
            let reset = self.gone?;
            self.guard.transport_ended(reset);
            self.saw(if reset { "reset" } else { "end" });
            return None;
        }
        self.guard.received(came.len());
        let data = [self.guard.inbox.backlog(), &came].concat();
        self.guard.inbox.clear_backlog();
        Some(data)
    }

    fn saw(&mut self, what: &str) {
        if self.handler_saw.iter().all(|seen| seen != what) {
            self.handler_saw.push(what.into());
        }
    }

    fn write(&mut self, mut data: &[u8]) {
        while !data.is_empty() {
            let now = self.now;
            let taken = match self.guard.writes(|| now) {
                Writes::Swallow => self.guard.swallow(data),
                Writes::Broken => return self.handler_saw.push("broken".into()),
                Writes::Open if self.guard.is_capturing() => self.guard.capture(data, || now),
                Writes::Open => {
                    let boundary = self.guard.outbound_at_boundary();
                    let last = self.guard.is_last_frame(|| now);
                    if boundary {
                        self.flush();
                    }
                    if boundary && last {
                        return self.handler_saw.push("blocked".into());
                    }
                    let measure = self.guard.measure(data, last);
                    let pass = measure.pass;
                    if pass > 0 {
                        self.peer.extend(&data[..pass]);
                        self.guard.sent(measure, || now);
                        pass
                    } else {
                        self.guard.capture(data, || now)
                    }
                }
            };
            data = &data[taken..];
        }
    }

    fn millis(&self) -> u128 {
        (self.now - self.start).as_millis()
    }

    /// What each side has read, and how and when the connection ended.
    pub(super) fn told(mut self) -> [String; 3] {
        let unsent = self.taken.take().map(|(_, taken)| taken.unsent).unwrap_or_default();
        let peer = frames(&[self.peer, unsent].concat());
        let handler = [frames(&self.handler), self.handler_saw].concat();
        let ended = self.ended.map_or("no end".into(), |(at, ended)| {
            let frame = ended.frame.map_or("no frame".into(), |frame| frame.to_string());
            let cut = if ended.cut_short { ", cut short" } else { "" };
            format!("{}: {frame}{cut}, after {at} ms", ended.by.as_str())
        });
        [peer.join(", "), handler.join(", "), ended]
    }
}

pub(super) fn close(code: u16) -> CloseFrame {
    CloseFrame::new(CloseCode::new(code).unwrap(), "")
}

fn frames(mut bytes: &[u8]) -> Vec<String> {
    let mut frames = Vec::new();
    while let Some(header) = FrameHeader::parse(bytes) {
        let Some(payload) = bytes.get(header.len()..header.len() + usize::try_from(header.payload_len()).unwrap())
        else {
            break;
        };
        let mut payload = payload.to_vec();
        bytes = &bytes[header.len() + payload.len()..];
        apply_mask(&mut payload, header.mask().unwrap_or_default());
        frames.push(match header.opcode().as_u8() {
            8 => match CloseFrame::parse(&payload) {
                Ok(frame) => format!("close {frame}"),
                Err(malformed) => malformed.to_string(),
            },
            9 => "ping".into(),
            _ => String::from_utf8(payload).unwrap(),
        });
    }
    if !bytes.is_empty() {
        frames.push("half a frame".into());
    }
    frames
}

/// Delays every frame, asks for it again and again until a time, or closes or pings at a time.
pub(super) struct Scripted {
    delay: Option<Duration>,
    ask: Option<Duration>,
    until: Option<Instant>,
    due: Option<(Duration, Action)>,
}

impl Policy for Scripted {
    fn on_frame(&mut self, _: &FrameHeader, now: Instant) -> Verdict {
        if let Some(ask) = self.ask {
            let until = *self.until.get_or_insert(now + 3 * ask);
            return if now < until { Verdict::AskAgain(now + ask) } else { Verdict::Pass };
        }
        self.delay.map_or(Verdict::Pass, |delay| Verdict::Delay(now + delay))
    }

    fn deadline(&self, activity: &Activity) -> Option<Instant> {
        let (after, _) = self.due.as_ref()?;
        Some(activity.opened? + *after)
    }

    fn on_deadline(&mut self, _: &Activity, _: Instant) -> Action {
        self.due.take().map_or(Action::None, |(_, action)| action)
    }
}

pub(super) fn delays(millis: u64) -> Scripted {
    Scripted { delay: Some(Duration::from_millis(millis)), ask: None, until: None, due: None }
}

/// Asks for the first frame again, three times.
pub(super) fn asks_again(millis: u64) -> Scripted {
    Scripted { delay: None, ask: Some(Duration::from_millis(millis)), until: None, due: None }
}

pub(super) fn at(millis: u64, action: Action) -> Scripted {
    Scripted { delay: None, ask: None, until: None, due: Some((Duration::from_millis(millis), action)) }
}
