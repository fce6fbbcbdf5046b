//! What a page learns about a refused handshake.

use browser::{Closed, Result, SEATS, Site, over_both, tokens};

#[tokio::test]
async fn a_missing_token_is_named() -> Result<()> {
    over_both(async |page, site| {
        let socket = page.connect(&site.socket(), &[]).await?;
        assert_eq!(socket.closed().await?, Closed::cleanly(3000, "token missing"));
        Ok(())
    })
    .await
}

#[tokio::test]
async fn an_expired_token_is_named() -> Result<()> {
    over_both(async |page, site| {
        let socket = page.connect(&site.socket(), &["bearer", &tokens::expiring(-60)?]).await?;
        assert_eq!(socket.closed().await?, Closed::cleanly(3000, "token expired"));
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_full_server_says_when_to_retry() -> Result<()> {
    over_both(async |page, site| {
        let token = tokens::expiring(60)?;
        for _ in 0..SEATS {
            let seated = page.connect(&site.socket(), &["bearer", &token]).await?;
            seated.send("hello", 1).await?;
            assert_eq!(seated.message().await?, "hello");
        }
        let refused = page.connect(&site.socket(), &["bearer", &token]).await?;
        assert_eq!(refused.closed().await?, Closed::cleanly(1013, "server full; retry after 5 s"));
        assert_eq!(refused.messages().await?, 0);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_page_of_another_origin_learns_nothing() -> Result<()> {
    over_both(async |page, site| {
        let (other, token) = (Site::start(site.http()).await?, tokens::expiring(60)?);
        // Over HTTP/2, a handshake needs an existing connection.
        page.fetch(&other.page()).await?;
        let refused = page.connect(&other.socket(), &["bearer", &token]).await?;
        assert_eq!(refused.opened().await?, None);
        assert_eq!(refused.closed().await?, Closed::unexplained());
        assert_eq!(other.statuses()?, [403]);
        let allowed = page.connect(&site.socket(), &["bearer", &token]).await?;
        assert_eq!(allowed.opened().await?.as_deref(), Some("bearer"));
        Ok(())
    })
    .await
}
