//! Permits by example, against a model that looks at everything, and their cost.

use std::sync::Arc;

use proptest::prelude::*;

use super::{Evicted, Full, Key, Pool, model::Model, visits};
use crate::limit::Limit;

fn key(name: &str) -> Key {
    Key::Custom(name.as_bytes().into())
}

#[test]
fn all_permits_are_taken_or_none() {
    let pool = Arc::new(Pool::<u32>::new(Some(10)));
    let both = || vec![(key("a"), Limit::new(5)), (key("b"), Limit::new(1))];
    let (first, _) = pool.take(both()).unwrap();
    assert_eq!(pool.take(both()).err(), Some(Full::Of(key("b"))));
    let only_a: Vec<_> = (0..4).map(|_| pool.take(vec![(key("a"), Limit::new(5))]).unwrap()).collect();
    assert_eq!(pool.take(vec![(key("a"), Limit::new(5))]).err(), Some(Full::Of(key("a"))), "none was lost above");
    drop((first, only_a));
    assert_eq!((pool.total(), pool.keys()), (0, 0));
}

#[test]
fn the_oldest_makes_room_when_the_newcomer_is_accepted_and_not_before() {
    let pool = Arc::new(Pool::<u32>::new(None));
    let one = || vec![(key("alice"), Limit::new(1).evict_oldest())];
    let (first, _) = pool.take(one()).unwrap();
    assert_eq!(first.settle(&1), Evicted::default());
    let (failed, _) = pool.take(one()).unwrap();
    drop(failed);
    let (second, _) = pool.take(one()).unwrap();
    assert_eq!(second.settle(&2).closing, [1]);
    // The first one's permit moved: its end frees nothing twice.
    drop(first);
    let (third, _) = pool.take(one()).unwrap();
    assert_eq!(third.settle(&3).closing, [2]);
    drop((second, third));
    assert_eq!((pool.total(), pool.keys()), (0, 0));
}

#[test]
fn a_storm_of_newcomers_is_bounded() {
    let pool = Arc::new(Pool::<u32>::new(None));
    let one = || vec![(key("alice"), Limit::new(1).evict_oldest())];
    let pending: Vec<_> = (0..100).filter_map(|_| pool.take(one()).ok()).collect();
    assert_eq!(pending.len(), 8);
}

#[test]
fn those_who_close_are_bounded_too() {
    let pool = Arc::new(Pool::<u32>::new(None));
    let one = || vec![(key("alice"), Limit::new(1).evict_oldest())];
    let mut permits = Vec::new();
    let mut aborted = Vec::new();
    for number in 0..50 {
        let (permit, _) = pool.take(one()).unwrap();
        aborted.extend(permit.settle(&number).aborted);
        permits.push(permit);
    }
    assert_eq!(aborted, (0..17).collect::<Vec<_>>(), "one lives, and 32 are closing");
    drop(permits);
    assert_eq!((pool.total(), pool.keys()), (0, 0));
}

#[test]
fn those_who_are_aborted_and_do_not_end_are_bounded_too() {
    for max in [1, 2, 40] {
        let pool = Arc::new(Pool::<usize>::new(None));
        let few = || vec![(key("alice"), Limit::new(max).evict_oldest())];
        let begin = || pool.take(few()).map(|(permit, _)| (permit.settle(&0), permit).1);
        let mut permits: Vec<_> = std::iter::repeat_with(begin).take(1000).map_while(Result::ok).collect();
        let lingering = max.max(32);
        assert_eq!(permits.len(), max + 2 * lingering, "that live, are closing and are aborted");
        assert_eq!(begin().err(), Some(Full::Of(key("alice"))));
        drop(permits.remove(0));
        permits.push(begin().expect("one of them has ended"));
        assert!(begin().is_err());
        // Those that live make room as ever where they end themselves.
        drop(permits.pop());
        permits.push(begin().expect("it is within the limit"));
        drop(permits);
        assert_eq!((pool.total(), pool.keys()), (0, 0));
    }
}

#[test]
fn a_limit_that_is_none_is_one() {
    let pool = Arc::new(Pool::<u32>::new(Some(usize::MAX)));
    assert_eq!(pool.take(Vec::new()).unwrap().1, None);
}

#[test]
fn the_mark_is_announced_once_a_crossing() {
    let pool = Arc::new(Pool::<u32>::new(Some(10)));
    let mut permits = Vec::new();
    let announced: Vec<bool> = (0..10)
        .map(|_| {
            let (permit, crossed) = pool.take(Vec::new()).unwrap();
            permits.push(permit);
            crossed.is_some()
        })
        .collect();
    assert_eq!(announced.iter().filter(|crossed| **crossed).count(), 1);
    assert!(announced[8]);
    permits.truncate(8);
    let (permit, crossed) = pool.take(Vec::new()).unwrap();
    assert_eq!(crossed, None, "it was not below eight tenths");
    permits.push(permit);
    permits.truncate(7);
    permits.push(pool.take(Vec::new()).unwrap().0);
    assert!(pool.take(Vec::new()).unwrap().1.is_some());
}

#[derive(Debug, Clone)]
enum Step {
    Take(u8, bool),
    Settle(usize),
    Join(usize, u8),
    Leave(usize),
    Drop(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..3_u8, any::<bool>()).prop_map(|(name, evict)| Step::Take(name, evict)),
        2 => any::<usize>().prop_map(Step::Settle),
        1 => (any::<usize>(), 0..3_u8).prop_map(|(at, name)| Step::Join(at, name)),
        1 => any::<usize>().prop_map(Step::Leave),
        3 => any::<usize>().prop_map(Step::Drop),
    ]
}

proptest! {
    #[test]
    fn whatever_happens_limits_hold_and_nothing_is_left(steps in prop::collection::vec(step(), 1..200)) {
        let pool = Arc::new(Pool::<u32>::new(Some(12)));
        let named = |name: u8| key(&name.to_string());
        let limit = |evict: bool| if evict { Limit::new(2).evict_oldest() } else { Limit::new(2) };
        let mut permits = Vec::new();
        for (number, step) in (0_u32..).zip(steps) {
            let at = |at: usize, len: usize| at % len.max(1);
            match step {
                Step::Take(name, evict) => {
                    let taken = pool.take(vec![(named(name), limit(evict))]);
                    prop_assert!(evict || taken.is_err() || pool.taken(&named(name)) <= 2);
                    permits.extend(taken.ok());
                }
                Step::Settle(which) => {
                    let len = permits.len();
                    if let Some((permit, _)) = permits.get(at(which, len)) { permit.settle(&number); }
                }
                Step::Join(which, name) => {
                    let len = permits.len();
                    if let Some((permit, _)) = permits.get(at(which, len)) {
                        let _full_or_not = permit.join(named(name), limit(false), &number);
                    }
                }
                Step::Leave(which) => {
                    let len = permits.len();
                    if let Some((permit, _)) = permits.get(at(which, len)) { permit.leave(&named(0)); }
                }
                Step::Drop(which) => {
                    if !permits.is_empty() { permits.swap_remove(at(which, permits.len())); }
                }
            }
            prop_assert!(pool.total() == permits.len() && pool.total() <= 12);
        }
        drop(permits);
        prop_assert_eq!((pool.total(), pool.keys()), (0, 0));
    }
}

#[test]
fn many_at_once_take_exactly_what_there_is() {
    let pool = Arc::new(Pool::<u32>::new(Some(100)));
    let keys = || vec![(key("a"), Limit::new(70)), (key("b"), Limit::new(1000))];
    let take = || (0..1250).filter_map(|_| pool.take(keys()).ok()).collect::<Vec<_>>();
    let permits: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(take)).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(permits.len(), 70);
}

/// What is done to a pool, and to its model.
#[derive(Debug, Clone)]
enum Change {
    Take(Vec<(u8, bool)>),
    Begin(u8),
    Settle(usize),
    Join(usize, u8, bool),
    Leave(usize, u8),
    End(usize),
}

fn change() -> impl Strategy<Value = Change> {
    let keys = || prop::collection::btree_map(0..4_u8, any::<bool>(), 0..3);
    prop_oneof![
        4 => keys().prop_map(|keys| Change::Take(keys.into_iter().collect())),
        8 => (0..5_u8).prop_map(|name| Change::Begin(name / 4)),
        2 => any::<usize>().prop_map(Change::Settle),
        1 => (any::<usize>(), 0..4_u8, any::<bool>()).prop_map(|(at, name, evict)| Change::Join(at, name, evict)),
        1 => (any::<usize>(), 0..4_u8).prop_map(|(at, name)| Change::Leave(at, name)),
        1 => any::<usize>().prop_map(Change::End),
    ]
}

proptest! {
    #[test]
    fn does_what_a_pool_that_walks_does(max in 1..4_usize, changes in prop::collection::vec(change(), 1..200)) {
        let limit = |evict: bool| if evict { Limit::new(max).evict_oldest() } else { Limit::new(max) };
        changed_alike(changes, limit)?;
    }

    #[test]
    fn does_so_too_where_no_limit_evicts(max in 1..4_usize, changes in prop::collection::vec(change(), 1..200)) {
        changed_alike(changes, |_| Limit { refuses: true, ..Limit::new(max) })?;
    }
}

/// Does the same to a pool and to its model.
fn changed_alike(changes: Vec<Change>, limit: impl Fn(bool) -> Limit) -> Result<(), TestCaseError> {
    let named = |name: u8| key(&name.to_string());
    let pool = Arc::new(Pool::<u32>::new(Some(200)));
    let mut model = Model::new(200);
    let mut permits = Vec::new();
    for (number, change) in (0_u32..).zip(changes) {
        let (new, len) = (number as usize, permits.len());
        match change {
            Change::Take(keys) => {
                let keys: Vec<_> = keys.into_iter().map(|(name, evict)| (named(name), limit(evict))).collect();
                let (ours, theirs) = (pool.take(keys.clone()), model.take(new, keys));
                prop_assert_eq!(ours.as_ref().err(), theirs.as_ref().err());
                permits.extend(ours.ok().map(|(permit, _)| (permit, new)));
            }
            Change::Begin(name) => {
                let keys = vec![(named(name), limit(true))];
                let (ours, theirs) = (pool.take(keys.clone()), model.take(new, keys));
                prop_assert_eq!(ours.as_ref().err(), theirs.as_ref().err());
                if let Ok((permit, _)) = ours {
                    prop_assert_eq!(permit.settle(&number), model.settle(new, number));
                    permits.push((permit, new));
                }
            }
            _ if len == 0 => {}
            Change::Settle(at) => {
                let (permit, which) = &permits[at % len];
                prop_assert_eq!(permit.settle(&number), model.settle(*which, number));
            }
            Change::Join(at, name, evict) => {
                let (permit, which) = &permits[at % len];
                let ours = permit.join(named(name), limit(evict), &number);
                prop_assert_eq!(ours, model.join(*which, named(name), limit(evict), number));
            }
            Change::Leave(at, name) => {
                let (permit, which) = &permits[at % len];
                permit.leave(&named(name));
                model.leave(*which, &named(name));
            }
            Change::End(at) => {
                let (permit, which) = permits.swap_remove(at % len);
                drop(permit);
                model.end(which);
            }
        }
        prop_assert_eq!(pool.total(), model.total());
    }
    drop(permits);
    prop_assert_eq!((pool.total(), pool.keys()), (0, 0));
    Ok(())
}

/// The most entries that one operation looks at, among so many permits.
fn entries_visited(others: usize, name: impl Fn(usize) -> Key) -> [usize; 5] {
    let pool = Arc::new(Pool::<usize>::new(None));
    let (roomy, tight) = (Limit::new(usize::MAX), Limit::new(others).evict_oldest());
    let mut permits = Vec::new();
    for number in 0..others {
        let (permit, _) = pool.take(vec![(name(number), roomy)]).unwrap();
        permit.settle(&number);
        permits.push(permit);
    }
    let mut max = [0; 5];
    for turn in 0..100 {
        let (mut taken, mut evicted) = (None, Evicted::default());
        let at = turn * 7919 % permits.len();
        // In the middle, where what is kept in order is found last; and the one that made room.
        let (left, oldest) = (permits.swap_remove(at), permits.swap_remove(0));
        let visits = [
            visits::during(|| taken = pool.take(vec![(name(at), tight)]).ok()),
            visits::during(|| evicted = taken.as_ref().unwrap().0.settle(&at)),
            visits::during(|| drop(left)),
            visits::during(|| drop(oldest)),
            visits::during(|| drop(pool.take(vec![(name(at), Limit::new(0))]).err())),
        ];
        max = std::array::from_fn(|operation| max[operation].max(visits[operation]));
        permits.extend(taken.map(|(permit, _)| permit));
        drop(evicted);
        // As many as before.
        permits.push(pool.take(vec![(name(at), roomy)]).unwrap().0);
        permits.last().unwrap().settle(&at);
    }
    max
}

#[test]
fn no_operation_looks_at_more_than_a_few_of_many_permits() {
    for (what, name) in
        [("one key", (|_| key("alice")) as fn(usize) -> Key), ("many", |number| key(&number.to_string()))]
    {
        for others in [100, 1_000, 20_000_usize] {
            let visits = entries_visited(others, name);
            // A node of a tree has up to 11 entries; an eviction searches three trees, one of them three times.
            let bound = 8 * (others.ilog2() as usize + 1);
            assert!(visits.iter().all(|visits| *visits <= bound), "{what}, {others}: {visits:?} of {bound}");
        }
    }
}

#[test]
fn keys_of_several_shards_are_taken_by_threads_in_any_order() {
    let pool = Arc::new(Pool::<u32>::new(Some(64)));
    let names: Vec<_> = (0..6).map(|number| key(&number.to_string())).collect();
    let churn = |thread: usize| {
        for turn in 0..2_000_usize {
            let keys = (0..4).map(|at| names[(turn * (thread + 1) + at * (thread * 2 + 1)) % 6].clone());
            let mut keys: Vec<_> = keys.map(|key| (key, Limit::new(2).evict_oldest())).collect();
            keys.dedup_by(|one, other| one.0 == other.0);
            if let Ok((permit, _)) = pool.take(keys) {
                permit.settle(&0);
                permit.leave(&names[turn % 6]);
            }
        }
    };
    std::thread::scope(|scope| (0..4).for_each(|thread| drop(scope.spawn(move || churn(thread)))));
    assert_eq!((pool.total(), pool.keys()), (0, 0));
}
