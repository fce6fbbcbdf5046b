//! The console in a browser: what an operator sees, and what each button does.

use axum::http::StatusCode;
use browser::{
    Page, Result,
    console::{Watched, texts, until, watch},
};
use portcullis::{CloseCode, CloseFrame, EndedBy};

/// Strings that would be more than text where text becomes markup, a style, a script or an address.
const HOSTILE: [&str; 6] = [
    "<img src=x onerror=\"window.pwned=1\">",
    "<script>window.pwned=1</script>",
    "\"><svg onload=window.pwned=1>",
    "javascript:window.pwned=1",
    "';window.pwned=1;//",
    "</td></tr></table><h1>pwned</h1>",
];

const ROWS: &str = "document.querySelectorAll('#rows tr').length";

/// Opens the dialog of a row and selects a choice by its index.
async fn act(page: &Page<'_>, subject: &str, choice: usize) -> Result<()> {
    page.evaluate(&format!(
        "[...document.querySelectorAll('#rows tr')].find((row) => row.firstChild.textContent === '{subject}')
             .querySelector('button').click()"
    ))
    .await?;
    until(page, "document.getElementById('dialog').open").await?;
    page.evaluate(&format!("document.querySelectorAll('#dialog-choices input')[{choice}].click()")).await?;
    Ok(())
}

async fn reason(page: &Page<'_>, code: u16, reason: &str) -> Result<()> {
    let fill = format!(
        "document.getElementById('dialog-code').value = {code};
         document.getElementById('dialog-reason').value = '{reason}'"
    );
    page.evaluate(&format!("(() => {{ {fill} }})()")).await.map(drop)
}

async fn confirm(page: &Page<'_>) -> Result<()> {
    page.evaluate("document.getElementById('dialog-confirm').click()").await?;
    until(page, "!document.getElementById('dialog').open").await
}

#[tokio::test]
async fn connections_appear_are_searched_and_disappear() -> Result<()> {
    watch(async |page, watched| {
        let _alice = watched.connect("alice", [192, 0, 2, 1]);
        let bob = watched.connect("bob", [192, 0, 2, 2]);
        until(page, &format!("{ROWS} === 2")).await?;
        assert_eq!(texts(page, "#rows td:nth-child(2)").await?, ["192.0.2.1", "192.0.2.2"], "the oldest first");
        page.evaluate("(() => { const s = document.getElementById('search'); s.value = 'BO'; s.dispatchEvent(new Event('input')); })()")
            .await?;
        until(page, &format!("{ROWS} === 1 && document.querySelector('#rows td').textContent === 'bob'")).await?;
        drop(bob);
        until(page, "!document.getElementById('empty').hidden").await?;
        assert_eq!(texts(page, "#stream").await?, ["live"]);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn columns_are_sorted_by_the_server() -> Result<()> {
    watch(async |page, watched| {
        let _all = ["carol", "alice", "bob"].map(|name| watched.connect(name, [192, 0, 2, 1]));
        until(page, &format!("{ROWS} === 3")).await?;
        for (clicks, order) in [(1, "alice,bob,carol"), (1, "carol,bob,alice")] {
            for _ in 0..clicks {
                page.evaluate("document.querySelector('[data-sort=subject]').click()").await?;
            }
            let names = "[...document.querySelectorAll('#rows td:first-child')].map((e) => e.textContent).join()";
            until(page, &format!("{names} === '{order}'")).await?;
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn text_from_peers_is_never_markup() -> Result<()> {
    watch(async |page, watched| {
        let mut clients = Vec::new();
        for (host, hostile) in (1..).zip(HOSTILE) {
            clients.push(watched.connect(hostile, [192, 0, 2, host]));
            // A refusal quotes what the peer sent, such as an origin.
            let refusal = portcullis::refusal::Refusal::new("origin_not_allowed", StatusCode::FORBIDDEN);
            refusal.with_message(format!("origin {hostile} is not allowed")).into_response::<()>();
            let (gone, mut client) = watched.connect(hostile, [192, 0, 2, host]);
            gone.close(CloseFrame::new(CloseCode::NORMAL, hostile));
            assert!(client.closed().await.is_some());
            drop(client);
            gone.closed().await;
        }
        // As many rows are there before the last but one has gone, too: what counts is whose they are.
        let subjects =
            "JSON.stringify([...document.querySelectorAll('#rows td:first-child')].map((e) => e.textContent))";
        until(page, &format!("{subjects} === JSON.stringify({})", serde_json::json!(HOSTILE))).await?;
        let holders = texts(page, "#subjects .name").await?;
        assert!(holders.iter().all(|name| HOSTILE.contains(&name.as_str())), "{holders:?}");
        until(page, &format!("document.querySelectorAll('#last li').length === {}", HOSTILE.len())).await?;
        let reasons = texts(page, "#last .reason").await?;
        for hostile in HOSTILE {
            assert!(reasons.iter().any(|reason| reason.contains(hostile)), "{hostile}: {reasons:?}");
        }
        page.evaluate("document.querySelectorAll('#tabs button')[1].click()").await?;
        until(page, "document.querySelectorAll('#last li').length > 0").await?;
        // The dialog shows them, too.
        page.evaluate("document.querySelector('#rows button').click()").await?;
        until(page, "document.getElementById('dialog').open").await?;
        let foreign =
            "document.querySelectorAll('img, script:not([src]), svg[onload], h1 ~ h1, iframe, object').length";
        assert_eq!(page.evaluate(foreign).await?, 0);
        assert_eq!(page.evaluate("document.querySelectorAll('h1').length").await?, 1);
        assert_eq!(page.evaluate("'pwned' in window").await?, false);
        // If text were turned into markup after all, the page's policy would still stop it.
        let forced =
            "(() => { try { document.body.innerHTML = '<img src=x onerror=\"window.pwned=1\">'; return 'made' }
                       catch { return 'refused' } })()";
        assert_eq!(page.evaluate(forced).await?, "refused");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn bidirectional_and_invisible_characters_are_escaped() -> Result<()> {
    watch(async |page, watched| {
        let _evil = watched.connect("\u{202e}evil\u{200b}", [192, 0, 2, 1]);
        until(page, &format!("{ROWS} === 1")).await?;
        assert_eq!(texts(page, "#rows td:first-child").await?, ["\\u{202e}evil\\u{200b}"]);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_connection_is_closed_with_the_entered_code_and_reason() -> Result<()> {
    watch(async |page, watched| {
        let (alice, mut client) = watched.connect("alice", [192, 0, 2, 1]);
        let _bob = watched.connect("bob", [192, 0, 2, 2]);
        until(page, &format!("{ROWS} === 2")).await?;
        act(page, "alice", 0).await?;
        reason(page, 4001, "<b>out</b>").await?;
        assert_eq!(alice.close_reason(), None, "it is not confirmed yet");
        confirm(page).await?;
        assert_eq!(client.closed().await.unwrap_or_default().to_string(), "4001 <b>out</b>");
        client.send_close(&CloseFrame::empty()).await?;
        assert_eq!(alice.closed().await.by, EndedBy::Guard);
        until(page, &format!("{ROWS} === 1")).await?;
        page.evaluate("document.querySelectorAll('#tabs button')[3].click()").await?;
        until(page, "document.querySelectorAll('#last li').length === 1").await?;
        assert_eq!(texts(page, "#last .who").await?, ["olga"]);
        Ok(())
    })
    .await
}

/// Checks which connections a choice of the dialog closes.
async fn all_are_closed_by(page: &Page<'_>, watched: &Watched, choice: usize, closes: [bool; 3]) -> Result<()> {
    let mut all = Vec::new();
    for (subject, host) in [("alice", 1), ("alice", 2), ("bob", 1)] {
        all.push(watched.connect(subject, [192, 0, 2, host]));
    }
    until(page, &format!("{ROWS} === 3")).await?;
    act(page, "alice", choice).await?;
    confirm(page).await?;
    for ((connection, mut client), closes) in all.into_iter().zip(closes) {
        if closes {
            assert_eq!(client.closed().await.and_then(|frame| frame.code()).map(CloseCode::as_u16), Some(1008));
        }
        assert_eq!(connection.close_reason().is_some() || closes, closes);
    }
    until(page, &format!("{ROWS} === 0")).await
}

#[tokio::test]
async fn all_of_a_subject_or_an_address_are_closed() -> Result<()> {
    watch(async |page, watched| {
        all_are_closed_by(page, watched, 1, [true, true, false]).await?;
        all_are_closed_by(page, watched, 2, [true, false, true]).await
    })
    .await
}

#[tokio::test]
async fn tokens_are_revoked_and_the_drain_begins() -> Result<()> {
    watch(async |page, watched| {
        let (alice, mut client) = watched.connect("alice", [192, 0, 2, 1]);
        until(page, &format!("{ROWS} === 1")).await?;
        act(page, "alice", 3).await?;
        until(page, "document.getElementById('dialog-frame').hidden").await?;
        confirm(page).await?;
        assert_eq!(alice.close_reason(), None, "it was not opened by a token");
        page.evaluate("document.getElementById('drain').click()").await?;
        until(page, "document.getElementById('dialog').open").await?;
        assert!(!watched.drain().is_started());
        confirm(page).await?;
        assert_eq!(client.closed().await.and_then(|frame| frame.code()).map(CloseCode::as_u16), Some(1012));
        drop(client);
        watched.drain().drained().await;
        assert_eq!(watched.count(), 0);
        until(page, "document.getElementById('drain').hidden").await
    })
    .await
}

#[tokio::test]
async fn a_page_of_another_origin_and_an_unknown_operator_cannot_act() -> Result<()> {
    watch(async |page, watched| {
        let (alice, _client) = watched.connect("alice", [192, 0, 2, 1]);
        until(page, &format!("{ROWS} === 1")).await?;
        let post = |kind: &str, mode: &str| {
            let (url, body) = (watched.url(), r#"{"subject": "alice"}"#);
            format!(
                "fetch('{url}/api/close', {{ method: 'POST', mode: '{mode}', credentials: 'include', body: '{body}',
                     headers: {{ 'content-type': '{kind}' }} }}).then((answer) => answer.type, () => 'failed')"
            )
        };
        // The own page, with what a form on another page could send.
        assert_eq!(page.evaluate(&post("text/plain", "cors")).await?, "basic");
        assert_eq!(watched.answers(), [(StatusCode::UNSUPPORTED_MEDIA_TYPE, true)]);
        page.visit(&watched.elsewhere()).await?;
        // It is sent with the cookie, but the response is withheld from the page.
        assert_eq!(page.evaluate(&post("text/plain", "no-cors")).await?, "failed");
        assert_eq!(watched.answers()[1..], [(StatusCode::FORBIDDEN, true)]);
        assert_eq!(page.evaluate(&post("application/json", "cors")).await?, "failed", "it needs a preflight");
        assert_eq!(watched.answers().len(), 2);
        assert_eq!(alice.close_reason(), None);
        // The operator is no longer known.
        page.evaluate("document.cookie = 'operator=; path=/; max-age=0'").await?;
        for path in ["/", "/app.js", "/api/connections", "/api/events"] {
            let seen = page.visit(&format!("{}{path}", watched.url())).await?;
            assert!(seen.contains("you may not see this console") && !seen.contains("alice"), "{path}: {seen}");
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_narrow_window_has_no_horizontal_scrolling() -> Result<()> {
    watch(async |page, watched| {
        let long = "a-very-long-name-".repeat(12);
        let _all: Vec<_> = (1..30).map(|host| watched.connect(&long, [192, 0, 2, host])).collect();
        until(page, &format!("{ROWS} > 5")).await?;
        // No window of this browser is narrower.
        for width in [500, 1280] {
            page.resize(width, 844).await?;
            until(page, &format!("Math.abs(innerWidth - {width}) < 20")).await?;
            assert_eq!(page.evaluate("document.documentElement.scrollWidth <= innerWidth").await?, true, "{width}");
        }
        Ok(())
    })
    .await
}
