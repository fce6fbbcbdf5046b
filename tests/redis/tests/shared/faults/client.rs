//! A node, and who tells it what to do and keeps count of what it answers.

use std::{env, thread};

use redis_tests::Process;

use super::{
    messages, permits, strikes, tickets,
    world::{BEAT, DEADLINE, Dice, LEASE, STALE_AFTER, World},
};

const NODE: &str = env!("CARGO_BIN_EXE_node");

pub(super) struct Client<'a> {
    pub(super) world: &'a World<'a>,
    /// Which node.
    pub(super) node: usize,
    /// Which process, of all that there ever were.
    pub(super) life: usize,
    process: Process,
}

impl<'a> Client<'a> {
    pub(super) fn start(world: &'a World<'a>, node: usize) -> Self {
        let [lease, beat, deadline, stale] =
            [LEASE, BEAT, DEADLINE, STALE_AFTER].map(|time| time.as_millis().to_string());
        let options = [&lease, &beat, "keep", &deadline, &stale, messages::TERMS];
        // Where the program is that was built with this one, if that was moved.
        let program = env::var("NEXTEST_BIN_EXE_node").unwrap_or_else(|_| NODE.to_owned());
        let process = Process::start(&program, &world.proxies[node].url(), &options);
        Self { world, node, life: world.begin(node), process }
    }

    pub(super) fn ask(&mut self, line: &str) -> String {
        self.process.ask(line)
    }

    pub(super) fn act(mut self, dice: &mut Dice) -> Self {
        match dice.roll(10_000) {
            0..4 => return self.kill(),
            4..8 => return self.drain(dice),
            8..16 => self.stand_still(dice),
            16..4500 => permits::take(&mut self, dice),
            4500..6300 => permits::leave(&mut self),
            6300..7100 => tickets::spend(&mut self, dice),
            7100..7800 => strikes::connect(&mut self, dice),
            7800..8100 => strikes::strike(&mut self, dice),
            8100..8700 => strikes::hear_of_ends(&mut self),
            8700..8900 => strikes::judge(&mut self),
            _ => messages::flood(&mut self),
        }
        thread::sleep(dice.millis(0, 4));
        self
    }

    fn kill(self) -> Self {
        let (world, node) = (self.world, self.node);
        world.fault(|faults| &mut faults.kills);
        self.process.kill();
        permits::gone(world, node);
        strikes::gone(world, self.life);
        Self::start(world, node)
    }

    /// Its server stops, in good order. From then on it takes nothing, and when it has left its process ends.
    fn drain(mut self, dice: &mut Dice) -> Self {
        let (world, node) = (self.world, self.node);
        if permits::is_suspect(world, node) {
            return self;
        }
        world.fault(|faults| &mut faults.drains);
        assert_eq!(self.ask("drain"), "yes");
        for _ in 0..3 {
            permits::take_in_vain(&mut self, dice);
            tickets::spend_in_vain(&mut self);
        }
        strikes::hear_of_ends(&mut self);
        // What it had is free from the moment on at which it gives it back.
        permits::gone(world, node);
        assert_eq!(self.ask("depart"), "yes");
        self.process.kill();
        strikes::gone(world, self.life);
        Self::start(world, node)
    }

    fn stand_still(&mut self, dice: &mut Dice) {
        self.world.fault(|faults| &mut faults.stops);
        self.process.stop();
        thread::sleep(dice.millis(0, 400));
        self.process.resume();
    }
}
