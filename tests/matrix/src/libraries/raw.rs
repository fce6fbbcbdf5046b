//! No library: frames by hand, on an upgrade of hyper.

use http::{Request, Response};
use hyper::{body::Incoming, upgrade::Upgraded};
use hyper_util::rt::TokioIo;
use portcullis::frame::{FrameHeader, apply_mask, put_frame};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::library::{AnyBody, Bare, answering, switching};

pub(super) fn serve() -> Bare {
    answering(upgrade)
}

fn upgrade(mut request: Request<Incoming>) -> Response<AnyBody> {
    let response = switching(&request);
    let upgraded = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        if let Ok(upgraded) = upgraded.await {
            let _client_may_leave = echo(TokioIo::new(upgraded)).await;
        }
    });
    response
}

/// Answers each frame by itself, up to a close.
async fn echo(mut io: TokioIo<Upgraded>) -> std::io::Result<()> {
    let (mut inbox, mut outbox) = (Vec::new(), Vec::new());
    loop {
        while let Some((first, payload)) = next(&mut inbox) {
            let answer = if first == 0x89 { 0x8a } else { first };
            put_frame(&mut outbox, answer, &payload, None);
            if first == 0x88 {
                io.write_all(&outbox).await?;
                return io.shutdown().await;
            }
        }
        io.write_all(&outbox).await?;
        outbox.clear();
        if io.read_buf(&mut inbox).await? == 0 {
            return Ok(());
        }
    }
}

fn next(inbox: &mut Vec<u8>) -> Option<(u8, Vec<u8>)> {
    let header = FrameHeader::parse(inbox)?;
    let end = header.len() + usize::try_from(header.payload_len()).ok()?;
    let mut frame: Vec<u8> = inbox.get(..end)?.to_vec();
    inbox.drain(..end);
    let mut payload = frame.split_off(header.len());
    apply_mask(&mut payload, header.mask()?);
    Some((frame[0], payload))
}
