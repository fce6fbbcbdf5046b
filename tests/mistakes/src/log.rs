//! A log on stderr.

use std::fmt;

use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    Layer, Registry,
    layer::{Context, SubscriberExt},
};

struct Print;

impl<S: Subscriber> Layer<S> for Print {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let level = *event.metadata().level();
        if level <= tracing::Level::WARN {
            event.record(&mut Message(level));
        }
    }
}

struct Message(tracing::Level);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            eprintln!("{} {value:?}", self.0);
        }
    }
}

/// Prints the warnings and errors of this process from now on.
pub(crate) fn print() {
    tracing::subscriber::set_global_default(Registry::default().with(Print)).expect("it is the first of this process");
}
