//! Installs what the servers in other languages need, below the target folder.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{Result, nginx};

/// Where the servers' own files are.
pub(crate) fn servers() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("servers")
}

/// Installs what is missing, and returns the folder that it is in.
pub(crate) fn all() -> Result<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).ok_or("this package lies in tests/peers")?;
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |folder| root.join(folder));
    let folder = target.join("peers");
    fs::create_dir_all(folder.join("node"))?;
    if !folder.join("venv/bin/uvicorn").is_file() {
        run(Command::new("python3").args(["-m", "venv"]).arg(folder.join("venv")))?;
        let requirements = servers().join("requirements.txt");
        run(Command::new(folder.join("venv/bin/pip")).args(["install", "--quiet", "-r"]).arg(requirements))?;
    }
    if !folder.join("node/node_modules/socket.io").is_dir() {
        fs::copy(servers().join("package.json"), folder.join("node/package.json"))?;
        run(Command::new("npm").args(["install", "--no-fund", "--no-audit"]).current_dir(folder.join("node")))?;
    }
    if nginx::program(&folder.join("nginx")).is_none() {
        unpack(&folder.join("nginx"))?;
    }
    let governor = root.join("tests/peers/governor/Cargo.toml");
    let mut build = Command::new("cargo");
    build.args(["build", "--quiet", "--release", "--manifest-path"]).arg(governor);
    run(build.env("CARGO_TARGET_DIR", folder.join("governor")))?;
    Ok(folder)
}

/// Unpacks Debian's nginx, which needs no installation and no root.
fn unpack(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder)?;
    run(Command::new("apt-get").args(["download", "-qq", "nginx"]).current_dir(folder))?;
    let files = fs::read_dir(folder)?.map_while(std::result::Result::ok).map(|entry| entry.path());
    let package = files.filter(|file| file.extension().is_some_and(|end| end == "deb")).max();
    let package = package.ok_or("apt-get downloaded no nginx")?;
    run(Command::new("dpkg").arg("-x").arg(package).arg(folder))
}

fn run(command: &mut Command) -> Result<()> {
    let status = command.status().map_err(|error| format!("{command:?}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{command:?} ended with {status}").into()) }
}
