//! A recorder that queries a connection.

use std::sync::{Mutex, mpsc::Sender};

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use portcullis_core::Connection;

/// Reads the number of messages whenever something is recorded.
pub struct Asks {
    answers: Sender<u64>,
    connection: Mutex<Option<Connection>>,
}

impl Asks {
    /// A recorder that sends the answers to a channel.
    pub fn new(answers: Sender<u64>) -> Self {
        Self { answers, connection: Mutex::default() }
    }

    /// Queries this connection from here on.
    pub fn begin(&self, connection: Connection) {
        *self.connection.lock().unwrap() = Some(connection);
    }

    fn ask(&self) {
        if let Some(connection) = self.connection.lock().unwrap().as_ref() {
            self.answers.send(connection.counters().messages_in).unwrap();
        }
    }
}

impl Recorder for Asks {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
        self.ask();
        Counter::noop()
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        self.ask();
        Gauge::noop()
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        self.ask();
        Histogram::noop()
    }
}
