//! Instructions, counted by valgrind.

use std::{
    io,
    process::{Command, Output},
};

use crate::{
    plan::Plan,
    shape::{self, Shape},
    side::Side,
};

/// Instructions per message, server and client together. `None` where valgrind is not installed.
pub(crate) fn per_message(plan: &Plan, side: Side, shape: Shape) -> io::Result<Option<f64>> {
    let Some(once) = instructions(side, shape, plan.exact)? else {
        return Ok(None);
    };
    let Some(twice) = instructions(side, shape, 2 * plan.exact)? else {
        return Ok(None);
    };
    shape::each(once, twice, plan.exact).map(Some)
}

fn instructions(side: Side, shape: Shape, messages: u64) -> io::Result<Option<u64>> {
    match valgrind(side, shape, messages) {
        Ok(output) if !output.status.success() => Err(io::Error::other(log(&output))),
        Ok(output) => collected(&log(&output)).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn valgrind(side: Side, shape: Shape, messages: u64) -> io::Result<Output> {
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
    command.arg(std::env::current_exe()?);
    command.args(["echo", side.name(), shape.path()]).arg(messages.to_string()).output()
}

fn log(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn collected(log: &str) -> io::Result<u64> {
    let count = log.lines().find_map(|line| line.split_once("Collected : "));
    let count = count.and_then(|(_, count)| count.trim().parse().ok());
    count.ok_or_else(|| io::Error::other(format!("callgrind counted nothing: {log}")))
}
