//! What a connection must say first, and who judges it.

use std::{fmt, future::Future, pin::Pin, time::Duration};

use crate::close::{CloseCode, CloseFrame};

/// The first message of a connection.
#[derive(Clone, PartialEq, Eq)]
pub struct FirstMessage {
    pub(crate) text: bool,
    pub(crate) payload: Vec<u8>,
}

impl FirstMessage {
    /// Whether it was sent as text; it may be anything but UTF-8 even so.
    pub fn is_text(&self) -> bool {
        self.text
    }

    /// The payload, unmasked, its fragments joined.
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }
}

/// Says how much there is: what a client sends first is most often a secret.
impl fmt::Debug for FirstMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FirstMessage").field("bytes", &self.payload.len()).finish_non_exhaustive()
    }
}

pub(crate) type Judgement = Pin<Box<dyn Future<Output = Result<Option<String>, CloseFrame>> + Send>>;

/// Holds a connection back from its handler until its first message was judged.
///
/// The message is not shown to the handler; what the client sent behind it is. Until then pings are answered, frames
/// that break a framing rule close with 1002, more than 64 frames with 1008, and policies are not asked. If the
/// judgement is a close frame, or time runs out, the connection is closed and the handler's upgrade fails.
pub struct Gate {
    pub(crate) timeout: Duration,
    pub(crate) max_bytes: usize,
    pub(crate) close_frame: CloseFrame,
    pub(crate) judge: Box<dyn FnOnce(FirstMessage) -> Judgement + Send>,
}

impl Gate {
    /// A gate that a judge opens, with a text message to answer with if the client expects one.
    ///
    /// # Defaults
    ///
    /// 10 s for the message and its judgement, and 8 KiB.
    pub fn new<F, J>(judge: F) -> Self
    where
        F: FnOnce(FirstMessage) -> J + Send + 'static,
        J: Future<Output = Result<Option<String>, CloseFrame>> + Send + 'static,
    {
        Self {
            timeout: Duration::from_secs(10),
            max_bytes: 8 * 1024,
            close_frame: CloseFrame::new(CloseCode::TIMEOUT, "no first message in time"),
            judge: Box::new(move |message| Box::pin(judge(message))),
        }
    }

    /// How long the client and the judge may take together.
    ///
    /// # Panics
    ///
    /// If `time` is zero: nobody could pass.
    #[track_caller]
    pub fn timeout(mut self, time: Duration) -> Self {
        assert!(!time.is_zero(), "a first message must have time to arrive");
        self.timeout = time;
        self
    }

    /// The most bytes the message may have; more closes with 1009.
    ///
    /// # Panics
    ///
    /// If `bytes` is zero.
    #[track_caller]
    pub fn max_bytes(mut self, bytes: usize) -> Self {
        assert!(bytes > 0, "a first message may have one byte at least");
        self.max_bytes = bytes;
        self
    }

    /// What closes a connection whose time has run out. 3008 by default.
    pub fn close_frame(mut self, frame: CloseFrame) -> Self {
        self.close_frame = frame;
        self
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate")
            .field("timeout", &self.timeout)
            .field("max_bytes", &self.max_bytes)
            .field("close_frame", &self.close_frame)
            .finish_non_exhaustive()
    }
}
