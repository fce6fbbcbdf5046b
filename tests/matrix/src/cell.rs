//! The checks of a library over one version of HTTP and one transport.

use std::collections::BTreeMap;

use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use portcullis::{Connections, liveness::Drain};

use crate::{
    client::{Client, Hello, Http, Seen},
    libraries::Library,
    script::{Script, Step},
    stack::{self, BURST, MAX_BYTES, token},
    transport::{Address, Transport, serve},
};

/// A guarded server, whose clients are of one library's protocol.
struct Cell {
    address: Address,
    http: Http,
    script: Script,
    drain: Drain,
}

/// Runs all checks. Panics if one fails.
pub fn run(library: &Library, http: Http, transport: Transport) {
    // On one thread, so that all metrics are recorded here.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let recorder = DebuggingRecorder::new();
    let counted = recorder.snapshotter();
    metrics::with_local_recorder(&recorder, || {
        runtime.block_on(async {
            let bare = serve((library.serve)(), transport).await;
            let drain = Drain::new();
            let address = serve(stack::guarded((library.serve)(), &drain), transport).await;
            let script = (library.script)();
            // Compression is negotiated in the HTTP/1.1 handshake.
            let script = if http == Http::Two { script.uncompressed() } else { script };
            let cell = Cell { address, http, script, drain };
            cell.is_as_good_as(&bare).await;
            cell.closes_a_flood().await;
            cell.closes_an_oversized_message().await;
            cell.closes_at_the_end_of_a_token().await;
            cell.closes_selected_connections().await;
            cell.closes_all_at_the_end().await;
        });
    });
    let codes = [1000, 1008, 1009, 1012, 3000, 4001].map(|code| (code_of(code), 1));
    assert_eq!(closes(&counted), BTreeMap::from(codes), "counted closes");
}

/// The label of a code.
fn code_of(code: u16) -> String {
    if code == 4001 { "4xxx".to_owned() } else { code.to_string() }
}

/// The number of closes by code.
fn closes(counted: &Snapshotter) -> BTreeMap<String, u64> {
    let mut closes = BTreeMap::new();
    for (key, _, _, value) in counted.snapshot().into_vec() {
        let key = key.key();
        match value {
            DebugValue::Counter(count) if key.name() == "portcullis_closes_total" => {
                let code = key.labels().find(|label| label.key() == "code").unwrap();
                *closes.entry(code.value().to_owned()).or_default() += count;
            }
            DebugValue::Gauge(live) if key.name() == "portcullis_connections" => assert_eq!(live, 0.0, "live ones"),
            _ => {}
        }
    }
    closes
}

async fn take(client: &mut Client, name: &str, answers: usize) -> Vec<Seen> {
    let mut seen = Vec::new();
    for _ in 0..answers {
        seen.push(client.next().await.unwrap_or_else(|| panic!("{name}: the connection ended after {seen:?}")));
    }
    // A pong may overtake a message.
    seen.sort();
    seen
}

async fn steps(client: &mut Client, steps: &[Step]) -> Vec<(&'static str, Vec<Seen>)> {
    let mut seen = Vec::new();
    for step in steps {
        client.send(&step.frames).await;
        seen.push((step.name, take(client, step.name, step.answers).await));
    }
    seen
}

impl Cell {
    fn hello(&self, name: &str) -> Hello {
        let mut hello = self.script.hello.clone();
        hello.headers.push(token(name));
        hello
    }

    /// A client that has completed the start of its protocol.
    async fn begun(&self, address: &Address, name: &str) -> Client {
        let mut client = Client::open(address, self.http, &self.hello(name)).await;
        take(&mut client, "greeting", self.script.greetings).await;
        steps(&mut client, &self.script.begin).await;
        client
    }

    fn connections(&self) -> &Connections {
        self.drain.connections()
    }

    async fn is_as_good_as(&self, bare: &Address) {
        let mut all = Vec::new();
        for address in [bare, &self.address] {
            let mut client = self.begun(address, "alice").await;
            let seen = steps(&mut client, &self.script.legal).await;
            all.push((seen, client.close().await));
        }
        assert!(all[0] == all[1], "bare: {:#?}\nguarded: {:#?}", all[0], all[1]);
        self.connections().wait_until_empty().await;
    }

    async fn closes_a_flood(&self) {
        let mut client = self.begun(&self.address, "alice").await;
        let flood = vec![self.script.flood.clone(); 500];
        client.send(&flood).await;
        let (answers, code) = client.closed().await;
        assert!(answers <= BURST as usize, "{answers}");
        assert_eq!(code, 1008, "a flood");
        self.gone(client).await;
    }

    async fn closes_an_oversized_message(&self) {
        let mut client = self.begun(&self.address, "alice").await;
        // The header is enough.
        let length = (MAX_BYTES as u64 + 1).to_be_bytes();
        client.write(&[&[0x82, 0xff], &length[..], &[0; 4]].concat()).await;
        assert_eq!(client.closed().await.1, 1009, "an oversize");
        self.gone(client).await;
    }

    async fn closes_at_the_end_of_a_token(&self) {
        // The close may come before the protocol has started.
        let mut client = Client::open(&self.address, self.http, &self.hello("brief")).await;
        assert_eq!(client.closed().await.1, 3000, "an expiry");
        self.gone(client).await;
    }

    async fn closes_selected_connections(&self) {
        let mut client = self.begun(&self.address, "alice").await;
        assert_eq!(self.connections().close_where(&stack::kick(), |_| true), 1);
        assert_eq!(client.closed().await.1, 4001, "a kick");
        self.gone(client).await;
    }

    async fn closes_all_at_the_end(&self) {
        let mut client = self.begun(&self.address, "alice").await;
        let (drained, closed) = tokio::join!(self.drain.start(), async {
            let closed = client.closed().await;
            drop(client);
            closed
        });
        assert_eq!(closed.1, 1012, "a drain");
        assert!(drained.is_clean(), "{drained}");
    }

    /// Waits until everything of a connection is freed.
    async fn gone(&self, client: Client) {
        drop(client);
        self.connections().wait_until_empty().await;
    }
}
