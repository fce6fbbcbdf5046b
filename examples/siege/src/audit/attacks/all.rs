//! The order in which an audit is run and printed.

use super::{
    super::attack::Attack, beside, connections, floods, frames, http2, origins, polite, silence, sizes, smuggling,
    tokens, transport,
};

/// All attacks, with legitimate clients first and last.
pub(in crate::audit) fn all() -> Vec<Attack> {
    let doors = [polite::FIRST, transport::ALL, origins::ALL, tokens::ALL, http2::ALL, smuggling::ALL, beside::ALL];
    let inside = [frames::ALL, sizes::ALL, floods::ALL, silence::ALL, connections::ALL, polite::LAST];
    doors.into_iter().chain(inside).flatten().copied().collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::audit::attack::Load;

    #[test]
    fn names_are_unique_and_legitimate_clients_come_first_and_last() {
        let all = all();
        let names: HashSet<_> = all.iter().map(|attack| attack.name).collect();
        assert_eq!(names.len(), all.len());
        assert_eq!(all.first().map(|attack| attack.group.name), Some("polite"));
        assert_eq!(all.last().map(|attack| attack.group.name), Some("polite"));
    }

    #[test]
    fn floods_and_bombs_are_heavy() {
        for attack in all().iter().filter(|attack| attack.group.name != "polite") {
            let floods = ["flood", "bomb", "unread"].iter().any(|word| attack.name.contains(word));
            assert_eq!(attack.load.is_heavy(), floods, "{}", attack.name);
            assert_eq!(attack.load == Load::Slow || attack.load == Load::SlowAndHeavy, attack.group.name == "silence");
        }
    }
}
