//! Prints the results, and decides whether they are as expected.

use std::time::Duration;

use crate::{
    CLIENTS, MESSAGES,
    child::Report,
    client::{Observations, PerServer},
};

/// The close code that clients of the first server should receive.
const RESTARTS: u16 = 1012;

/// Prints the table. Returns whether no message was lost, none was recorded twice, and every client received 1012.
pub(crate) fn print(observations: &[Observations], reports: &[Report; 2]) -> bool {
    let sum = |of: fn(&PerServer) -> u32| {
        [0, 1].map(|at| observations.iter().map(|observed| of(&observed.servers[at])).sum())
    };
    let closes = |wanted: fn(u16) -> bool| {
        [0, 1].map(|at| {
            let codes = observations.iter().flat_map(|observed| &observed.servers[at].closes);
            codes.filter(|(code, _)| wanted(**code)).map(|(_, count)| count).sum()
        })
    };
    println!("\n{:<34} {:>10} {:>10}", "", "first", "second");
    row("clients that connected", sum(|server| server.connected));
    row("closed with 1012", closes(|code| code == RESTARTS));
    let other: [u32; 2] = closes(|code| code != RESTARTS);
    row("closed with anything else", other);
    row("handshakes refused with 503", sum(|server| server.refused));
    row("handshakes unanswered", sum(|server| server.unanswered));
    row("messages recorded", reports.each_ref().map(|report| report.recorded));
    println!();
    for (name, report) in ["first", "second"].iter().zip(reports) {
        println!("the {name} server drained: {}", report.drained);
    }
    verdict(observations, reports) && other == [0, 0]
}

fn row(name: &str, [first, second]: [u32; 2]) {
    println!("{name:<34} {first:>10} {second:>10}");
}

fn verdict(observations: &[Observations], reports: &[Report; 2]) -> bool {
    let sent = u32::try_from(CLIENTS).unwrap_or(u32::MAX) * MESSAGES;
    let acknowledged: u32 = observations.iter().map(|observed| observed.acknowledged).sum();
    let recorded: u32 = reports.iter().map(|report| report.recorded).sum();
    let stray: u32 = observations.iter().map(|observed| observed.stray).sum();
    let waited = observations.iter().map(|observed| observed.waited).max().unwrap_or(Duration::ZERO);
    println!("the longest wait for an acknowledgement: {} ms", waited.as_millis());
    println!(
        "{sent} messages: {acknowledged} acknowledged, {} lost, {} recorded twice, {stray} stray acknowledgements",
        sent - acknowledged,
        recorded.saturating_sub(acknowledged)
    );
    acknowledged == sent && recorded == sent && stray == 0
}
