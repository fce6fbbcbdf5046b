//! How a reconnecting client reacts to close codes: the script of the guide and the chat, with scripted sockets.

use browser::{Page, Result, over_both};
use serde_json::{Value, json};

const MODULE: &str = include_str!("../../../crates/portcullis/docs/reconnect.js");

/// Runs a function of `module`, the script, on the page.
async fn run(page: &Page<'_>, function: &str) -> Result<Value> {
    let load = format!("import(URL.createObjectURL(new Blob([{}], {{ type: 'text/javascript' }})))", json!(MODULE));
    page.evaluate(&format!("{load}.then({function})")).await
}

#[tokio::test]
async fn codes_decide_whether_to_reconnect() -> Result<()> {
    over_both(async |page, _| {
        for (code, reason, act, wait) in [
            (1000, "", "stop", 0),
            (1001, "", "retry", 0),
            (1002, "reserved bit set", "stop", 0),
            (1005, "", "retry", 0),
            (1006, "", "retry", 0),
            (1008, "message rate exceeded", "stop", 0),
            (1009, "message over 65536 bytes", "stop", 0),
            (1011, "internal error", "retry", 0),
            (1012, "service restarts", "retry", 0),
            (1013, "too many connections; retry after 5 s", "retry", 5),
            (1013, "retry after 99999 s", "retry", 0),
            (3000, "token expired", "refresh", 0),
            (3000, "token revoked", "stop", 0),
            (3003, "forbidden", "stop", 0),
            (3008, "no answer to a ping", "retry", 0),
            (4001, "kicked by alice", "stop", 0),
        ] {
            let advice = run(page, &format!("(module) => module.advise({code}, {})", json!(reason))).await?;
            assert_eq!((&advice["act"], &advice["wait"]), (&json!(act), &json!(wait)), "{code} {reason}");
        }
        Ok(())
    })
    .await
}

#[tokio::test]
async fn delays_grow_up_to_a_bound_and_half_of_each_is_random() -> Result<()> {
    over_both(async |page, _| {
        let bounds_of = "(attempt) => [module.backoff(attempt, 0, 0), module.backoff(attempt, 0, 1)]";
        let waits = run(page, &format!("(module) => [0, 1, 2, 4, 5, 40].map({bounds_of})")).await?;
        let bounds = [[500, 1000], [1000, 2000], [2000, 4000], [8000, 16_000], [15_000, 30_000], [15_000, 30_000]];
        assert_eq!(waits, json!(bounds));
        assert_eq!(
            run(page, "({ backoff }) => backoff(0, 5, 0)").await?,
            json!(5500),
            "not before the time that the server gave"
        );
        Ok(())
    })
    .await
}

/// Ends one connection after another as `ends` says, and returns all calls of the listener. Delays take no time.
fn sequence(ends: &Value) -> String {
    format!(
        "async ({{ Reconnecting, Refused }}) => {{
            const ends = {ends};
            const calls = [];
            const later = window.setTimeout;
            window.setTimeout = (next) => later(next, 0);
            await new Promise((over) => {{
                const connect = async () => {{
                    const end = ends.shift();
                    if (end === 'refused') throw new Refused('no such user');
                    if (end === 'unreachable') throw new Error('no network');
                    const socket = Object.assign(new EventTarget(), {{ readyState: 1, close() {{}} }});
                    later(() => {{
                        if (end.greeted) socket.dispatchEvent(new MessageEvent('message', {{ data: 'hello' }}));
                        socket.dispatchEvent(new CloseEvent('close', end));
                    }}, 0);
                    return socket;
                }};
                const listener = {{
                    state: (state, detail) => {{
                        calls.push(state === 'waiting' ? state : [state, detail].filter(Boolean).join(': '));
                        if (state === 'stopped') over();
                    }},
                    message: (data) => calls.push(`message: ${{data}}`),
                    closed: (code) => calls.push(`closed: ${{code}}`),
                }};
                new Reconnecting(connect, listener).start();
            }});
            window.setTimeout = later;
            return calls;
        }}"
    )
}

#[tokio::test]
async fn a_client_reconnects_until_it_is_closed_for_good() -> Result<()> {
    over_both(async |page, _| {
        let expired = json!({"code": 3000, "reason": "token expired", "greeted": true});
        let flood = json!({"code": 1008, "reason": "message rate exceeded"});
        let ends = json!([expired, expired, "unreachable", {"code": 1006}, flood]);
        let calls = json!([
            "connecting",
            "open",
            "message: hello",
            "closed: 3000", // a new token, at once
            "connecting",
            "open",
            "message: hello",
            "closed: 3000",
            "waiting",
            "connecting",
            "waiting",
            "connecting",
            "closed: 1006",
            "waiting", // it was never greeted
            "connecting",
            "closed: 1008",
            "stopped: message rate exceeded",
        ]);
        assert_eq!(run(page, &sequence(&ends)).await?, calls);
        assert_eq!(run(page, &sequence(&json!(["refused"]))).await?, json!(["connecting", "stopped: no such user"]));
        Ok(())
    })
    .await
}
