//! Whether the connection is encrypted.

use super::super::{
    attack::{Attack, Load},
    group::TRANSPORT,
    scope::Scope,
    verdict::Judged,
};
pub(super) const ALL: &[Attack] = &[Attack {
    name: "no encryption",
    group: &TRANSPORT,
    harm: "anyone on the path can read and change tokens and messages",
    load: Load::Light,
    run: |client| Ok(judge(&client.scope)),
}];

fn judge(scope: &Scope) -> Judged {
    if scope.secure {
        Judged::stopped("wss, and the certificate is trusted")
    } else if scope.is_elsewhere() {
        Judged::through("ws, over a network")
    } else {
        Judged::unclear("ws, on loopback: whether a proxy encrypts cannot be seen from here")
    }
}

#[cfg(test)]
mod tests {
    use super::{super::super::Verdict, *};

    #[test]
    fn only_a_network_shows_that_nothing_is_encrypted() {
        for (url, address, verdict) in [
            ("wss://example.com/", "192.0.2.1:443", Verdict::Stopped),
            ("ws://example.com/", "192.0.2.1:80", Verdict::Through),
            ("ws://example.com/", "127.0.0.1:80", Verdict::Unclear),
        ] {
            let found = |_: &str, _| Ok(vec![address.parse().expect("an address")]);
            let scope = Scope::of(url, Some("example.com"), found).expect("it is operated");
            assert_eq!(judge(&scope).verdict, verdict, "{url} at {address}");
        }
    }
}
