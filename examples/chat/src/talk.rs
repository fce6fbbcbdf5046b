//! The handler of one connection, and the errors that end it.

use axum::extract::ws::{Message, WebSocket};
use futures_util::{SinkExt, StreamExt};
use portcullis::{
    CloseCode, CloseFrame, Connections, IntoClose,
    identity::Subject,
    jwt::{Session, TokenError},
    messages::{JsonMessages, ReadError},
};
use serde::Deserialize;
use tokio::sync::broadcast::error::RecvError;

use crate::{
    name::{InvalidName, Name},
    rooms::{Full, Rooms, Seat},
    session::User,
};

/// The longest message, in bytes.
pub(crate) const MAX_MESSAGE: usize = 4 * 1024;

/// A private code of the chat (RFC 6455, section 7.4.2).
const KICKED: CloseCode = match CloseCode::new(4001) {
    Ok(code) => code,
    Err(_) => unreachable!(),
};

/// Errors that end a conversation, with their close codes.
#[derive(Debug, thiserror::Error, IntoClose)]
pub(crate) enum TalkError {
    #[error("no such room: {0}")]
    #[close(code = 4404, display)]
    NoSuchRoom(#[from] InvalidName),
    #[error("no seat is free")]
    #[close(try_again_later, display)]
    Full,
    #[error("you read too slowly")]
    #[close(try_again_later, display)]
    Slow,
    #[error(transparent)]
    #[close(transparent)]
    Unreadable(#[from] ReadError<axum::Error>),
    #[error(transparent)]
    #[close(transparent)]
    Token(#[from] TokenError),
    #[error(transparent)]
    #[close(transparent)]
    Socket(#[from] axum::Error),
}

impl From<Full> for TalkError {
    fn from(_: Full) -> Self {
        Self::Full
    }
}

impl From<RecvError> for TalkError {
    fn from(_: RecvError) -> Self {
        Self::Slow
    }
}

/// A message from a client.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Request {
    Say { text: String },
    Kick { name: Name },
    Renew { token: String },
    Crash,
}

/// A connected user.
pub(crate) struct Visitor {
    pub(crate) session: Session<User>,
    pub(crate) rooms: Rooms,
    pub(crate) connections: Connections,
}

/// Chats until the client leaves, the connection is closed from elsewhere, or an error ends it.
pub(crate) async fn talk(socket: WebSocket, room: String, visitor: Visitor) -> Result<(), TalkError> {
    let user = visitor.session.claims().ok_or(TokenError::Missing)?;
    let mut seat = visitor.rooms.enter(Name::try_from(room)?, user.sub.clone())?;
    let mut socket = JsonMessages::<Request>::new().over(socket);
    for event in std::mem::take(&mut seat.history) {
        socket.send(Message::text(&*event)).await?;
    }
    loop {
        tokio::select! {
            request = socket.next() => match request.transpose()? {
                Some(request) => visitor.handle(&seat, request).await?,
                None => return Ok(()),
            },
            event = seat.next_event() => socket.send(Message::text(&*event?)).await?,
        }
    }
}

impl Visitor {
    async fn handle(&self, seat: &Seat, request: Request) -> Result<(), TalkError> {
        match request {
            Request::Say { text } => seat.say(&text),
            Request::Kick { name } => self.kick(seat, &name),
            Request::Renew { token } => drop(self.session.renew(&token).await?),
            Request::Crash => panic!("the button that crashes the handler was pressed"),
        }
        Ok(())
    }

    /// Closes all connections of a user in the same room. A real chat would check permissions.
    fn kick(&self, seat: &Seat, name: &Name) {
        if seat.is_with(name) {
            let subject = Subject::new(name.as_str());
            let frame = CloseFrame::new(KICKED, format!("kicked by {}", seat.who()));
            self.connections.close_where(&frame, |connection| connection.subject().as_ref() == Some(&subject));
        }
    }
}
