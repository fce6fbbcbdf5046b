//! Which type of each library is a message, and what it holds.

#[cfg(any(
    feature = "axum-ws",
    feature = "tungstenite-0-29",
    feature = "tungstenite-0-30",
    feature = "fastwebsockets-0-10",
    feature = "tokio-websockets-0-13",
    feature = "yawc-0-5"
))]
use super::payload::{Message, Payload};

#[cfg(feature = "axum-ws")]
impl Message for axum::extract::ws::Message {
    fn payload(&self) -> Payload<'_> {
        match self {
            Self::Text(text) => Payload::Text(text.as_bytes()),
            Self::Binary(bytes) => Payload::Binary(bytes),
            Self::Ping(_) | Self::Pong(_) | Self::Close(_) => Payload::Control,
        }
    }
}

#[cfg(any(feature = "tungstenite-0-29", feature = "tungstenite-0-30"))]
macro_rules! tungstenite {
    ($tungstenite:ident) => {
        impl Message for $tungstenite::Message {
            fn payload(&self) -> Payload<'_> {
                match self {
                    Self::Text(text) => Payload::Text(text.as_bytes()),
                    Self::Binary(bytes) => Payload::Binary(bytes),
                    Self::Ping(_) | Self::Pong(_) | Self::Close(_) => Payload::Control,
                    // tungstenite never reads one: frames are for writing.
                    Self::Frame(_) => Payload::Fragment,
                }
            }
        }
    };
}

#[cfg(feature = "tungstenite-0-29")]
tungstenite!(tungstenite_0_29);
#[cfg(feature = "tungstenite-0-30")]
tungstenite!(tungstenite_0_30);

/// A frame of a `FragmentCollector`; one of a bare `WebSocket` may be a part of a message.
#[cfg(feature = "fastwebsockets-0-10")]
impl Message for fastwebsockets::Frame<'_> {
    fn payload(&self) -> Payload<'_> {
        use fastwebsockets::OpCode;
        match self.opcode {
            OpCode::Text if self.fin => Payload::Text(&self.payload),
            OpCode::Binary if self.fin => Payload::Binary(&self.payload),
            OpCode::Text | OpCode::Binary | OpCode::Continuation => Payload::Fragment,
            OpCode::Close | OpCode::Ping | OpCode::Pong => Payload::Control,
        }
    }
}

#[cfg(feature = "tokio-websockets-0-13")]
impl Message for tokio_websockets::Message {
    fn payload(&self) -> Payload<'_> {
        match () {
            () if self.is_text() => Payload::Text(self.as_payload()),
            () if self.is_binary() => Payload::Binary(self.as_payload()),
            () => Payload::Control,
        }
    }
}

/// A frame of a `WebSocket`; one of a `Streaming` may be a part of a message.
#[cfg(feature = "yawc-0-5")]
impl Message for yawc::frame::Frame {
    fn payload(&self) -> Payload<'_> {
        use yawc::frame::OpCode;
        match self.opcode() {
            OpCode::Text if self.is_fin() => Payload::Text(self.payload()),
            OpCode::Binary if self.is_fin() => Payload::Binary(self.payload()),
            OpCode::Text | OpCode::Binary | OpCode::Continuation => Payload::Fragment,
            OpCode::Close | OpCode::Ping | OpCode::Pong => Payload::Control,
        }
    }
}

/// yawc's stream yields frames, and ends where there is an error.
#[cfg(feature = "yawc-0-5")]
impl super::payload::Received for yawc::frame::Frame {
    type Message = Self;
    type Error = std::convert::Infallible;

    fn received(self) -> Result<Self, Self::Error> {
        Ok(self)
    }
}
