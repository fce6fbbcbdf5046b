//! A proxy between a node and Redis, which can be cut.

use std::{
    io,
    net::{Shutdown, TcpListener, TcpStream},
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use crate::Result;

/// A proxy in front of a Redis. Its threads end with the process.
pub(crate) struct Proxy {
    port: u16,
    line: Arc<Mutex<Line>>,
}

#[derive(Default)]
struct Line {
    cut: bool,
    streams: Vec<TcpStream>,
}

impl Proxy {
    pub(crate) fn to(server: u16) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let (port, line) = (listener.local_addr()?.port(), Arc::<Mutex<Line>>::default());
        let lines = line.clone();
        thread::spawn(move || {
            for client in listener.incoming().map_while(io::Result::ok) {
                // If a connection fails, the node makes a new one.
                let _ = pass(client, server, &lines);
            }
        });
        Ok(Self { port, line })
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Closes all connections, and drops new ones.
    pub(crate) fn cut(&self) {
        let mut line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        line.cut = true;
        for stream in line.streams.drain(..) {
            let _gone_already = stream.shutdown(Shutdown::Both);
        }
    }

    pub(crate) fn mend(&self) {
        self.line.lock().unwrap_or_else(PoisonError::into_inner).cut = false;
    }
}

fn pass(client: TcpStream, server: u16, line: &Mutex<Line>) -> io::Result<()> {
    let mut line = line.lock().unwrap_or_else(PoisonError::into_inner);
    if line.cut {
        return Ok(());
    }
    let server = TcpStream::connect(("127.0.0.1", server))?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    line.streams.extend([client.try_clone()?, server.try_clone()?]);
    copy(client.try_clone()?, server.try_clone()?);
    copy(server, client);
    Ok(())
}

fn copy(mut from: TcpStream, mut to: TcpStream) {
    thread::spawn(move || {
        let _broken = io::copy(&mut from, &mut to);
        let _gone_already = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
    });
}
