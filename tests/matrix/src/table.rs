//! The results, as in README.

use std::{fmt, panic, thread};

use crate::{
    cell,
    client::{Http, ask, is_admitted},
    libraries::Library,
    transport::{Transport, serve},
};

/// The head of the table.
pub const HEAD: &str = "| Library | HTTP/1.1 | HTTP/2 (extended CONNECT) |\n| --- | --- | --- |";

/// A library's row.
pub struct Row {
    library: &'static str,
    cells: [String; 2],
}

impl Row {
    /// Runs all checks of a library, over each version of HTTP and each transport.
    pub fn of(library: &Library) -> Self {
        let cells = Http::ALL.map(|http| match library.not_over_http_2.filter(|_| http == Http::Two) {
            Some(why) => {
                refuses(library, http);
                format!("no: {why}")
            }
            None => transports(library, http),
        });
        Self { library: library.name, cells }
    }
}

/// The transports over which all checks pass: all of them, or the test fails.
fn transports(library: &Library, http: Http) -> String {
    thread::scope(|scope| {
        let cells = Transport::ALL.map(|transport| {
            let cell = thread::Builder::new().name(format!("{}, {http:?}, {transport}", library.name));
            (transport, cell.spawn_scoped(scope, move || cell::run(library, http, transport)).unwrap())
        });
        let names = cells.map(|(transport, cell)| {
            cell.join().unwrap_or_else(|panicked| panic::resume_unwind(panicked));
            transport.to_string()
        });
        names.join(", ")
    })
}

/// Checks that a library without support for HTTP/2 does not support it without a guard either.
fn refuses(library: &Library, http: Http) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let bare = serve((library.serve)(), Transport::Plain).await;
        let answer = ask(&bare, http, &(library.script)().hello).await;
        assert!(!is_admitted(&answer, http), "{} can: {answer:?}", library.name);
    });
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "| {} | {} | {} |", self.library, self.cells[0], self.cells[1])
    }
}
