//! What is printed, and whether all is well.

use std::time::Duration;

use crate::{
    CLIENTS, MESSAGES,
    child::Report,
    client::{Chapter, Story},
};

/// What clients of a server that goes away should read.
const RESTARTS: u16 = 1012;

/// Prints the table, and says whether nothing was lost, nothing was done twice, and everybody was told why.
pub(crate) fn print(stories: &[Story], reports: &[Report; 2]) -> bool {
    let sum = |of: fn(&Chapter) -> u32| [0, 1].map(|at| stories.iter().map(|story| of(&story.chapters[at])).sum());
    let closes = |wanted: fn(u16) -> bool| {
        [0, 1].map(|at| {
            let codes = stories.iter().flat_map(|story| &story.chapters[at].closes);
            codes.filter(|(code, _)| wanted(**code)).map(|(_, count)| count).sum()
        })
    };
    println!("\n{:<34} {:>10} {:>10}", "", "first", "second");
    row("clients that connected", sum(|chapter| chapter.connected));
    row("closed with 1012", closes(|code| code == RESTARTS));
    let other: [u32; 2] = closes(|code| code != RESTARTS);
    row("closed with anything else", other);
    row("handshakes refused with 503", sum(|chapter| chapter.refused));
    row("handshakes unanswered", sum(|chapter| chapter.unanswered));
    row("messages booked", reports.each_ref().map(|report| report.booked));
    println!();
    for (name, report) in ["first", "second"].iter().zip(reports) {
        println!("the {name} server drained: {}", report.drained);
    }
    verdict(stories, reports) && other == [0, 0]
}

fn row(name: &str, [first, second]: [u32; 2]) {
    println!("{name:<34} {first:>10} {second:>10}");
}

fn verdict(stories: &[Story], reports: &[Report; 2]) -> bool {
    let sent = u32::try_from(CLIENTS).unwrap_or(u32::MAX) * MESSAGES;
    let acknowledged: u32 = stories.iter().map(|story| story.acknowledged).sum();
    let booked: u32 = reports.iter().map(|report| report.booked).sum();
    let stray: u32 = stories.iter().map(|story| story.stray).sum();
    let waited = stories.iter().map(|story| story.waited).max().unwrap_or(Duration::ZERO);
    println!("the longest wait for an acknowledgement: {} ms", waited.as_millis());
    println!(
        "{sent} messages: {acknowledged} acknowledged, {} lost, {} booked twice, {stray} stray acknowledgements",
        sent - acknowledged,
        booked.saturating_sub(acknowledged)
    );
    acknowledged == sent && booked == sent && stray == 0
}
