//! The metrics of the guide and of the dashboard are those that are recorded.

use std::collections::BTreeSet;

use portcullis_core::observe::{Kind, METRICS};
use serde_json::Value;

use super::source::{files, quoted, read, rows};

/// Those of `portcullis-redis`, with their labels.
const CLUSTER: [(&str, &[&str]); 4] = [
    ("portcullis_cluster_ready", &[]),
    ("portcullis_cluster_stale", &[]),
    ("portcullis_cluster_events_total", &["event"]),
    ("portcullis_cluster_purchases_total", &["outcome"]),
];

#[test]
fn the_guide_lists_every_metric_with_its_labels() {
    let guide = read("crates/portcullis/docs/guide/observing.md");
    let listed: Vec<_> = rows(&guide).into_iter().filter(|cells| cells[0].starts_with("`portcullis_")).collect();
    let listed: Vec<_> =
        listed.iter().map(|cells| (quoted(&cells[0])[0], cells[1].clone(), quoted(&cells[2]))).collect();
    let recorded: Vec<_> = METRICS
        .iter()
        .map(|metric| {
            let kind = format!("{:?}", metric.kind).to_lowercase();
            (metric.name, kind, metric.labels.iter().map(|label| label.name).collect())
        })
        .collect();
    assert_eq!(listed, recorded);
}

/// The metrics of an expression.
fn metrics(expression: &str) -> impl Iterator<Item = &str> {
    let words = expression.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("portcullis_"))
}

/// The labels by which an expression aggregates or filters.
fn labels(expression: &str) -> Vec<&str> {
    let by = expression.split("by (").skip(1).map(|rest| rest.split(')').next().unwrap());
    let chosen = expression.split('{').skip(1).map(|rest| rest.split(['!', '=']).next().unwrap());
    by.flat_map(|labels| labels.split(", ")).chain(chosen).filter(|label| *label != "le").collect()
}

/// Checks a Prometheus expression, and returns the metrics that it reads.
fn check(expression: &str) -> Vec<&'static str> {
    let mut read = Vec::new();
    for word in metrics(expression) {
        let histogram =
            METRICS.iter().find(|metric| metric.kind == Kind::Histogram && word == format!("{}_bucket", metric.name));
        let metric = histogram.or_else(|| METRICS.iter().find(|metric| metric.name == word));
        let known =
            metric.map(|metric| (metric.name, metric.labels.iter().map(|label| label.name).collect::<Vec<_>>()));
        let cluster = CLUSTER.iter().find(|(name, _)| *name == word).map(|(name, labels)| (*name, labels.to_vec()));
        let (name, allowed) = known.or(cluster).unwrap_or_else(|| panic!("{word} is not a metric"));
        for label in labels(expression) {
            assert!(allowed.contains(&label), "{word} has no label {label}");
        }
        read.push(name);
    }
    assert!(!read.is_empty(), "{expression} reads no metric");
    read
}

#[test]
fn the_dashboard_shows_every_metric_by_labels_that_it_has() {
    let dashboard: Value = serde_json::from_str(&read("crates/portcullis/docs/grafana.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels.iter().flat_map(|panel| panel["targets"].as_array().unwrap());
    let shown: BTreeSet<_> = targets.flat_map(|target| check(target["expr"].as_str().unwrap())).collect();
    let recorded = METRICS.iter().map(|metric| metric.name).chain(CLUSTER.map(|(name, _)| name));
    assert_eq!(shown, recorded.collect::<BTreeSet<_>>());
}

#[test]
fn alerts_of_the_guide_read_existing_metrics() {
    let guide = read("crates/portcullis/docs/guide/observing.md");
    let alerts = rows(&guide).into_iter().filter(|cells| cells[1].starts_with('`'));
    let alerts: Vec<_> = alerts.map(|cells| cells[1].trim_matches('`').to_owned()).collect();
    assert!(alerts.len() >= 5, "{alerts:?}");
    for alert in &alerts {
        check(alert);
        for value in alert.split("=\"").skip(1).map(|rest| rest.split('"').next().unwrap()) {
            let values = METRICS.iter().flat_map(|metric| metric.labels).flat_map(|label| label.values);
            assert!(values.into_iter().any(|known| *known == value), "no label has the value {value}");
        }
    }
}

#[test]
fn metrics_of_clusters_are_those_that_are_recorded() {
    let guide = read("crates/portcullis/docs/guide/observing.md");
    let mut recorded = BTreeSet::new();
    for (_, code) in files("crates/redis/src", ".rs") {
        recorded.extend(code.split("!(\"portcullis_").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()));
    }
    let listed = CLUSTER.map(|(name, _)| name.trim_start_matches("portcullis_").to_owned());
    assert_eq!(recorded, listed.into_iter().collect());
    for (name, _) in CLUSTER {
        assert!(guide.contains(&format!("`{name}`")), "the guide does not have {name}");
    }
}
