//! A run: half a minute by default; `PORTCULLIS_FAULTS_SECONDS` says how many seconds.

use std::{
    env, thread,
    time::{Duration, Instant},
};

use redis_tests::{Proxy, Server};

use super::{
    client::Client,
    messages, permits, storms, strikes,
    world::{Dice, NODES, World, lock},
};

#[tokio::test(flavor = "multi_thread")]
async fn faults_of_all_kinds_at_once_pass_no_limit_lose_no_word_and_leak_nothing() {
    let seconds = env::var("PORTCULLIS_FAULTS_SECONDS").map_or(30, |seconds| seconds.parse().unwrap());
    let mut server = Server::start();
    let mut proxies = Vec::new();
    for _ in 0..NODES {
        proxies.push(Proxy::to(server.port()).await);
    }
    let flushing = redis::Client::open(server.url()).unwrap();
    let flush = || redis::cmd("FLUSHALL").exec(&mut flushing.get_connection().unwrap()).unwrap();
    let world = World::new(&proxies, Duration::from_secs(seconds));
    let mut clients = thread::scope(|scope| {
        let workers: Vec<_> = (0..NODES)
            .map(|node| {
                let world = &world;
                scope.spawn(move || {
                    let mut dice = Dice(0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(node as u64 + 1));
                    let mut client = Client::start(world, node);
                    while !world.is_over() {
                        client = client.act(&mut dice);
                    }
                    client
                })
            })
            .collect();
        for nodes in [[0, 1], [2, 3], [4, 5]] {
            let world = &world;
            scope.spawn(move || storms::misbehave(world, &nodes));
        }
        storms::lose(&world, &mut server, flush);
        workers.into_iter().map(|worker| worker.join().unwrap()).collect::<Vec<_>>()
    });
    for client in &mut clients {
        while client.ask("health") != "Joined" {
            thread::yield_now();
        }
    }
    strikes::finish(&world, &mut clients);
    messages::finish(&world);
    let (start, live) = (Instant::now(), permits::settle(&server, &world).await);
    print(&world, live, start.elapsed());
    assert_eq!(world.all_wrong(), [""; 0]);
    assert!(lock(&world.permits).seen.taken > 0 && lock(&world.permits).seen.refused > 0);
    assert!(lock(&world.tickets).seen.used > 0 && lock(&world.tickets).seen.refused > 0);
    assert!(lock(&world.messages).seen.passed > 0);
    let strikes = &lock(&world.tokens).seen;
    assert!(strikes.connected > 0 && strikes.revocations[0] > 0 && strikes.commands[0] > 0);
}

fn print(world: &World<'_>, live: usize, after: Duration) {
    println!("{:.0?} of {:#?}", world.start.elapsed(), lock(&world.faults));
    print!("{}", lock(&world.permits).seen);
    println!("  at the end {live} live, and as many in the store after {after:.1?}");
    print!("{}", lock(&world.tickets).seen);
    print!("{}", lock(&world.tokens).seen);
    print!("{}", lock(&world.messages).seen);
}
