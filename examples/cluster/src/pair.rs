//! A pair of nodes, each a process.

use std::{
    env,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use crate::{Result, client::Client, proxy::Proxy, redis::Redis};

/// Two nodes behind an imaginary load balancer.
pub(crate) struct Pair {
    nodes: [Node; 2],
    /// The URL of Redis for each node; the second one goes through a proxy.
    urls: [Option<String>; 2],
    proxy: Option<Proxy>,
}

struct Node {
    child: Child,
    port: u16,
}

impl Pair {
    /// Starts two nodes, which share limits if there is a Redis.
    pub(crate) fn start(redis: Option<&Redis>) -> Result<Self> {
        let proxy = redis.map(|redis| Proxy::to(redis.port())).transpose()?;
        let urls = [redis.map(Redis::url), proxy.as_ref().map(Proxy::url)];
        let nodes = [Node::start(urls[0].as_deref())?, Node::start(urls[1].as_deref())?];
        let pair = Self { nodes, urls, proxy };
        pair.wait_until_ready()?;
        Ok(pair)
    }

    /// Whether the two share limits.
    pub(crate) fn shares(&self) -> bool {
        self.proxy.is_some()
    }

    /// Connects a user to one of the two.
    pub(crate) fn connect(&self, node: usize, path: &str, user: &str) -> Result<Option<Client>> {
        Client::connect(self.nodes[node].port, path, user)
    }

    /// Has a node do something, and returns the body of the response.
    pub(crate) fn post(&self, node: usize, path: &str, json: &str) -> Result<String> {
        Client::post(self.nodes[node].port, path, json)
    }

    /// Cuts the second node off from Redis.
    pub(crate) fn cut(&self) {
        self.proxy.iter().for_each(Proxy::cut);
    }

    pub(crate) fn mend(&self) {
        self.proxy.iter().for_each(Proxy::mend);
    }

    /// Kills a node without notice.
    pub(crate) fn kill(&mut self, node: usize) -> Result<()> {
        let child = &mut self.nodes[node].child;
        child.kill()?;
        child.wait()?;
        Ok(())
    }

    /// Starts a new node in place of a killed one.
    pub(crate) fn replace(&mut self, node: usize) -> Result<()> {
        self.nodes[node] = Node::start(self.urls[node].as_deref())?;
        self.wait_until_ready()
    }

    /// Waits until limits are shared.
    pub(crate) fn wait_until_ready(&self) -> Result<()> {
        for node in &self.nodes {
            while Client::get(node.port, "/ready")? != "true" {
                std::thread::yield_now();
            }
        }
        Ok(())
    }

    /// Waits until both nodes consider Redis away.
    pub(crate) fn wait_until_away(&self) -> Result<()> {
        for node in &self.nodes {
            while self.shares() && Client::get(node.port, "/ready")? == "true" {
                std::thread::yield_now();
            }
        }
        Ok(())
    }
}

impl Node {
    fn start(redis: Option<&str>) -> Result<Self> {
        let mut command = Command::new(env::current_exe()?);
        command.arg("node").args(redis).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let mut port = String::new();
        BufReader::new(child.stdout.take().ok_or("a node has no output")?).read_line(&mut port)?;
        let port = port.trim().parse().map_err(|_| "a node ended instead of listening")?;
        Ok(Self { child, port })
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _gone_already = self.child.kill();
        let _ = self.child.wait();
    }
}
