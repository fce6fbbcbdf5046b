//! Records metrics, and serves them.

use std::time::Duration;

use axum::{Router, extract::State, http::header::CONTENT_TYPE, response::IntoResponse, routing::get};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use portcullis::observe;

use crate::Result;

/// From a tenth of a second to a working day.
const LIVES: [f64; 10] = [0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 600.0, 3600.0, 28_800.0];
/// From a tenth of a millisecond, on the same machine, to a very slow network.
const ROUND_TRIPS: [f64; 10] = [0.0001, 0.0003, 0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 2.5];

/// Installs the recorder of this process, and describes the metrics.
pub(crate) fn install() -> Result<PrometheusHandle> {
    let handle = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Full("portcullis_connection_duration_seconds".into()), &LIVES)?
        .set_buckets_for_metric(Matcher::Full("portcullis_round_trip_seconds".into()), &ROUND_TRIPS)?
        .install_recorder()?;
    observe::describe();
    tokio::spawn(upkeep(handle.clone()));
    Ok(handle)
}

/// Merges the samples of distributions, which are buffered until then.
async fn upkeep(handle: PrometheusHandle) {
    loop {
        tokio::time::sleep(Duration::from_secs(5)).await;
        handle.run_upkeep();
    }
}

pub(crate) fn routes(handle: PrometheusHandle) -> Router {
    Router::new().route("/metrics", get(render)).with_state(handle)
}

async fn render(State(handle): State<PrometheusHandle>) -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/plain; version=0.0.4")], handle.render())
}
