//! Every interleaving of two threads that take, settle, replace and free permits of the same keys, explored by loom. It
//! finds deadlocks, too.
//!
//! `cargo xtask ci --long` runs these; the other tests of the crate cannot run with loom's locks.

use std::sync::Arc;

use loom::thread::spawn;

use super::{Evicted, Full, Key, Keys, Permit, Pool, key::Secret};
use crate::limit::Limit;

type Pooled = Arc<Pool<u32>>;

/// Explores what threads do with a pool. All executions name keys alike, so that they lock the same shards.
fn explore(max: Option<usize>, execution: impl Fn(&Pooled, [Key; 2]) + Send + Sync + 'static) {
    let secret = Secret::default();
    let keys = keys(&secret);
    loom::model(move || {
        let pool = Arc::new(Pool::with(max, secret.clone()));
        execution(&pool, keys.clone());
        assert_eq!((pool.total(), pool.keys()), (0, 0), "nothing is left");
    });
}

/// Two keys of two shards.
fn keys(secret: &Secret) -> [Key; 2] {
    let shard = |key: &Key| secret.name(key).shard(super::pool::SHARDS);
    let first = Key::Custom([0].into());
    let others = (1..).map(|number: u32| Key::Custom(number.to_be_bytes().into()));
    let second = others.into_iter().find(|other| shard(other) != shard(&first)).unwrap();
    [first, second]
}

fn take(pool: &Pooled, keys: &[&Key], limit: Limit) -> Result<Permit<u32>, Full> {
    pool.take(keys.iter().map(|&key| (key.clone(), limit)).collect::<Keys>()).map(|(permit, _)| permit)
}

#[test]
fn of_two_that_want_the_last_permit_one_gets_it() {
    explore(Some(1), |pool, _| {
        let theirs = pool.clone();
        let other = spawn(move || take(&theirs, &[], Limit::new(1)).ok());
        let one = take(pool, &[], Limit::new(1)).ok();
        let both = [one, other.join().unwrap()];
        assert_eq!((both.iter().flatten().count(), pool.total()), (1, 1));
    });
}

#[test]
fn of_two_that_want_the_same_keys_in_any_order_one_gets_all() {
    explore(Some(10), |pool, [a, b]| {
        let (theirs, keys) = (pool.clone(), [a.clone(), b.clone()]);
        let other = spawn(move || take(&theirs, &[&keys[1], &keys[0]], Limit::new(1)).ok());
        let one = take(pool, &[&a, &b], Limit::new(1)).ok();
        let both = [one, other.join().unwrap()];
        assert_eq!(both.iter().flatten().count(), 1);
        assert_eq!((pool.taken(&a), pool.taken(&b), pool.total()), (1, 1, 1));
    });
}

#[test]
fn what_one_frees_another_gets_or_is_refused() {
    explore(Some(1), |pool, [a, _]| {
        let (theirs, key) = (pool.clone(), a.clone());
        let leaving = take(pool, &[&a], Limit::new(1)).unwrap();
        let newcomer = spawn(move || take(&theirs, &[&key], Limit::new(1)).ok());
        drop(leaving);
        let newcomer = newcomer.join().unwrap();
        let there = usize::from(newcomer.is_some());
        assert_eq!((pool.taken(&a), pool.total()), (there, there));
    });
}

#[test]
fn the_oldest_ends_while_a_newcomer_replaces_it() {
    explore(None, |pool, [a, _]| {
        let one = Limit::new(1).evict_oldest();
        let oldest = take(pool, &[&a], one).unwrap();
        assert_eq!(oldest.settle(&1), Evicted::default());
        let newcomer = take(pool, &[&a], one).unwrap();
        let ending = spawn(move || drop(oldest));
        let evicted = newcomer.settle(&2);
        assert!(evicted.closing.iter().all(|connection| *connection == 1) && evicted.aborted.is_empty());
        ending.join().unwrap();
        assert_eq!((pool.taken(&a), pool.total()), (1, 1));
    });
}

#[test]
fn of_two_newcomers_that_replace_the_same_one_stays() {
    explore(None, |pool, [a, _]| {
        let one = Limit::new(1).evict_oldest();
        let permits: [_; 3] = std::array::from_fn(|_| Arc::new(take(pool, &[&a], one).unwrap()));
        assert_eq!(permits[0].settle(&0), Evicted::default());
        let theirs = permits[1].clone();
        let other = spawn(move || theirs.settle(&1).closing);
        let ours = permits[2].settle(&2).closing;
        let mut closed = [ours, other.join().unwrap()].concat();
        closed.sort_unstable();
        assert!(closed == [0, 1] || closed == [0, 2], "{closed:?}");
        assert_eq!((pool.taken(&a), pool.total()), (1, 3));
    });
}

#[test]
fn a_sign_in_and_an_acceptance_are_two_permits_of_one_connection() {
    explore(None, |pool, [a, b]| {
        let permit = Arc::new(take(pool, &[&a], Limit::new(1)).unwrap());
        let (theirs, key) = (permit.clone(), b.clone());
        let sign_in = spawn(move || theirs.join(key, Limit::new(1), &7).unwrap());
        assert_eq!(permit.settle(&7), Evicted::default());
        assert_eq!(sign_in.join().unwrap(), Evicted::default());
        assert_eq!((pool.taken(&a), pool.taken(&b), pool.total()), (1, 1, 1));
    });
}
