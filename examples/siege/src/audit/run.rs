//! Runs one attack after another, with a legitimate client between any two of them.

use std::{
    thread,
    time::{Duration, Instant},
};

use super::{
    attack::Attack,
    attacks::{all, control},
    caps,
    client::Client,
    report::Finding,
    verdict::{Judged, Verdict},
};

/// A running audit.
pub(super) struct Run {
    client: Client,
    attacks: Vec<Attack>,
    spare: bool,
    end: Instant,
    /// Why no more attacks are run.
    over: Option<String>,
}

impl Run {
    pub(super) fn new(client: Client, attacks: Vec<Attack>, spare: bool) -> Self {
        Self { client, attacks, spare, end: Instant::now() + caps::AUDIT, over: None }
    }

    /// Runs all attacks. Calls `begins` with the name of each attack before it is run, and `done` with its finding.
    ///
    /// # Errors
    ///
    /// A message for the user, if the server does not admit a legitimate client. Then no attack was started.
    pub(super) fn run(
        mut self,
        begins: &mut dyn FnMut(&'static str),
        done: &mut dyn FnMut(Finding),
    ) -> Result<(), String> {
        self.client = self.client.learn()?;
        let mut slow: Vec<Attack> = self.attacks.iter().filter(|attack| attack.load.is_slow()).copied().collect();
        for attack in self.attacks.clone() {
            if !attack.load.is_slow() {
                begins(attack.name);
                let judged = self.attack(&attack);
                done(Finding::new(&attack, judged));
                self.look_after(&attack, done);
            } else if !slow.is_empty() {
                begins("silence");
                let attacks = std::mem::take(&mut slow);
                for (attack, judged) in attacks.iter().zip(self.at_once(&attacks)) {
                    done(Finding::new(attack, judged));
                }
                self.look_after(&attack, done);
            }
        }
        Ok(())
    }

    fn attack(&self, attack: &Attack) -> Judged {
        match self.why_not(attack) {
            Some(why) => Judged::not_run(why),
            None => attempt(&self.client.afresh(), attack),
        }
    }

    fn why_not(&self, attack: &Attack) -> Option<String> {
        if let Some(over) = &self.over {
            return Some(over.clone());
        }
        if self.spare && attack.load.is_heavy() {
            return Some("a flood or bomb not on loopback needs --with-load".to_owned());
        }
        (Instant::now() >= self.end).then(|| "the time of the audit is over".to_owned())
    }

    /// Runs the slow attacks concurrently, as they mostly wait.
    fn at_once(&self, attacks: &[Attack]) -> Vec<Judged> {
        thread::scope(|scope| {
            let threads: Vec<_> = attacks.iter().map(|attack| scope.spawn(|| self.attack(attack))).collect();
            let panicked = || Judged::unclear("the attacker has failed");
            threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| panicked())).collect()
        })
    }

    /// Waits, so that the handshakes of all attacks together are not a flood: about three per attack, at half the limit
    /// on handshakes.
    fn pace(&self) {
        let handshakes = u32::try_from(self.client.limits.handshakes).unwrap_or(u32::MAX);
        thread::sleep(Duration::from_mins(1) / handshakes);
    }

    /// Ends the run if an attack has left the server unusable.
    fn look_after(&mut self, attack: &Attack, done: &mut dyn FnMut(Finding)) {
        if self.over.is_some() {
            return;
        }
        self.pace();
        if let Err(how) = control(&self.client.afresh()) {
            let after = Judged::turned_away(format!("{how}, after \"{}\"", attack.name));
            if let Some(last) = all().last() {
                done(Finding::new(last, after));
            }
            self.over = Some(format!("the server turned its own page away after \"{}\"", attack.name));
        }
    }
}

/// Runs one attack. A failure to run it is not a verdict.
fn attempt(client: &Client, attack: &Attack) -> Judged {
    let judged = (attack.run)(client).unwrap_or_else(|error| Judged::unclear(format!("could not be run: {error}")));
    if attack.group.name == "polite" && judged.verdict == Verdict::Unclear {
        return Judged::turned_away(judged.observed);
    }
    judged
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{attack::Load, plan::Plan};

    #[test]
    fn floods_and_bombs_elsewhere_are_left_out_without_with_load() {
        // Nothing is sent: no attack is run.
        let words = ["ws://127.0.0.1:1/"].map(str::to_owned);
        for spare in [false, true] {
            let plan = Plan::parse(&words).expect("it is loopback");
            let attacks = plan.attacks().to_vec();
            let (run, _) = plan.begin();
            let run = Run { spare, ..run };
            for attack in attacks {
                let left_out = spare && matches!(attack.load, Load::Heavy | Load::SlowAndHeavy);
                assert_eq!(run.why_not(&attack).is_some(), left_out, "{}", attack.name);
            }
        }
    }

    #[test]
    fn no_attack_is_run_when_the_time_is_over() {
        let plan = Plan::parse(&["ws://127.0.0.1:1/".to_owned()]).expect("it is loopback");
        let attack = *plan.attacks().first().expect("there are attacks");
        let (run, _) = plan.begin();
        let over = Run { end: Instant::now(), ..run };
        assert!(over.why_not(&attack).is_some_and(|why| why.contains("is over")));
    }
}
