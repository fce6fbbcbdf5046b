//! The plan of an audit: its target, attacks and limits, checked before anything is sent.

use std::net::ToSocketAddrs;

use super::{
    arguments::{Arguments, FailOn},
    attack::Attack,
    attacks, caps,
    client::Client,
    facts::Facts,
    run::Run,
    scope::Scope,
    tls,
};

/// An audit that is allowed to run.
pub struct Plan {
    client: Client,
    attacks: Vec<Attack>,
    /// Whether floods and bombs are left out.
    spare: bool,
    pub(super) arguments: Arguments,
}

impl Plan {
    /// Parses the arguments of `siege audit`, and looks up the host of the URL.
    ///
    /// # Errors
    ///
    /// A message for the user, if the arguments are invalid, or the server may not be attacked.
    pub fn parse(words: &[String]) -> Result<Self, String> {
        let mut arguments = Arguments::parse(words)?;
        let scope = Scope::of(&arguments.url, arguments.i_operate.as_deref(), |host, port| {
            Ok((host, port).to_socket_addrs()?.collect())
        })?;
        let attacks = chosen(&arguments)?;
        if arguments.ca.is_some() && !scope.secure {
            return Err("--ca needs a wss:// URL".to_owned());
        }
        let config = if scope.secure { Some(tls::config(arguments.ca.as_deref())?) } else { None };
        let facts = facts(&mut arguments, &scope);
        let spare = scope.is_elsewhere() && !arguments.with_load;
        let client = Client::new(scope, facts, arguments.limits.clone(), config);
        Ok(Self { client, attacks, spare, arguments })
    }

    /// The description that is printed before anything is sent.
    pub fn preamble(&self) -> String {
        let Client { scope, limits, .. } = &self.client;
        let load = if self.spare { "\nload: floods and bombs are left out without --with-load" } else { "" };
        format!(
            "target: {}, pinned to {}\ncaps: {}\nlimits to try: {}{load}",
            // A query may hold a token.
            self.arguments.url.split('?').next().unwrap_or_default(),
            scope.address,
            caps::sentence(),
            limits.sentence()
        )
    }

    /// The names of the attacks to run, in order.
    pub fn names(&self) -> Vec<&'static str> {
        self.attacks.iter().map(|attack| attack.name).collect()
    }

    /// Turns the plan into a run.
    pub(super) fn begin(self) -> (Run, FailOn) {
        (Run::new(self.client, self.attacks, self.spare), self.arguments.fail_on)
    }

    pub(super) fn attacks(&self) -> &[Attack] {
        &self.attacks
    }
}

/// The selected attacks.
fn chosen(arguments: &Arguments) -> Result<Vec<Attack>, String> {
    let has = |attack: &Attack, text: &String| attack.name.contains(text.as_str()) || attack.group.name == text;
    let Arguments { only, skip, .. } = arguments;
    for text in only.iter().chain(skip) {
        if !attacks::all().iter().any(|attack| has(attack, text)) {
            return Err(format!("no attack has {text:?} in its name or is of this kind: see --list"));
        }
    }
    let wanted = |attack: &Attack| only.is_empty() || only.iter().any(|text| has(attack, text));
    let mut chosen = attacks::all();
    chosen.retain(|attack| wanted(attack) && !skip.iter().any(|text| has(attack, text)));
    if chosen.is_empty() { Err("no attack is left: --skip excludes all of --only".to_owned()) } else { Ok(chosen) }
}

/// Moves the facts out of the arguments.
fn facts(arguments: &mut Arguments, scope: &Scope) -> Facts {
    let mut facts = std::mem::take(&mut arguments.facts);
    if facts.origin.is_empty() {
        facts.origin = scope.origin();
    }
    facts
}

impl std::fmt::Debug for Plan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The facts of the client contain the token.
        f.debug_struct("Plan").field("address", &self.client.scope.address).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spares(line: &str) -> bool {
        // An IP address needs no lookup, and nothing is sent before the run.
        let words: Vec<_> = line.split_whitespace().map(str::to_owned).collect();
        let plan = Plan::parse(&words).expect("it may be attacked");
        assert_eq!(plan.preamble().contains("floods and bombs are left out"), plan.spare, "{line}");
        plan.spare
    }

    #[test]
    fn load_elsewhere_needs_an_option() {
        assert!(spares("ws://192.0.2.1/ws --i-operate 192.0.2.1"));
        assert!(!spares("ws://192.0.2.1/ws --i-operate 192.0.2.1 --with-load"));
        assert!(!spares("ws://127.0.0.1/ws"));
    }

    #[test]
    fn the_preamble_has_the_caps_and_the_address_but_no_token() {
        let plan = Plan::parse(&["ws://127.0.0.1:7/ws?token=secret".to_owned()]).expect("it is loopback");
        let preamble = plan.preamble();
        assert!(preamble.contains("pinned to 127.0.0.1:7") && preamble.contains(&caps::sentence()), "{preamble}");
        assert!(!preamble.contains("secret"), "{preamble}");
    }
}
