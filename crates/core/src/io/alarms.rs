//! Deadlines that are far off, of connections that need no driver until then.
//!
//! An idle connection waits for nothing but the deadline of a policy, such as its next ping. A task for each of them
//! would be a large part of what it weighs. So there is one task for each runtime, which sleeps until the earliest of
//! these deadlines. It looks at a connection whose alarm has rung, under that connection's lock and no longer than any
//! call of the handler's does, and either sets the alarm anew, because the deadline has moved away, or spawns a driver.
//! What is done at the deadline is the driver's: one connection cannot delay another.
//!
//! The same task reminds drivers that the answer to a ping was awaited for long enough, a second later at most. These
//! times are set in their order, nearly, so a queue holds them.
//!
//! Each time that the task goes to sleep again is a system call, as it sets a timer that is nearer than all others of
//! its runtime. So times are rounded up to a [`TICK`], and the alarms of one tick ring together. And the task sleeps on
//! where the alarm that it sleeps for is cancelled: it would be woken, or spawned, for each connection of a server that
//! has few at once.

use std::{
    any::Any,
    cmp::Ordering,
    collections::{BTreeSet, VecDeque},
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{Arc, Mutex, Weak},
    task::{Context, Poll, Waker, ready},
    time::{Duration, Instant},
};

use pin_project_lite::pin_project;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    runtime::{Handle, Id},
    time::Sleep,
};

use super::{driver::poll_sleep, shared::Shared};
use crate::{
    clock::now,
    sync::{lock, try_lock},
};

/// Alarms that ring before other tasks have their turn.
const BATCH: usize = 32;

/// What times are rounded up to, in nanoseconds: 10 ms.
const TICK: u64 = 10_000_000;

/// Ticks that reminders are rounded up to. Most are of pongs that have come, and those must not wake the task.
const REMINDER: u64 = 100;

/// The longest sleep before the alarms are looked at again.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// The alarms of one runtime, for connections of one type.
///
/// Their lock is taken with that of a connection held or with none, and nothing else is locked under it.
struct Alarms<T> {
    /// Their times are counted from here.
    epoch: Instant,
    set: Mutex<Set<T>>,
}

struct Set<T> {
    alarms: BTreeSet<Alarm<T>>,
    /// Of drivers that await a pong, and until when, the earliest first.
    reminders: VecDeque<(u64, Weak<Shared<T>>)>,
    /// There is a task for them. It ends once it has slept and there are none.
    sounding: bool,
    /// That task, while it sleeps, and the tick until which it does.
    sleeper: Option<(u64, Waker)>,
}

/// When an alarm rings, in ticks, and of which connection: two words, because there is one for each idle
/// connection.
struct Alarm<T> {
    at: u64,
    of: Arc<Shared<T>>,
}

impl<T> Ord for Alarm<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, Arc::as_ptr(&self.of)).cmp(&(other.at, Arc::as_ptr(&other.of)))
    }
}

impl<T> PartialOrd for Alarm<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> PartialEq for Alarm<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<T> Eq for Alarm<T> {}

/// Those of all runtimes, and of connections of all types. There are few.
static ALL: Mutex<Vec<(Id, Arc<dyn Any + Send + Sync>)>> = Mutex::new(Vec::new());

impl<T: Send + 'static> Alarms<T> {
    fn of(runtime: &Handle) -> Arc<Self> {
        let (id, mut all) = (runtime.id(), lock(&ALL));
        let mut of_runtime = all.iter().filter(|(of, _)| *of == id);
        if let Some(found) = of_runtime.find_map(|(_, alarms)| alarms.clone().downcast().ok()) {
            return found;
        }
        // Those of a runtime that is gone, or on which no connection rests, are referenced from here alone.
        all.retain(|(_, alarms)| Arc::strong_count(alarms) > 1);
        let (alarms, reminders) = (BTreeSet::new(), VecDeque::new());
        let set = Set { alarms, reminders, sounding: false, sleeper: None };
        let new = Arc::new(Self { epoch: now(), set: Mutex::new(set) });
        all.push((id, new.clone()));
        new
    }

    /// The first tick that is not before a time.
    fn tick(&self, time: Instant) -> u64 {
        self.nanos(time).div_ceil(TICK)
    }

    /// The last tick that is not after a time.
    fn ticked(&self, time: Instant) -> u64 {
        self.nanos(time) / TICK
    }

    fn nanos(&self, time: Instant) -> u64 {
        u64::try_from(time.saturating_duration_since(self.epoch).as_nanos()).unwrap_or(u64::MAX)
    }

    fn instant(&self, tick: u64) -> Instant {
        let since = tick.checked_mul(TICK).map(Duration::from_nanos);
        // A time that cannot be represented never comes: the deadline is read again before.
        since.and_then(|since| self.epoch.checked_add(since)).unwrap_or_else(|| now() + LONGEST)
    }

    /// Returns whether a task has to be spawned. It counts as spawned from here on.
    fn set(&self, at: u64, of: Arc<Shared<T>>) -> bool {
        self.change(at, |set| {
            set.alarms.insert(Alarm { at, of });
        })
    }

    /// The same for a reminder.
    fn remind(&self, at: u64, of: &Arc<Shared<T>>) -> bool {
        self.change(at, |set| set.reminders.push_back((at, Arc::downgrade(of))))
    }

    fn change(&self, at: u64, change: impl FnOnce(&mut Set<T>)) -> bool {
        let (sleeper, spawn) = {
            let mut set = lock(&self.set);
            change(&mut set);
            (set.sleeper.take_if(|(until, _)| at < *until), !std::mem::replace(&mut set.sounding, true))
        };
        if let Some((_, sleeper)) = sleeper {
            sleeper.wake();
        }
        spawn
    }

    fn cancel(&self, at: u64, of: Arc<Shared<T>>) {
        // Dropped behind the lock. It is not the last owner: the caller is another.
        let _cancelled = lock(&self.set).alarms.take(&Alarm { at, of });
    }

    /// What its task does next.
    fn next(&self, cx: &Context<'_>) -> Next<T> {
        let (now, mut set) = (self.ticked(now()), lock(&self.set));
        let (mut ringing, mut awaited) = (Vec::new(), Vec::new());
        while ringing.len() < BATCH && set.alarms.first().is_some_and(|first| first.at <= now) {
            ringing.extend(set.alarms.pop_first());
        }
        while awaited.len() < BATCH && set.reminders.front().is_some_and(|(at, _)| *at <= now) {
            awaited.extend(set.reminders.pop_front().map(|(_, of)| of));
        }
        if !ringing.is_empty() || !awaited.is_empty() {
            return Next::Ring(ringing, awaited);
        }
        let Some(first) = set.first() else {
            // Decided under the lock: what is set after it finds that there is no task.
            (set.sounding, set.sleeper) = (false, None);
            return Next::Done;
        };
        // Parked under the lock of the look: what is set after it finds the waker.
        set.sleeper = Some((first, cx.waker().clone()));
        Next::Sleep(self.instant(first))
    }
}

impl<T> Set<T> {
    /// The first tick at which there is something to do.
    fn first(&self) -> Option<u64> {
        let (alarm, reminder) = (self.alarms.first(), self.reminders.front());
        alarm.map(|first| first.at).into_iter().chain(reminder.map(|(at, _)| *at)).min()
    }
}

enum Next<T> {
    Ring(Vec<Alarm<T>>, Vec<Weak<Shared<T>>>),
    Sleep(Instant),
    Done,
}

pin_project! {
    /// The task that waits for the alarms of a runtime, as long as there are any.
    pub(super) struct Sounding<T> {
        alarms: Arc<Alarms<T>>,
        #[pin]
        sleep: Option<Sleep>,
        done: bool,
    }

    impl<T> PinnedDrop for Sounding<T> {
        fn drop(this: Pin<&mut Self>) {
            if !this.done {
                this.alarms.runtime_shut_down();
            }
        }
    }
}

impl<T> Alarms<T> {
    /// The task is dropped before it is done only when its runtime shuts down. Nothing rings on that any more.
    #[expect(clippy::mutable_key_type, reason = "connections are ordered by their addresses, not by what is there")]
    fn runtime_shut_down(&self) {
        let left = {
            let mut set = lock(&self.set);
            (set.sounding, set.sleeper) = (false, None);
            set.reminders.clear();
            std::mem::take(&mut set.alarms)
        };
        // They may be the last owners of their connections, whose policies are dropped with them.
        drop(left);
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin + Send + 'static> Future for Sounding<T> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        loop {
            match this.alarms.next(cx) {
                Next::Ring(ringing, awaited) => {
                    for alarm in ringing {
                        this.alarms.ring(alarm);
                    }
                    for driven in awaited {
                        driven.upgrade().iter().for_each(Shared::remind_driver);
                    }
                    // Other tasks first: there may be thousands.
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Next::Sleep(until) => ready!(poll_sleep(this.sleep.as_mut(), until, cx)),
                Next::Done => {
                    *this.done = true;
                    return Poll::Ready(());
                }
            }
        }
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin + Send + 'static> Alarms<T> {
    fn ring(&self, Alarm { at, of }: Alarm<T>) {
        // The task that holds the lock may be slow, and the alarms of other connections must not wait for it.
        let Some(state) = try_lock(&of.state) else { return of.spawn_driver_from_a_task() };
        // It was cancelled or moved meanwhile.
        if state.guard.alarm().is_none_or(|alarm| self.tick(alarm) != at) {
            return;
        }
        let rings = || {
            let mut state = state;
            state.guard.alarm_rings();
            of.see_to(state);
        };
        // Unwind safe: a policy was asked for its deadline, and nothing else was changed. The driver will ask again,
        // and closes the connection for it. The panic hook has reported it.
        if catch_unwind(AssertUnwindSafe(rings)).is_err() {
            of.spawn_driver();
        }
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin + Send + 'static> Shared<T> {
    /// Sets an alarm in place of another. Returns the task that has to be spawned for it, once the state is unlocked.
    pub(super) fn move_alarm(self: &Arc<Self>, before: Option<Instant>, after: Option<Instant>) -> Option<Sounding<T>> {
        if before == after {
            return None;
        }
        let alarms = Alarms::of(&self.inner.runtime);
        if let Some(before) = before {
            alarms.cancel(alarms.tick(before), self.clone());
        }
        let spawn = alarms.set(alarms.tick(after?), self.clone());
        spawn.then(|| Sounding { alarms, sleep: None, done: false })
    }

    pub(super) fn cancel_alarm(self: &Arc<Self>, at: Instant) {
        let alarms = Alarms::of(&self.inner.runtime);
        alarms.cancel(alarms.tick(at), self.clone());
    }

    /// Has the driver woken at that time, while it awaits a pong. Returns the task that has to be spawned for it, once
    /// the state is unlocked.
    pub(super) fn remind_at(self: &Arc<Self>, at: Instant) -> Option<Sounding<T>> {
        let alarms = Alarms::of(&self.inner.runtime);
        let spawn = alarms.remind(alarms.tick(at).next_multiple_of(REMINDER), self);
        spawn.then(|| Sounding { alarms, sleep: None, done: false })
    }

    /// Wakes the driver, unless its pong has come.
    fn remind_driver(self: &Arc<Self>) {
        if let Some(mut state) = try_lock(&self.state) {
            return state.remind();
        }
        let shared = self.clone();
        self.inner.runtime.spawn(async move { lock(&shared.state).remind() });
    }

    /// Spawns a driver as soon as the state is not locked.
    fn spawn_driver_from_a_task(self: Arc<Self>) {
        let runtime = self.inner.runtime.clone();
        runtime.spawn(async move { self.spawn_driver() });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Weak,
        atomic::{AtomicUsize, Ordering},
    };

    use tokio::{
        io::{AsyncReadExt, DuplexStream, duplex},
        runtime::Builder,
        task::yield_now,
        time::{Instant, sleep, timeout},
    };

    use super::*;
    use crate::{
        close::{CloseCode, CloseFrame},
        connection::Connection,
        identity::Subject,
        io::GuardedIo,
        policy::{Action, Activity, Interest, Policy},
        settings::Settings,
    };

    /// Closes after a number of seconds, and counts how often its deadline is read.
    #[derive(Default)]
    struct After {
        seconds: u64,
        asked: Arc<AtomicUsize>,
        /// From the moment at which the peer is known.
        signed_in: Option<u64>,
        panics: bool,
    }

    impl Policy for After {
        fn interest(&self) -> Interest {
            Interest::OUTPUT
        }

        fn on_authenticated(&mut self, _: &Subject) -> Action {
            self.seconds = self.signed_in.unwrap_or(self.seconds);
            Action::None
        }

        fn deadline(&self, activity: &Activity) -> Option<std::time::Instant> {
            let asked = self.asked.fetch_add(1, Ordering::Relaxed);
            assert!(!(self.panics && asked > 3), "on purpose");
            let since = activity.opened.max(activity.last_message_out)?;
            Some(since + Duration::from_secs(self.seconds))
        }

        fn on_deadline(&mut self, _: &Activity, _: std::time::Instant) -> Action {
            Action::Close(CloseFrame::new(CloseCode::POLICY_VIOLATION, ""))
        }
    }

    /// Pings after a minute, and once.
    #[derive(Default)]
    struct PingsOnce {
        has: bool,
    }

    impl Policy for PingsOnce {
        fn interest(&self) -> Interest {
            Interest::NONE
        }

        fn deadline(&self, activity: &Activity) -> Option<std::time::Instant> {
            Some(activity.opened? + Duration::from_secs(if self.has { 3600 } else { 60 }))
        }

        fn on_deadline(&mut self, _: &Activity, _: std::time::Instant) -> Action {
            self.has = true;
            Action::Ping
        }
    }

    fn open(policy: impl Policy) -> (DuplexStream, GuardedIo<DuplexStream>, Connection) {
        let (peer, io) = duplex(64);
        let (guarded, connection) = GuardedIo::new(io, &Settings::default(), vec![Box::new(policy)]);
        (peer, guarded, connection)
    }

    fn after(seconds: u64) -> After {
        After { seconds, ..After::default() }
    }

    /// When, in seconds, and with which code a peer is closed.
    async fn closed(peer: &mut DuplexStream, since: Instant) -> (u64, u16) {
        let mut close = [0; 4];
        timeout(Duration::from_secs(1000), peer.read_exact(&mut close)).await.expect("it is closed").unwrap();
        ((since.elapsed() + Duration::from_millis(500)).as_secs(), u16::from_be_bytes([close[2], close[3]]))
    }

    fn tasks() -> usize {
        Handle::current().metrics().num_alive_tasks()
    }

    #[tokio::test(start_paused = true)]
    async fn connections_rest_until_their_deadlines_without_tasks_of_their_own() {
        let since = Instant::now();
        let mut all: Vec<_> = (0..100).map(|number| open(after(60 + number % 7))).collect();
        assert_eq!(tasks(), 1);
        for ((peer, ..), number) in all.iter_mut().zip(0..7) {
            assert_eq!(closed(peer, since).await, (60 + number, 1008));
        }
        drop(all);
        sleep(Duration::from_secs(10)).await;
        assert_eq!(tasks(), 0, "nor is there one for no connection");
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_that_comes_nearer_is_met_and_one_that_moves_away_is_not_judged() {
        use tokio::io::AsyncWriteExt;

        let since = Instant::now();
        let (mut near, _guarded, connection) = open(After { signed_in: Some(5), ..after(60) });
        let asked = Arc::new(AtomicUsize::new(0));
        let (mut far, mut writing, _other) = open(After { asked: asked.clone(), ..after(60) });
        connection.authenticate(&Subject::new("alice")).unwrap();
        assert_eq!(tasks(), 1);
        assert_eq!(closed(&mut near, since).await, (5, 1008));
        sleep(Duration::from_secs(25)).await;
        let before = asked.load(Ordering::Relaxed);
        writing.write_all(b"\x82\x00").await.unwrap();
        far.read_exact(&mut [0; 2]).await.unwrap();
        assert!(asked.load(Ordering::Relaxed) <= before + 1, "it costs a message nothing");
        assert_eq!(closed(&mut far, since).await, (90, 1008));
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_ends_takes_its_alarm_along() {
        let (_, guarded, connection) = open(after(3600));
        let shared: Weak<_> = Arc::downgrade(&guarded.shared());
        drop(guarded);
        connection.closed().await;
        drop(connection);
        for _ in 0..10 {
            yield_now().await;
        }
        assert!(shared.upgrade().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn the_task_sleeps_on_where_its_alarm_is_cancelled() {
        let (since, alarms) = (Instant::now(), || Alarms::<DuplexStream>::of(&Handle::current()));
        let until = || lock(&alarms().set).sleeper.as_ref().map(|(until, _)| until / 100);
        let first = open(after(60));
        yield_now().await;
        drop(first);
        for _ in 0..10 {
            yield_now().await;
        }
        assert_eq!((tasks(), until()), (1, Some(60)));
        let (_, _further, connection) = open(after(300));
        yield_now().await;
        assert_eq!((tasks(), until()), (1, Some(60)), "it is not woken for what comes later");
        let (mut nearer, guarded, _) = open(after(30));
        yield_now().await;
        assert_eq!((tasks(), until()), (1, Some(30)), "but for what comes sooner");
        assert_eq!(closed(&mut nearer, since).await, (30, 1008));
        drop((nearer, guarded));
        sleep(Duration::from_secs(10)).await;
        assert_eq!((tasks(), until()), (1, Some(300)));
        connection.closed().await;
        assert_eq!(since.elapsed().as_secs(), 300);
        sleep(Duration::from_secs(10)).await;
        assert_eq!((tasks(), until()), (0, None));
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_is_locked_delays_no_alarm() {
        let since = Instant::now();
        let (mut peer, guarded, _connection) = open(after(60));
        let shared = guarded.shared();
        let alarms = Alarms::of(&Handle::current());
        let at = alarms.tick(lock(&shared.state).guard.alarm().expect("it rests"));
        {
            let _locked = lock(&shared.state);
            alarms.ring(Alarm { at, of: shared.clone() });
        }
        assert!(!lock(&shared.state).guard.is_driven());
        yield_now().await;
        yield_now().await;
        assert_eq!(lock(&shared.state).guard.alarm().map(|alarm| alarms.tick(alarm)), Some(at), "a driver has looked");
        assert_eq!(closed(&mut peer, since).await, (60, 1008));
    }

    #[tokio::test(start_paused = true)]
    async fn a_driver_is_reminded_once_for_each_ping_however_much_its_peer_sends() {
        use tokio::io::AsyncWriteExt;

        let (mut peer, _guarded, _connection) = open(PingsOnce::default());
        peer.read_exact(&mut [0; 10]).await.unwrap();
        let reminders = || lock(&Alarms::<DuplexStream>::of(&Handle::current()).set).reminders.len();
        for _ in 0..20 {
            peer.write_all(b"x").await.unwrap();
            yield_now().await;
            yield_now().await;
            assert_eq!((reminders(), tasks()), (1, 2), "its own, and that of the alarms");
        }
        sleep(Duration::from_secs(2)).await;
        yield_now().await;
        yield_now().await;
        assert_eq!((reminders(), tasks()), (0, 1), "it rests");
    }

    #[tokio::test(start_paused = true)]
    async fn times_are_rounded_up_to_ticks() {
        let alarms = Alarms::<DuplexStream>::of(&Handle::current());
        let at = |nanos| alarms.epoch + Duration::from_nanos(nanos);
        for (nanos, tick, ticked) in [(0, 0, 0), (1, 1, 0), (TICK - 1, 1, 0), (TICK, 1, 1), (TICK + 1, 2, 1)] {
            assert_eq!((alarms.tick(at(nanos)), alarms.ticked(at(nanos))), (tick, ticked), "{nanos}");
        }
        assert_eq!(alarms.instant(3), at(3 * TICK));
        assert!(alarms.instant(u64::MAX) > now(), "and what cannot be represented is far off");
    }

    #[tokio::test(start_paused = true)]
    async fn a_policy_that_panics_costs_its_own_connection_and_no_other() {
        let since = Instant::now();
        let (mut panicking, _one, _) = open(After { panics: true, ..after(60) });
        let (mut other, _two, _) = open(after(70));
        assert_eq!(closed(&mut panicking, since).await, (60, 1011));
        assert_eq!(closed(&mut other, since).await, (70, 1008));
    }

    #[test]
    fn a_runtime_that_shuts_down_lets_go_of_connections() {
        let runtime = Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        let (shared, left) = runtime.block_on(async {
            let (peer, guarded, connection) = open(after(3600));
            yield_now().await;
            (Arc::downgrade(&guarded.shared()), (peer, guarded, connection))
        });
        drop(runtime);
        assert_eq!(shared.strong_count(), 2, "the handler's half and the handle");
        drop(left);
        assert!(shared.upgrade().is_none());
    }
}
