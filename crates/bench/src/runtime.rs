//! The runtime of a side: one thread, so that the server has a core, and the client has one.

use std::io;

use tokio::runtime::{Builder, Runtime};

pub(crate) fn new() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}
