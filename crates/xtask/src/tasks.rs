//! What each task runs: its steps, and why they are more than one call of cargo.

use std::env;
use std::ffi::OsString;
use std::path::Path;
use std::process::Stdio;

use crate::step::{Step, cargo, root};

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
    if chromium && redis {
        return Vec::new();
    }
    let mut steps = vec![apt(
        "the list of packages",
        "update",
        "tests/browser and tests/redis need packages of Debian: install chromium, chromium-driver and redis-server as root",
    )];
    if !chromium {
        steps.push(apt(
            "Chromium and its driver",
            "-o DPkg::Lock::Timeout=300 install -y --no-install-recommends chromium chromium-driver",
            "tests/browser needs Debian's packages chromium and chromium-driver: install them as root",
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
pub(crate) fn ci() -> Vec<Step> {
    let mut steps = vec![
        Step::cargo("formatting", "fmt --all --check"),
        Step::cargo("lints", "clippy --workspace --all-targets --all-features -- -D warnings"),
        // No package has a target of the kind `--examples`. Where one may be selected, cargo unites features as for all
        // targets, and takes the dependencies that the lints have checked.
        Step::cargo("documentation", "doc --workspace --no-deps --all-features --lib --bins --examples")
            .env("RUSTDOCFLAGS", "-Dwarnings"),
    ];
    steps.extend(without_features());
    steps.extend(fuzz_targets());
    steps
}

/// What takes minutes, because it builds the dependencies with other flags.
pub(crate) fn long() -> Vec<Step> {
    let loom = Path::new(&target_dir()).join("loom");
    vec![
        Step::cargo("interleavings of permits", "test -p portcullis-connections --lib interleavings")
            .env("RUSTFLAGS", "--cfg portcullis_loom")
            .env("CARGO_TARGET_DIR", loom),
    ]
}

/// A build of the whole workspace unifies features, and so hides a crate that only builds with those of another.
fn without_features() -> impl Iterator<Item = Step> {
    [
        ("crates/core", Step::cargo("core without features", "check -p portcullis-core")),
        ("crates/core", Step::cargo("core that counts", "check -p portcullis-core --features guard,metrics")),
        ("crates/core", Step::cargo("core for tests of applications", "check -p portcullis-core --features test-util")),
        ("crates/core", Step::cargo("core that logs", "check -p portcullis-core --features guard,tracing")),
        ("crates/close", Step::cargo("close with messages alone", "check -p portcullis-close --features json")),
        ("crates/liveness", Step::cargo("liveness without features", "check -p portcullis-liveness")),
        ("crates/rate-limit", Step::cargo("rate limit without features", "check -p portcullis-rate-limit")),
        ("crates/origin", Step::cargo("origin without features", "check -p portcullis-origin")),
        ("crates/jwt", Step::cargo("jwt without features", "check -p portcullis-jwt")),
        ("crates/redis", Step::cargo("redis without features", "check -p portcullis-redis")),
    ]
    .into_iter()
    .filter(|(folder, _)| root().join(folder).join("Cargo.toml").is_file())
    .map(|(_, step)| step)
}

/// The fuzz targets are outside the workspace: type-checked here so that they do not rot.
fn fuzz_targets() -> Option<Step> {
    let check = Step::cargo("fuzz targets", "check --manifest-path fuzz/Cargo.toml");
    let exist = root().join("fuzz/Cargo.toml").is_file();
    exist.then(|| check.env("CARGO_TARGET_DIR", target_dir()))
}

fn target_dir() -> OsString {
    env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| root().join("target").into())
}

fn nextest_is_installed() -> bool {
    cargo()
        .args(["nextest", "--version"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}
