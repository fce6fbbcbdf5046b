//! A log for assertions.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex},
};

use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
    subscriber::DefaultGuard,
};
use tracing_subscriber::{
    Layer, Registry,
    layer::{Context, SubscriberExt},
    registry::LookupSpan,
};

/// The fields of an event or a span, as text.
#[derive(Debug, Clone, Default)]
pub struct Fields(BTreeMap<&'static str, String>);

impl Fields {
    /// A field; empty if it does not exist.
    pub fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    /// A field that is a number.
    pub fn number(&self, name: &str) -> u64 {
        self.get(name).parse().unwrap()
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }
}

/// An event.
#[derive(Debug, Clone)]
pub struct Line {
    /// Its level.
    pub level: Level,
    /// Its own fields.
    pub fields: Fields,
    /// The spans around it, the innermost first.
    pub spans: Vec<(&'static str, Fields)>,
}

impl Line {
    /// The names of the spans around it, the innermost first.
    pub fn within(&self) -> Vec<&'static str> {
        self.spans.iter().map(|(name, _)| *name).collect()
    }

    /// A field of the connection's span.
    pub fn connection(&self, field: &str) -> &str {
        let (_, fields) = self.spans.iter().find(|(name, _)| *name == "websocket").expect("it is in a connection");
        fields.get(field)
    }
}

/// The events of this thread, from its creation on.
pub struct Log(Arc<Mutex<Vec<Line>>>, #[expect(dead_code, reason = "only its end matters")] DefaultGuard);

impl Log {
    /// Starts to collect the events of this thread.
    #[expect(clippy::new_without_default, reason = "it changes the thread's subscriber")]
    pub fn new() -> Self {
        let lines = Arc::default();
        let subscriber = Registry::default().with(Collect(Arc::clone(&lines)));
        Self(lines, tracing::subscriber::set_default(subscriber))
    }

    /// The events with this message.
    pub fn lines(&self, message: &str) -> Vec<Line> {
        let lines = self.0.lock().unwrap();
        lines.iter().filter(|line| line.fields.get("message") == message).cloned().collect()
    }

    /// The only event with this message.
    pub fn line(&self, message: &str) -> Line {
        let mut lines = self.lines(message);
        assert_eq!(lines.len(), 1, "{message}: {lines:#?}");
        lines.remove(0)
    }
}

struct Collect(Arc<Mutex<Vec<Line>>>);

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Collect {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        context.span(id).unwrap().extensions_mut().insert(fields);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let span = context.span(id).unwrap();
        values.record(span.extensions_mut().get_mut::<Fields>().unwrap());
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let around = context.event_scope(event).into_iter().flatten();
        let spans = around.map(|span| (span.name(), span.extensions().get::<Fields>().cloned().unwrap_or_default()));
        let line = Line { level: *event.metadata().level(), fields, spans: spans.collect() };
        self.0.lock().unwrap().push(line);
    }
}
