//! Tickets: each is good once over all nodes.

use std::{collections::BTreeMap, fmt, time::Instant};

use super::{
    client::Client,
    world::{Dice, lock},
};

/// Those that are tried again at once, and those that are tried again later.
const NEW: u64 = 8;
const OLD: u64 = 1000;

#[derive(Default)]
pub(super) struct Tickets {
    next: u64,
    /// When those that were used were asked for.
    used: BTreeMap<u64, Instant>,
    pub(super) seen: Seen,
}

#[derive(Default)]
pub(super) struct Seen {
    pub(super) used: usize,
    pub(super) refused: usize,
    away: usize,
    /// Used once more after the store had lost its data.
    again: usize,
    twice: usize,
}

impl Tickets {
    fn pick(&mut self, dice: &mut Dice) -> u64 {
        let back = match dice.roll(8) {
            0..2 => {
                self.next += 1;
                1
            }
            2..7 => 1 + dice.roll(NEW),
            _ => 1 + dice.roll(OLD),
        };
        let old = self.next.saturating_sub(OLD);
        self.used = self.used.split_off(&old);
        self.next.saturating_sub(back)
    }
}

pub(super) fn spend(client: &mut Client<'_>, dice: &mut Dice) {
    let ticket = lock(&client.world.tickets).pick(dice);
    let asked = Instant::now();
    let answer = client.ask(&format!("spend t.{ticket}"));
    let mut tickets = lock(&client.world.tickets);
    match answer.as_str() {
        "yes" => {
            tickets.seen.used += 1;
            if let Some(before) = tickets.used.insert(ticket, asked) {
                if client.world.losses.since(before) {
                    tickets.seen.again += 1;
                } else {
                    tickets.seen.twice += 1;
                    drop(tickets);
                    client.world.wrong(format!("ticket {ticket} was used twice, and no data was lost"));
                }
            }
        }
        "token_used" => tickets.seen.refused += 1,
        "limits_unavailable" => tickets.seen.away += 1,
        other => client.world.wrong(format!("ticket {ticket}: {other}")),
    }
}

/// A node that drains takes none.
pub(super) fn spend_in_vain(client: &mut Client<'_>) {
    let ticket = lock(&client.world.tickets).next;
    let answer = client.ask(&format!("spend drains.{}.{ticket}", client.life));
    if answer != "limits_unavailable" {
        client.world.wrong(format!("a node that drains was asked to use a ticket, and said {answer}"));
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { used, refused, away, again, twice } = self;
        writeln!(f, "tickets: {used} used, {refused} refused as used, {away} away; {twice} used twice,")?;
        writeln!(f, "  and {again} once more after the store had lost its data")
    }
}
