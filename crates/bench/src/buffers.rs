//! What the size of the library's read buffer does to a message, by the size of the message.

use std::io;

use crate::{
    child::Server, client::Http, cpu, load::Load, measure::Use, plan::Plan, report, side::Side, stats::Spread,
};

/// Sizes of the read buffer in KiB, each a path.
const BUFFERS: [&str; 3] = ["buffered/4", "buffered/16", "buffered/128"];

/// Messages of a size, on a number of connections.
const MESSAGES: [(&str, usize, usize); 3] =
    [("16 bytes", 16, 100), ("64 KiB", 64 * 1024, 8), ("1 MiB", 1024 * 1024, 2)];

/// Measures and prints: CPU time of the server.
pub(crate) fn compare(plan: &Plan) -> io::Result<()> {
    report::buffers_head();
    for side in [Side::Bare, Side::Core] {
        let server = Server::start(side)?;
        for (name, payload, connections) in MESSAGES {
            let using = |path| Use::Echo { http: Http::One, path, connections, load: Load::new(payload, 1) };
            let mut micros = BUFFERS.map(|_| Vec::new());
            for round in 0..=plan.rounds {
                for (path, micros) in BUFFERS.into_iter().zip(&mut micros) {
                    let each = cpu::each(&server, &using(path), plan.span)?;
                    if round > 0 {
                        micros.push(each);
                    }
                }
            }
            report::buffers(&format!("{}, {name}", side.name()), micros.map(Spread::of));
        }
    }
    Ok(())
}
