//! What each task runs: its steps, and why they are more than one call of cargo.

use std::env;
use std::path::Path;
use std::process::Command;

use crate::step::{Step, root, succeeds, target_dir};
use crate::{api, features, fuzz, package, prose};

/// Every test there is. nextest does not run documentation examples, so these are a step of their own.
pub(crate) fn test() -> Vec<Step> {
    let tests = if nextest_is_installed() {
        "nextest run --workspace --all-features"
    } else {
        "test --workspace --all-features --tests"
    };
    let examples = Step::cargo("documentation examples", "test --workspace --all-features --doc");
    let mut steps = debian();
    steps.extend([Step::cargo("tests", tests), examples]);
    steps.extend(providers());
    steps.extend(mistakes());
    steps
}

/// Debian's packages that tests need, where they are missing.
fn debian() -> Vec<Step> {
    let chromium = ["/usr/bin/chromium", "/usr/bin/chromedriver"].iter().all(|program| Path::new(program).is_file());
    // Another server may be named, such as Valkey's.
    let redis = env::var_os("PORTCULLIS_REDIS_BIN").is_some() || Path::new("/usr/bin/redis-server").is_file();
    let proxies = ["/usr/sbin/nginx", "/usr/sbin/haproxy"].iter().all(|program| Path::new(program).is_file());
    if chromium && redis && proxies {
        return Vec::new();
    }
    let mut steps = vec![apt(
        "the list of packages",
        "update",
        "tests/browser, tests/proxies and tests/redis need packages of Debian: install chromium, chromium-driver, \
         haproxy, nginx and redis-server as root",
    )];
    if !chromium {
        steps.push(apt(
            "Chromium and its driver",
            "-o DPkg::Lock::Timeout=300 install -y --no-install-recommends chromium chromium-driver",
            "tests/browser needs Debian's packages chromium and chromium-driver: install them as root",
        ));
    }
    if !proxies {
        steps.push(apt(
            "nginx and HAProxy",
            "-o DPkg::Lock::Timeout=300 install -y --no-install-recommends haproxy nginx",
            "tests/proxies needs Debian's packages haproxy and nginx: install them as root",
        ));
    }
    if !redis {
        steps.push(apt(
            "Redis",
            "-o DPkg::Lock::Timeout=300 install -y --no-install-recommends redis-server",
            "tests/redis needs Debian's package redis-server: install it as root, or name a server in PORTCULLIS_REDIS_BIN",
        ));
    }
    steps
}

fn apt(name: &'static str, line: &'static str, remedy: &'static str) -> Step {
    Step::program(name, "apt-get", line).env("DEBIAN_FRONTEND", "noninteractive").remedy(remedy)
}

/// The tests have every provider. With the whole workspace selected here as well, only jsonwebtoken, portcullis-jwt and
/// what differs with them are built again.
fn providers() -> [Step; 4] {
    [
        // Without the tests of portcullis-jwt, which need a provider whatever its own features are.
        Step::cargo(
            "no provider of signatures",
            "test -q --workspace --exclude portcullis-jwt --no-default-features --test providers",
        ),
        // Both print what they say of the same keys and tokens.
        Step::cargo(
            "one provider of signatures",
            "test -q --workspace --features ours_rust --test providers -- --nocapture",
        ),
        Step::cargo(
            "the other provider of signatures",
            "test -q --workspace --exclude portcullis-jwt --no-default-features --features ours_aws --test providers -- \
             --nocapture",
        ),
        Step::cargo(
            "a provider that others named",
            "test -q --workspace --no-default-features --features theirs_rust --test providers",
        ),
    ]
}

/// What is seen of mistakes by those who have switched features off. The tests have them on.
fn mistakes() -> [Step; 3] {
    [
        Step::cargo("mistakes without features", "test -q -p mistakes"),
        Step::cargo("mistakes with axum alone", "test -q -p mistakes --features axum"),
        Step::cargo("mistakes with a log alone", "test -q -p mistakes --features tracing"),
    ]
}

/// Everything besides the tests that must hold before a change is merged.
pub(crate) fn ci() -> Result<Vec<Step>, String> {
    let mut steps = vec![Step::cargo("formatting", "fmt --all --check"), prose::width()];
    steps.extend(prose::spelling());
    steps.extend([
        Step::cargo("lints", "clippy --workspace --all-targets --all-features -- -D warnings"),
        documentation(),
    ]);
    steps.extend(api::external_crates()?);
    steps.extend(features::usual());
    steps.push(fuzz_targets());
    steps.push(gates());
    Ok(steps)
}

/// What takes many minutes: it builds dependencies anew, or needs tools that not every machine has.
pub(crate) fn long() -> Result<Vec<Step>, String> {
    let mut steps = vec![
        Step::cargo("interleavings of permits", "test -p portcullis-connections --lib interleavings")
            .env("RUSTFLAGS", "--cfg portcullis_loom")
            .env("CARGO_TARGET_DIR", target_dir().join("loom")),
    ];
    // With the whole workspace selected, what the tests were built with serves here as well.
    steps.push(
        Step::cargo(
            "several nodes, for longer",
            "test --workspace --all-features --test shared -- --include-ignored --nocapture faults:: scale::",
        )
        .env("PORTCULLIS_FAULTS_SECONDS", "600"),
    );
    steps.extend(package::steps()?);
    steps.extend(package::minimal()?);
    steps.extend(features::all());
    steps.extend(fuzz::run(60));
    steps.push(msrv());
    steps.push(docs_rs());
    steps.push(deny("licences, sources and bans", "deny check licenses bans sources"));
    steps.extend(semver()?);
    Ok(steps)
}

fn documentation() -> Step {
    // No package has a target of the kind `--examples`. Where one may be selected, cargo unites features as for all
    // targets, and takes the dependencies that the lints have checked.
    Step::cargo("documentation", "doc --workspace --no-deps --all-features --lib --bins --examples")
        .env("RUSTDOCFLAGS", "-Dwarnings")
}

/// The documentation as docs.rs builds it, with a banner on what needs a feature.
pub(crate) fn docs_rs() -> Step {
    Step::program(
        "documentation as docs.rs builds it",
        "rustup",
        "run nightly cargo doc --workspace --no-deps --all-features --lib",
    )
    .env("RUSTDOCFLAGS", "--cfg docsrs -Dwarnings")
    .env("CARGO_TARGET_DIR", target_dir().join("docs-rs"))
    .requires(|| succeeds("rustup", &["run", "nightly", "rustc", "--version"]), "a nightly toolchain")
}

/// The crates that are published, with the features that the oldest compiler has dependencies for.
pub(crate) fn msrv() -> Step {
    let line = "run 1.88 cargo check --locked -p portcullis -p portcullis-redis --features \
                portcullis/axum,portcullis/axum-ws,portcullis/close,portcullis/connections,portcullis/derive,\
                portcullis/jwks,portcullis/json,portcullis/jwt,portcullis/liveness,portcullis/metrics,\
                portcullis/origin,portcullis/rate-limit,portcullis/rust_crypto,portcullis/tracing,\
                portcullis-redis/tls";
    Step::program("the oldest compiler", "rustup", line)
        .env("CARGO_TARGET_DIR", target_dir().join("msrv"))
        .requires(|| succeeds("rustup", &["run", "1.88", "rustc", "--version"]), "toolchain 1.88")
}

/// `deny.toml` says what is checked.
pub(crate) fn deny(name: &str, line: &str) -> Step {
    Step::cargo(name, line).requires(|| succeeds("cargo", &["deny", "--version"]), "cargo-deny")
}

/// Whether the API is compatible with that of the last release.
pub(crate) fn semver() -> Result<Vec<Step>, String> {
    let tags = Command::new("git").args(["tag", "--list", "v*"]).current_dir(root()).output();
    let tags = tags.map_err(|error| format!("git could not be started: {error}"))?;
    if tags.stdout.is_empty() {
        let nothing = Step::check("compatible versions", "nothing: there is no release to compare with", || Ok(()));
        return Ok(vec![nothing]);
    }
    let packages = package::published()?.join(" -p ");
    let step = Step::cargo("compatible versions", &format!("semver-checks --all-features -p {packages}"));
    Ok(vec![step.requires(|| succeeds("cargo", &["semver-checks", "--version"]), "cargo-semver-checks")])
}

/// What tutorials' servers let through beside ours, or cost. It installs packages for Python and Node.
pub(crate) fn peers(more: &[&str]) -> Step {
    let step = Step::cargo("tutorials' servers", "run --release -p peers --");
    let step = more.iter().fold(step, |step, word| step.arg(*word));
    step.requires(|| succeeds("python3", &["-m", "venv", "-h"]) && succeeds("npm", &["--version"]), "python3 and npm")
}

/// The fuzz targets are outside the workspace: type-checked here so that they do not rot.
fn fuzz_targets() -> Step {
    Step::cargo("fuzz targets", "check --manifest-path fuzz/Cargo.toml").env("CARGO_TARGET_DIR", target_dir())
}

/// What can be counted exactly of the costs, against its bounds. Without valgrind those of instructions are left out.
fn gates() -> Step {
    Step::cargo("gates of what is counted exactly", "run --release -q -p bench -- gates")
}

fn nextest_is_installed() -> bool {
    succeeds("cargo", &["nextest", "--version"])
}
