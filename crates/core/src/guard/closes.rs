//! The close frames of both sides, and who sent the first.
//!
//! Who closed first decides what is reported and what is still sent: each side sends one close frame, and nothing after
//! it (RFC 6455, section 5.5.1).
//!
//! `first` is written once and read at the end. It is not derived from the frames, because both sides may have sent one
//! by then, and the transport may have ended before either.

use super::{discarded::Discarded, outbound::Capture};
use crate::{
    close::{CloseFrame, MalformedClose},
    ended::{Ended, EndedBy},
};

/// The close frames of both sides, and what is known of the handler.
#[derive(Debug, Default)]
pub(super) struct Closes {
    /// Boxed: a connection that is not closing has none.
    frames: Option<Box<Frames>>,
    /// Who sent the first close frame, or that the transport ended without one. Never overwritten.
    first: Option<EndedBy>,
    /// Reading failed: nothing can be sent to the peer any more.
    read_failed: bool,
    /// The handler has dropped its half.
    abandoned: bool,
    /// `finish` will be called with the close frame that the handler's result means.
    supervised: bool,
}

/// The close frames of a connection, and what comes of both streams around them.
#[derive(Debug, Default)]
struct Frames {
    peer: Option<CloseFrame>,
    handler: Option<CloseFrame>,
    /// What the peer is sent instead of the library's answer to a malformed close.
    correction: Option<CloseFrame>,
    /// What the peer has sent after its close frame, or after what closed the connection.
    discarded: Option<Discarded>,
    /// The close frame of the handler's that is being captured.
    capture: Option<Capture>,
}

impl Closes {
    pub(super) fn by_peer(&mut self, result: Result<CloseFrame, MalformedClose>) {
        self.first.get_or_insert(EndedBy::Peer);
        // A library may echo a code that must not be sent (RFC 6455, section 7.4.1), or may not answer at all. So the
        // answer to a malformed close is decided here, and replaces the library's.
        let frames = self.frames.get_or_insert_default();
        frames.correction = result.as_ref().err().map(|malformed| malformed.answer());
        frames.peer = Some(result.unwrap_or_else(MalformedClose::answer));
    }

    /// Whether neither side has begun to close.
    #[inline]
    pub(super) fn are_none(&self) -> bool {
        self.frames.is_none()
    }

    pub(super) fn peer_has_closed(&self) -> bool {
        self.peers().is_some()
    }

    pub(super) fn by_handler(&mut self, frame: CloseFrame) {
        self.first.get_or_insert(EndedBy::Handler);
        self.frames.get_or_insert_default().handler = Some(frame);
    }

    #[inline]
    pub(super) fn handler_has_closed(&self) -> bool {
        self.handlers().is_some()
    }

    /// The peer's close frame.
    pub(super) fn peers(&self) -> Option<&CloseFrame> {
        self.frames.as_ref()?.peer.as_ref()
    }

    /// The close frame that was sent for the handler.
    #[inline]
    pub(super) fn handlers(&self) -> Option<&CloseFrame> {
        self.frames.as_ref()?.handler.as_ref()
    }

    /// What is followed of the peer's stream without being delivered.
    #[inline]
    pub(super) fn discarded(&self) -> Option<&Discarded> {
        self.frames.as_ref()?.discarded.as_ref()
    }

    pub(super) fn discarded_mut(&mut self) -> &mut Discarded {
        self.frames.get_or_insert_default().discarded.get_or_insert_default()
    }

    pub(super) fn take_discarded(&mut self) -> Discarded {
        self.frames.as_mut().and_then(|frames| frames.discarded.take()).unwrap_or_default()
    }

    /// Whether a close frame of the handler's is being captured.
    #[inline]
    pub(super) fn is_capturing(&self) -> bool {
        self.frames.as_ref().is_some_and(|frames| frames.capture.is_some())
    }

    /// Takes one byte of the handler's close frame. With the last one, returns the frame, mended.
    pub(super) fn capture(&mut self, byte: u8) -> Option<CloseFrame> {
        let capture = &mut self.frames.get_or_insert_default().capture;
        let frame = capture.get_or_insert_default().push(byte)?;
        *capture = None;
        Some(frame)
    }

    /// Takes the frame that replaces the library's answer to a malformed close.
    pub(super) fn take_correction(&mut self) -> Option<CloseFrame> {
        self.frames.as_mut()?.correction.take()
    }

    /// The peer's side of the transport ended. If no close frame came before, that is how the connection ended.
    pub(super) fn by_transport(&mut self, failed: bool) {
        self.first.get_or_insert(EndedBy::Transport);
        self.read_failed |= failed;
    }

    pub(super) fn read_failed(&self) -> bool {
        self.read_failed
    }

    pub(super) fn abandon(&mut self) {
        self.abandoned = true;
    }

    pub(super) fn is_abandoned(&self) -> bool {
        self.abandoned
    }

    pub(super) fn supervise(&mut self, supervised: bool) {
        self.supervised = supervised;
    }

    pub(super) fn is_supervised(&self) -> bool {
        self.supervised
    }

    /// The answer to the peer's close frame, if it has sent one.
    pub(super) fn answer(&self) -> Option<CloseFrame> {
        let frames = self.frames.as_ref()?;
        frames.correction.as_ref().or(frames.peer.as_ref()).cloned()
    }

    /// Who ended the connection: `otherwise`, unless a close came first.
    pub(super) fn ended_by(&self, otherwise: EndedBy) -> EndedBy {
        self.first.unwrap_or(otherwise)
    }

    /// How a connection ended on which nothing more can be sent.
    pub(super) fn ended(&self) -> Ended {
        let (by, sent, received) = (self.ended_by(EndedBy::Transport), self.handlers().cloned(), self.peers().cloned());
        // The peer's frame is the reason if both sides have closed. A transport that failed has no reason to report.
        let frame = received.clone().or(sent.clone()).filter(|_| by != EndedBy::Transport);
        Ended { by, frame, sent, received, cut_short: false }
    }
}
