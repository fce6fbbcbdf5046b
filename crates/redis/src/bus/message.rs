//! What stands in an entry of the stream, as one line.
//!
//! - `r<name> <which tokens> <life in ms> <a or ->`: a revocation; `a` closes all live connections.
//! - `c<scope> <whose> <what>`: a command, to `s<subject>`, `i<client ip>`, `n<node>.<connection>` or `*`; to close
//!   with a code and a reason, `-` to close without, `x` to cut off.
//!
//! Subjects, addresses and tokens are names: hashes with a secret. The reason of a close frame is the rest of the line,
//! as the application wrote it.
//!
//! The parser is total, and strict. A program that can write to the stream can close every connection anyway, so it
//! need not exploit a parser; but one that panicked or read a broken line as a broad command would turn an accident
//! into an outage. A line that is too long, has a word too many, a name of another length, a code that must not be sent
//! or a reason that does not fit is none of ours, and nothing is done.

use std::time::Duration;

use portcullis_core::{
    CloseCode, CloseFrame, CloseReason,
    shared::{Command, CommandAction, CommandTarget, Issued, Name, Revocation},
};

/// The longest line: a command to one connection of one node, with the longest reason. Checked before anything is read
/// from the line, so that what is looked at is bounded.
const MAX_LINE: usize = 128 + CloseReason::MAX_BYTES;

/// For good: longer than any token lives. Times are added to clocks on every node, and no clock can say what is later.
const FOR_GOOD: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// What all nodes are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Message {
    Revocation(Revocation),
    Command {
        /// Whose registries hear it.
        scope: Name,
        command: Command,
    },
}

impl Message {
    /// The line for it, which [`parse`](Self::parse) reads.
    pub(super) fn write(&self) -> String {
        match self {
            Self::Revocation(revocation) => {
                let all = if revocation.all_live { 'a' } else { '-' };
                let (name, issued) = (revocation.name, revocation.issued.as_u64());
                format!("r{name} {issued} {} {all}", millis(revocation.life))
            }
            Self::Command { scope, command } => {
                format!("c{scope} {} {}", write_target(command.target), write_action(&command.action))
            }
        }
    }

    /// `None` if it is none of ours.
    pub(super) fn parse(line: &str) -> Option<Self> {
        if line.len() > MAX_LINE {
            return None;
        }
        if let Some(revocation) = line.strip_prefix('r') {
            return parse_revocation(revocation).map(Self::Revocation);
        }
        // Three parts and not more: a reason has spaces of its own.
        let mut words = line.strip_prefix('c')?.splitn(3, ' ');
        let (scope, target, action) = (words.next()?, words.next()?, words.next()?);
        let command = Command::new(parse_target(target)?, parse_action(action)?);
        Some(Self::Command { scope: scope.parse().ok()?, command })
    }
}

/// How long a revocation is remembered, in milliseconds.
pub(super) fn millis(life: Duration) -> u64 {
    u64::try_from(life.min(FOR_GOOD).as_millis()).unwrap_or(u64::MAX)
}

pub(super) fn life(millis: u64) -> Duration {
    Duration::from_millis(millis).min(FOR_GOOD)
}

fn parse_revocation(line: &str) -> Option<Revocation> {
    let words: Vec<_> = line.split(' ').collect();
    let [name, issued, millis, all] = words[..] else { return None };
    let issued = Issued::from_u64(issued.parse().ok()?);
    let revocation = Revocation::new(name.parse().ok()?, issued, life(millis.parse().ok()?));
    match all {
        "a" => Some(revocation.all_live()),
        "-" => Some(revocation),
        _ => None,
    }
}

fn write_target(target: CommandTarget) -> String {
    match target {
        CommandTarget::Subject(name) => format!("s{name}"),
        CommandTarget::ClientIp(name) => format!("i{name}"),
        CommandTarget::Connection(node, id) => format!("n{node}.{id}"),
        CommandTarget::All => String::from("*"),
    }
}

fn parse_target(word: &str) -> Option<CommandTarget> {
    if word == "*" {
        return Some(CommandTarget::All);
    }
    // Checked, because the first character may be longer than a byte.
    let (kind, name) = word.split_at_checked(1)?;
    match kind {
        "s" => Some(CommandTarget::Subject(name.parse().ok()?)),
        "i" => Some(CommandTarget::ClientIp(name.parse().ok()?)),
        "n" => {
            let (node, id) = name.split_once('.')?;
            Some(CommandTarget::Connection(node.parse().ok()?, id.parse().ok()?))
        }
        _ => None,
    }
}

fn write_action(action: &CommandAction) -> String {
    match action {
        CommandAction::Abort => String::from("x"),
        CommandAction::Close(frame) => match frame.code() {
            Some(code) => format!("{} {}", code.as_u16(), frame.reason()),
            None => String::from("-"),
        },
    }
}

fn parse_action(words: &str) -> Option<CommandAction> {
    match words {
        "x" => Some(CommandAction::Abort),
        "-" => Some(CommandAction::Close(CloseFrame::empty())),
        _ => {
            let (code, reason) = words.split_once(' ')?;
            let code = CloseCode::new(code.parse().ok()?).ok()?;
            // Not cut to what fits, as it is for an application: no node writes such a line.
            (reason.len() <= CloseReason::MAX_BYTES)
                .then(|| CommandAction::Close(CloseFrame::new(code, reason.to_owned())))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{SystemTime, UNIX_EPOCH};

    use portcullis_core::shared::NodeId;

    use super::*;

    const NAME: Name = Name::from_bytes([0xab; 16]);

    #[test]
    fn what_is_written_is_read() {
        let node = NodeId::from_bytes([1; 16]);
        let id = u64::MAX.to_string().parse().unwrap();
        let longest = "x".repeat(CloseReason::MAX_BYTES);
        let actions = [
            CommandAction::Abort,
            CommandAction::Close(CloseFrame::empty()),
            CommandAction::Close(CloseFrame::new(CloseCode::NORMAL, "")),
            CommandAction::Close(CloseFrame::new(CloseCode::POLICY_VIOLATION, "banned: see the rules ")),
            CommandAction::Close(CloseFrame::new(CloseCode::POLICY_VIOLATION, longest)),
        ];
        let all = [
            CommandTarget::Subject(NAME),
            CommandTarget::ClientIp(NAME),
            CommandTarget::Connection(node, id),
            CommandTarget::All,
        ];
        for (target, action) in all.iter().flat_map(|target| actions.iter().map(move |action| (target, action))) {
            let message = Message::Command { scope: NAME, command: Command::new(*target, action.clone()) };
            assert_eq!(Message::parse(&message.write()), Some(message), "{target:?} {action:?}");
        }
        for issued in [Issued::ALL, Issued::before(UNIX_EPOCH), Issued::up_to(SystemTime::now())] {
            let revocation = Revocation::new(NAME, issued, Duration::from_secs(60));
            for revocation in [revocation, revocation.all_live()] {
                let message = Message::Revocation(revocation);
                assert_eq!(Message::parse(&message.write()), Some(message));
            }
        }
    }

    #[test]
    fn what_is_none_of_ours_is_skipped() {
        let name = NAME.to_string();
        for line in [
            String::new(),
            String::from("r"),
            String::from("c"),
            String::from("é"),
            format!("r{name} 1 1"),
            format!("r{name} 1 1 b"),
            format!("r{name} -1 1 -"),
            format!("r{name} 1 1 - -"),
            format!("r{} 1 1 -", &name[1..]),
            format!("x{name} * x"),
            format!("c{name} * "),
            format!("c{name} * 1000"),
            format!("c{name} * 1005 never sent"),
            format!("c{name} * 99999 x"),
            format!("c{name} é x"),
            format!("c{name} s x"),
            format!("c{name} n{name} x"),
            format!("c{name} n{name}.-1 x"),
            format!("c{name} * 1000 {}", "x".repeat(CloseReason::MAX_BYTES + 1)),
            "r".repeat(1 << 20),
        ] {
            assert_eq!(Message::parse(&line), None, "{line}");
        }
    }

    #[test]
    fn no_revocation_is_remembered_for_longer_than_a_clock_can_say() {
        let revocation = Revocation::new(NAME, Issued::ALL, Duration::MAX);
        let Some(Message::Revocation(read)) = Message::parse(&Message::Revocation(revocation).write()) else {
            panic!()
        };
        assert_eq!(read.life, FOR_GOOD);
        let hostile = format!("r{NAME} {0} {0} -", u64::MAX);
        assert!(matches!(Message::parse(&hostile), Some(Message::Revocation(read)) if read.life == FOR_GOOD));
    }
}
