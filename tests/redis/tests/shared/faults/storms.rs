//! What goes wrong between nodes and Redis, and with Redis itself.

use std::{
    thread,
    time::{Duration, Instant},
};

use redis_tests::{Mode, Proxy, Server};

use super::world::{BEAT, Dice, LEASE, World, lock};

/// What is between some nodes and Redis goes wrong, now and then.
pub(super) fn misbehave(world: &World<'_>, nodes: &[usize]) {
    let mut dice = Dice(41 + nodes[0] as u64);
    while Instant::now() + LEASE * 3 < world.end {
        thread::sleep(dice.millis(300, 1500));
        let node = nodes[usize::try_from(dice.roll(nodes.len() as u64)).unwrap()];
        let proxy = &world.proxies[node];
        let _data_stays = world.data.read().unwrap();
        match dice.roll(13) {
            0..5 => {
                world.fault(|faults| &mut faults.cuts);
                through(proxy, Mode::Cut, dice.millis(1, 700));
            }
            5..9 => {
                world.fault(|faults| &mut faults.holds);
                through(proxy, Mode::Hold, dice.millis(1, 700));
                // What was held back may be cut off then.
                if dice.roll(2) == 0 {
                    through(proxy, Mode::Cut, Duration::from_millis(1));
                }
            }
            9..12 => {
                world.fault(|faults| &mut faults.delays);
                through(proxy, Mode::Delay(dice.millis(20, 300)), dice.millis(300, 1500));
            }
            _ => {
                world.fault(|faults| &mut faults.long_cuts);
                lock(&world.permits).suspect(node);
                through(proxy, Mode::Cut, LEASE + dice.millis(500, 2500));
                // Others may be admitted in its place until it has been heard again.
                thread::sleep(LEASE);
                lock(&world.permits).trust(node);
            }
        }
    }
}

/// Redis stands still, and loses its data. Where all nodes can reach it, it has what they hold before anybody is
/// admitted by it; one that cannot is not waited for.
pub(super) fn lose(world: &World<'_>, server: &mut Server, flush: impl Fn()) {
    let mut dice = Dice(40);
    while Instant::now() + LEASE * 3 < world.end {
        thread::sleep(dice.millis(2000, 6000));
        match dice.roll(4) {
            0..2 => {
                world.fault(|faults| &mut faults.redis_stopped);
                server.stop();
                thread::sleep(Duration::from_millis(700));
                server.resume();
            }
            kind => {
                let _nobody_is_cut_off = world.data.write().unwrap();
                if kind == 2 {
                    world.fault(|faults| &mut faults.redis_emptied);
                    world.losses.lose(|| {
                        server.kill();
                        server.restart();
                    });
                } else {
                    world.fault(|faults| &mut faults.redis_flushed);
                    world.losses.lose(&flush);
                }
                thread::sleep(BEAT * 5);
            }
        }
    }
}

fn through(proxy: &Proxy, mode: Mode, time: Duration) {
    proxy.set(mode);
    thread::sleep(time);
    proxy.set(Mode::Pass);
}
