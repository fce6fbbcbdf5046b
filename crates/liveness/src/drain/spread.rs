//! When each of many connections is closed, so that their clients do not all come back at once.
//!
//! Clients that are closed together reconnect together, and the servers that are left receive all handshakes of a
//! minute in one second. Each connection has a part of the window for itself, at a random place.

use std::time::Duration;

/// Puts things in a random order, and each at a random moment of its own equal part of a window: never many at once,
/// and never in step. The random number of a thing is always the same.
pub(super) fn spread<T>(things: Vec<T>, window: Duration, random: impl Fn(&T) -> u64) -> Vec<(Duration, T)> {
    let mut drawn: Vec<(u64, T)> = things.into_iter().map(|thing| (random(&thing), thing)).collect();
    drawn.sort_unstable_by_key(|(number, _)| *number);
    let part = window / u32::try_from(drawn.len().max(1)).unwrap_or(u32::MAX);
    let nanos = u64::try_from(part.as_nanos()).unwrap_or(u64::MAX).max(1);
    // The order comes from a number's leading digits, the moment from the others.
    let moment = |at: u32, number: u64| part * at + Duration::from_nanos(number % nanos);
    (0..).zip(drawn).map(|(at, (number, thing))| (moment(at, number), thing)).collect()
}

#[cfg(test)]
mod tests {
    use std::hash::{BuildHasher, RandomState};

    use super::*;

    const WINDOW: Duration = Duration::from_secs(5);

    fn moments(things: u64, random: impl Fn(&u64) -> u64) -> Vec<(Duration, u64)> {
        spread((0..things).collect(), WINDOW, random)
    }

    #[test]
    fn each_has_a_part_of_the_window_for_itself() {
        let random = RandomState::new();
        for things in [1, 2, 7, 100, 10_000] {
            let moments = moments(things, |thing| random.hash_one(thing));
            let part = WINDOW / u32::try_from(things).unwrap();
            for ((moment, _), at) in moments.iter().zip(0..) {
                assert!(*moment >= part * at && *moment < part * (at + 1), "{at} of {things}: {moment:?}");
            }
            let mut notified: Vec<u64> = moments.into_iter().map(|(_, thing)| thing).collect();
            notified.sort_unstable();
            assert!(notified.into_iter().eq(0..things), "each once");
        }
    }

    #[test]
    fn neither_the_order_nor_the_moments_are_regular() {
        let random = RandomState::new();
        let moments = moments(1000, |thing| random.hash_one(thing));
        let in_order = moments.windows(2).filter(|pair| pair[0].1 < pair[1].1).count();
        assert!((300..700).contains(&in_order), "{in_order}");
        let part = WINDOW / 1000;
        let late = (0..).zip(&moments).filter(|(at, (moment, _))| *moment > part * *at + part / 2).count();
        assert!((300..700).contains(&late), "{late}");
    }

    #[test]
    fn any_window_and_any_number_will_do() {
        for (window, number) in [(Duration::ZERO, 0), (Duration::from_nanos(3), u64::MAX), (Duration::MAX, u64::MAX)] {
            let moments = spread(vec![(); 5], window, |()| number);
            assert!(moments.iter().all(|(moment, ())| *moment <= window), "{moments:?}");
        }
        assert!(spread(Vec::<()>::new(), WINDOW, |()| 0).is_empty());
    }
}
