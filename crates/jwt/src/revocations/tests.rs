use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread::{scope, yield_now},
    time::{Duration, SystemTime},
};

use portcullis_core::{Connection, identity::Subject};

use super::*;
use crate::{sync::lock, token_id::TokenId};

impl Revocations {
    fn is_revoked(&self, subject: Option<&Subject>, id: Option<&str>, issued: Option<SystemTime>) -> bool {
        self.has(subject, id.map(TokenId::from).as_ref(), issued)
    }
}

#[test]
fn what_is_revoked_is_revoked_by_name_by_subject_and_by_time() {
    let revocations = Revocations::new();
    let (alice, bob) = (Subject::new("alice"), Subject::new("bob"));
    let now = SystemTime::now();
    let (before, after) = (Some(now - Duration::from_secs(5)), Some(now + Duration::from_secs(5)));
    revocations.revoke_id("7").here();
    revocations.revoke_subject(&alice).here();
    assert!(revocations.is_revoked(None, Some("7"), None));
    assert!(!revocations.is_revoked(None, Some("8"), None));
    assert!(revocations.is_revoked(Some(&alice), None, before));
    assert!(revocations.is_revoked(Some(&alice), None, None), "it may be older");
    assert!(!revocations.is_revoked(Some(&alice), None, after));
    assert!(!revocations.is_revoked(Some(&bob), None, before));
    revocations.revoke_issued_before(now).here();
    assert!(revocations.is_revoked(Some(&bob), None, before));
    assert!(!revocations.is_revoked(Some(&bob), None, after));
    assert!(!revocations.is_revoked(Some(&bob), None, Some(now)));
}

#[test]
fn what_is_revoked_of_one_issuer_is_not_revoked_of_another() {
    let revocations = Revocations::new();
    let subject = |issuer: &str| Subject::of_issuer(issuer, "alice");
    let id = |issuer: &str| TokenId::of_issuer(issuer, "7");
    revocations.revoke_subject(&subject("a")).here();
    revocations.revoke_id(id("b")).here();
    for (subject, id, revoked) in [
        (subject("a"), id("a"), true),
        (subject("b"), id("a"), false),
        (subject("b"), id("b"), true),
        (Subject::new("alice"), TokenId::new("7"), false),
    ] {
        assert_eq!(revocations.has(Some(&subject), Some(&id), None), revoked, "{subject:?} {id:?}");
    }
}

#[test]
fn a_revocation_that_matches_no_session_for_its_issuer_is_said_once() {
    let (plain, issued) = (Subject::new("alice"), Subject::of_issuer("a", "alice"));
    for (registered, revoked, warned) in [
        (&[] as &[_], &plain, false),
        (&[&plain], &plain, false),
        (&[&plain], &issued, true),
        (&[&issued], &plain, true),
        (&[&issued], &issued, false),
        (&[&issued, &plain], &plain, false),
    ] {
        let (revocations, session) = (Revocations::new(), Arc::default());
        for subject in registered {
            revocations.register(&session, Some(subject), None, None).unwrap();
        }
        revocations.revoke_subject(revoked).here();
        assert_eq!(revocations.0.lock().issuers.warned, warned, "{registered:?} {revoked:?}");
    }
}

#[test]
fn a_session_that_ends_leaves_nothing_behind() {
    let revocations = Revocations::new();
    let (alice, session) = (Subject::new("alice"), Arc::default());
    let first = revocations.register(&session, Some(&alice), Some(&"7".into()), None).unwrap();
    let second = revocations.register(&session, Some(&alice), None, None).unwrap();
    drop(first);
    assert_eq!(revocations.0.lock().live.len(), 2, "the subject, and everybody");
    assert_eq!(revocations.revoke_subject(&alice).here(), 1);
    assert!(session.is_revoked());
    drop(second);
    assert_eq!(revocations.0.lock().live.len(), 0);
    assert_eq!(revocations.revoke_subject(&alice).here(), 0);
}

#[test]
fn revocations_are_forgotten_when_no_token_can_be_as_old() {
    let revocations = Revocations::remember(Duration::ZERO);
    revocations.revoke_id("7").here();
    revocations.revoke_id("8").here();
    assert!(!revocations.is_revoked(None, Some("7"), None));
}

#[tokio::test(start_paused = true)]
async fn revocations_are_remembered_by_a_clock_that_nobody_sets() {
    let hour = Duration::from_secs(60 * 60);
    let (day, forever) = (Revocations::new(), Revocations::remember(Duration::MAX));
    let alice = Subject::new("alice");
    let are_revoked = || {
        [&day, &forever].map(|revocations| {
            // Each of these may forget others.
            revocations.revoke_id("8").here();
            revocations.revoke_subject(&Subject::new("bob")).here();
            [(None, Some("7")), (Some(&alice), None)].map(|(subject, id)| revocations.is_revoked(subject, id, None))
        })
    };
    for revocations in [&day, &forever] {
        revocations.revoke_id("7").here();
        revocations.revoke_subject(&alice).here();
    }
    tokio::time::advance(23 * hour).await;
    assert_eq!(are_revoked(), [[true; 2]; 2]);
    tokio::time::advance(hour).await;
    assert_eq!(are_revoked(), [[false; 2], [true; 2]]);
}

#[test]
fn a_subject_is_revoked_by_its_issuers_clock() {
    let revocations = Revocations::new();
    let (alice, bob) = (Subject::new("alice"), Subject::new("bob"));
    // The issuer's clock is ahead.
    let time = SystemTime::now() + Duration::from_secs(20);
    let just_before = Some(time - Duration::from_secs(1));
    revocations.revoke_subject(&alice).here();
    assert!(!revocations.is_revoked(Some(&alice), None, just_before), "by this machine's clock");

    let sessions: [Arc<Revocable>; 3] = Default::default();
    let of = [(&alice, just_before), (&alice, Some(time)), (&bob, just_before)];
    let _registered: Vec<_> = std::iter::zip(&sessions, of)
        .map(|(session, (subject, issued))| revocations.register(session, Some(subject), None, issued).unwrap())
        .collect();
    assert_eq!(revocations.revoke_subject_issued_before(&alice, time).here(), 1);
    assert_eq!(sessions.each_ref().map(|session| session.is_revoked()), [true, false, false]);
    for (subject, issued, revoked) in
        [(&alice, just_before, true), (&alice, None, true), (&alice, Some(time), false), (&bob, just_before, false)]
    {
        assert_eq!(revocations.is_revoked(Some(subject), None, issued), revoked, "{subject:?} {issued:?}");
    }
}

#[test]
fn a_revocation_takes_none_back() {
    let alice = Subject::new("alice");
    let (earlier, time) = (SystemTime::UNIX_EPOCH, SystemTime::now() + Duration::from_secs(20));
    for then in [
        |revocations: &Revocations, alice: &Subject, _| revocations.revoke_subject(alice).here(),
        |revocations: &Revocations, alice: &Subject, earlier| {
            revocations.revoke_subject_issued_before(alice, earlier).here()
        },
        |revocations: &Revocations, _: &Subject, earlier| revocations.revoke_issued_before(earlier).here(),
    ] {
        let revocations = Revocations::new();
        revocations.revoke_subject_issued_before(&alice, time).here();
        then(&revocations, &alice, earlier);
        assert!(revocations.is_revoked(Some(&alice), None, Some(time - Duration::from_secs(1))));
    }
}

/// Two threads that do each step at the same moment, as nearly as there are processors for them.
fn at_once(steps: usize, one: impl Fn(usize) + Sync, other: impl Fn(usize) + Sync) {
    let arrived = AtomicUsize::new(0);
    let run = |act: &(dyn Fn(usize) + Sync)| {
        for step in 0..steps {
            arrived.fetch_add(1, Ordering::Relaxed);
            for waited in 0_u32.. {
                if arrived.load(Ordering::Relaxed) >= 2 * (step + 1) {
                    break;
                }
                // On a busy machine the other one may have no processor.
                if waited > 1000 { yield_now() } else { std::hint::spin_loop() }
            }
            act(step);
        }
    };
    scope(|scope| {
        scope.spawn(|| run(&one));
        run(&other);
    });
}

#[tokio::test]
async fn of_a_revocation_and_an_attachment_at_once_one_closes_the_connection() {
    let (connection, _client) = Connection::detached().open();
    let sessions: Vec<Revocable> = (0..20_000).map(|_| Revocable::default()).collect();
    let closed: Vec<AtomicUsize> = sessions.iter().map(|_| AtomicUsize::new(0)).collect();
    let count = |step: usize, closes: bool| {
        closed[step].fetch_add(usize::from(closes), Ordering::Relaxed);
    };
    at_once(
        sessions.len(),
        |step| count(step, sessions[step].attach(&connection)),
        |step| count(step, sessions[step].revoke()),
    );
    let lost = closed.iter().filter(|closed| closed.load(Ordering::Relaxed) == 0).count();
    assert_eq!(lost, 0, "of {} connections lived on", sessions.len());
}

#[test]
fn of_a_revocation_and_a_registration_at_once_none_is_lost() {
    let revocations = Revocations::new();
    let sessions: Vec<Arc<Revocable>> = (0..2_000).map(|_| Arc::default()).collect();
    let registered: Vec<Mutex<Option<Registration>>> = sessions.iter().map(|_| Mutex::default()).collect();
    let id = |step: usize| TokenId::from(step.to_string());
    at_once(
        sessions.len(),
        |step| *lock(&registered[step]) = revocations.register(&sessions[step], None, Some(&id(step)), None).ok(),
        |step| assert!(revocations.revoke_id(id(step)).here() <= 1),
    );
    let live = registered.iter().zip(&sessions).filter(|(registered, _)| lock(registered).is_some());
    assert_eq!(live.filter(|(_, session)| !session.is_revoked()).count(), 0, "sessions live on");
}
