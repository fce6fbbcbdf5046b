//! What a page learns about the close of an open connection.

use std::time::Instant;

use browser::{Closed, Page, Result, Site, Socket, over_both, tokens};
use portcullis::{CloseCode, CloseFrame, identity::Subject};

/// An open socket that has received an echo.
async fn open<'a>(page: &Page<'a>, site: &Site, seconds: i64) -> Result<Socket<'a>> {
    let socket = page.connect(&site.socket(), &["bearer", &tokens::expiring(seconds)?]).await?;
    socket.send("hello", 1).await?;
    assert_eq!(socket.message().await?, "hello");
    Ok(socket)
}

#[tokio::test]
async fn a_token_among_the_subprotocols_is_accepted() -> Result<()> {
    over_both(async |page, site| {
        let socket = page.connect(&site.socket(), &["bearer", &tokens::expiring(60)?]).await?;
        assert_eq!(socket.opened().await?.as_deref(), Some("bearer"));
        assert_eq!(site.statuses()?, [site.http().accepted()]);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_flood_ends_with_the_name_of_the_quota() -> Result<()> {
    over_both(async |page, site| {
        let socket = open(page, site, 60).await?;
        socket.send("more", 100).await?;
        assert_eq!(socket.closed().await?, Closed::cleanly(1008, "message rate exceeded"));
        let messages = socket.messages().await?;
        assert!((5..100).contains(&messages), "admitted messages were echoed: {messages}");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_session_ends_with_its_token() -> Result<()> {
    over_both(async |page, site| {
        // It must be open before its token has expired: the slower the machine, the longer the token lives.
        let began = Instant::now();
        open(page, site, 60).await?;
        let life = 3 + 4 * i64::try_from(began.elapsed().as_secs())?;
        let socket = open(page, site, life).await?;
        assert_eq!(socket.closed().await?, Closed::cleanly(3000, "token expired"));
        Ok(())
    })
    .await
}

#[tokio::test]
async fn the_result_of_the_handler_decides_the_code() -> Result<()> {
    over_both(async |page, site| {
        for (command, code, reason) in
            [("leave", 1000, ""), ("fail", 1003, "no such command"), ("panic", 1011, "internal error")]
        {
            let socket = open(page, site, 60).await?;
            socket.send(command, 1).await?;
            assert_eq!(socket.closed().await?, Closed::cleanly(code, reason), "{command}");
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_kick_gives_a_reason() -> Result<()> {
    over_both(async |page, site| {
        let socket = open(page, site, 60).await?;
        let frame = CloseFrame::new(CloseCode::new(4000)?, "signed in elsewhere");
        let alice = Subject::new(tokens::SUBJECT);
        let kicked = site.connections().close_where(&frame, |connection| connection.subject().as_ref() == Some(&alice));
        assert_eq!(kicked, 1);
        assert_eq!(socket.closed().await?, Closed::cleanly(4000, "signed in elsewhere"));
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_drain_says_when_to_reconnect() -> Result<()> {
    over_both(async |page, site| {
        let live = open(page, site, 60).await?;
        let drained = site.drain().start().await;
        assert_eq!((drained.closed, drained.is_clean()), (1, true), "{drained}");
        assert_eq!(live.closed().await?, Closed::cleanly(1012, "service restarts"));
        let late = page.connect(&site.socket(), &["bearer", &tokens::expiring(60)?]).await?;
        assert_eq!(late.closed().await?, Closed::cleanly(1012, "service restarts; retry after 5 s"));
        Ok(())
    })
    .await
}
