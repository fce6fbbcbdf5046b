//! How permits are written in the store: as members of a key's set, and in messages to the node that has them.
//!
//! Both are read back from the store, and may have been written by any program that can write there. What cannot be
//! read is skipped: it names no connection of this node.

use portcullis_core::shared::Name;

/// A permit among those of a key.
pub(super) fn member(incarnation: u64, permit: u64) -> String {
    format!("{incarnation}:{permit}")
}

/// Whose it is, and which.
pub(super) fn parse_member(member: &str) -> Option<(u64, u64)> {
    let (incarnation, permit) = member.split_once(':')?;
    Some((incarnation.parse().ok()?, permit.parse().ok()?))
}

/// What a node is told: a permit of one of its keys makes room.
pub(super) fn message(name: Name, permit: u64) -> String {
    format!("{name}:{permit}")
}

pub(super) fn parse_message(message: &str) -> Option<(Name, u64)> {
    let (name, permit) = message.split_once(':')?;
    Some((name.parse().ok()?, permit.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_nothing_else() {
        let name = Name::from_bytes(std::array::from_fn(|at| u8::try_from(at * 17).unwrap()));
        assert_eq!(parse_message(&message(name, 12)), Some((name, 12)));
        assert_eq!(parse_member(&member(3, 4)), Some((3, 4)));
        for bad in [
            "",
            ":",
            "00:1",
            "g0112233445566778899aabbccddeeff:1",
            "+0112233445566778899aabbccddeeff:1",
            "é112233445566778899aabbccddeeff:1",
        ] {
            assert_eq!(parse_message(bad), None, "{bad}");
        }
        for bad in ["", "1", "1:", ":1", "1:2:3", "-1:2"] {
            assert_eq!(parse_member(bad), None, "{bad}");
        }
    }
}
