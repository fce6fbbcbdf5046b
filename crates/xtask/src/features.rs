//! Builds of single crates with few features. A build of the whole workspace unites features, and so hides a crate that
//! only builds with those of another.

use std::fs;

use crate::step::{Step, root};

/// Crates that have few features, and few dependencies to build again.
const SMALL: [&str; 5] = ["connections", "liveness", "origin", "rate-limit", "redis"];
const LARGE: [&str; 4] = ["core", "close", "console", "jwt"];

/// Examples that did not build by themselves before.
const EXAMPLES: [&str; 4] = ["mtls", "oidc", "proxy-protocol", "session-cookie"];

/// Small crates with each set of up to two features, larger ones with those sets that were broken before, and the same
/// of examples.
pub(crate) fn usual() -> Vec<Step> {
    let sets = SMALL.into_iter().flat_map(|folder| sets(folder, 2));
    sets.chain([
        Step::cargo("core without features", "check -p portcullis-core"),
        Step::cargo("core that counts", "check -p portcullis-core --features guard,metrics"),
        Step::cargo("core for tests of applications", "check -p portcullis-core --features test-util"),
        Step::cargo("core that logs", "check -p portcullis-core --features guard,tracing"),
        Step::cargo("console without features", "check -p portcullis-console"),
        Step::cargo("core with an observer", "check -p portcullis-core --features observer"),
        Step::cargo("close with messages alone", "check -p portcullis-close --features json"),
        Step::cargo("jwt without features", "check -p portcullis-jwt"),
    ])
    .chain(EXAMPLES.into_iter().map(example))
    .collect()
}

/// The larger crates with each set of up to two features, the facade with each feature, and each example by itself.
pub(crate) fn all() -> Vec<Step> {
    let sets = LARGE.into_iter().flat_map(|folder| sets(folder, 2)).chain(sets("portcullis", 1));
    let folders = fs::read_dir(root().join("examples")).into_iter().flatten().flatten();
    let manifests = folders.filter_map(|folder| fs::read_to_string(folder.path().join("Cargo.toml")).ok());
    sets.chain(manifests.filter_map(|manifest| name(&manifest).map(example))).collect()
}

/// An example as its README runs it, without the features of the others.
fn example(name: &str) -> Step {
    Step::cargo(format!("the example {name} by itself"), "check --quiet -p").arg(name.to_owned())
}

fn name(manifest: &str) -> Option<&str> {
    manifest.lines().find_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'))
}

fn sets(folder: &'static str, depth: usize) -> Vec<Step> {
    let manifest = root().join("crates").join(folder).join("Cargo.toml");
    let features = features(&fs::read_to_string(manifest).unwrap_or_default());
    let mut sets = vec![String::new()];
    sets.extend(features.iter().cloned());
    if depth == 2 {
        for (index, first) in features.iter().enumerate() {
            sets.extend(features[index + 1..].iter().map(|second| format!("{first},{second}")));
        }
    }
    let package = if folder == "portcullis" { folder.to_owned() } else { format!("portcullis-{folder}") };
    let step = |set: String| {
        let name = if set.is_empty() { format!("{folder} without features") } else { format!("{folder} with {set}") };
        Step::cargo(name, &format!("check --quiet -p {package} --no-default-features --features")).arg(set)
    };
    sets.into_iter().map(step).collect()
}

/// The names in a manifest's table of features, but for `default`.
fn features(manifest: &str) -> Vec<String> {
    let lines = manifest.lines().skip_while(|line| *line != "[features]").skip(1);
    let table = lines.take_while(|line| !line.starts_with('['));
    let names = table.filter(|line| line.starts_with(char::is_alphabetic)).filter_map(|line| line.split_once(" = "));
    names.map(|(name, _)| name.to_owned()).filter(|name| name != "default").collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_are_read_from_a_manifest() {
        let manifest = "[package]\nname = \"a\"\n\n[features]\ndefault = []\n# One.\none = [\"dep:b\"]\n\
                        two-three = [\n    \"one\",\n]\n\n[dependencies]\nhttp = \"1\"\n";
        assert_eq!(features(manifest), ["one", "two-three"]);
        assert_eq!(name("[package]\nname = \"a-b\"\n"), Some("a-b"));
    }

    #[test]
    fn every_pair_of_features_is_built() {
        let steps: Vec<_> = sets("origin", 2).iter().map(|step| step.name().to_owned()).collect();
        assert!(steps.contains(&"origin without features".to_owned()), "{steps:?}");
        assert!(steps.contains(&"origin with tracing,metrics".to_owned()), "{steps:?}");
    }
}
