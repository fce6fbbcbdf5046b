//! A node that can be killed.

use std::{
    io::{BufRead, BufReader, Lines, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use crate::server::signal;

/// A node in a process of its own. It does what it is told, and answers each line with one.
pub struct Process {
    child: Child,
    to: ChildStdin,
    from: Lines<BufReader<ChildStdout>>,
}

impl Process {
    /// Starts `program`, the package's own `node`, and waits until limits count for all nodes.
    pub fn start(program: &str, url: &str, options: &[&str]) -> Self {
        let mut child =
            Command::new(program).arg(url).args(options).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (to, from) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let mut process = Self { child, to, from: BufReader::new(from).lines() };
        assert_eq!(process.answer(), "ready");
        process
    }

    /// Tells the node something, and waits for its answer.
    pub fn ask(&mut self, line: &str) -> String {
        self.say(line);
        self.answer()
    }

    /// Tells the node something.
    pub fn say(&mut self, line: &str) {
        writeln!(self.to, "{line}").unwrap();
    }

    /// The next answer.
    pub fn answer(&mut self) -> String {
        self.from.next().expect("the node has ended").unwrap()
    }

    /// Takes a permit of a key, at most `most` of which there may be.
    pub fn take(&mut self, key: &str, most: usize) -> bool {
        self.ask(&format!("take {key} {most}")) == "yes"
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// How many connections the node has.
    pub fn live(&mut self) -> usize {
        self.ask("live").parse().unwrap()
    }

    /// Kills the node, which has no time for anything.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Stops the process: it holds what it has, and does nothing.
    pub fn stop(&self) {
        signal(self.child.id(), "STOP");
    }

    /// Lets it go on.
    pub fn resume(&self) {
        signal(self.child.id(), "CONT");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _gone_already = self.child.kill();
        let _ = self.child.wait();
    }
}
