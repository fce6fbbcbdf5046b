//! The limits that a server is meant to enforce, as stated by its operator.

use std::time::Duration;

use super::caps;

/// The stated limits. Attacks exceed them.
#[derive(Debug, Clone)]
pub(super) struct Limits {
    /// Messages per connection: at once, and per second.
    pub(super) burst: usize,
    pub(super) rate: usize,
    /// Bytes per message.
    pub(super) size: usize,
    /// Bytes per connection at once, if there is such a limit.
    pub(super) bytes: Option<usize>,
    /// Sockets per client.
    pub(super) sockets: usize,
    /// Handshakes per client in ten seconds.
    pub(super) handshakes: usize,
    /// Seconds for which a client may be silent, leave pings unanswered, not read, or take for a handshake or a
    /// message.
    pub(super) silence: usize,
}

/// The name of an option, its maximum, and its unit.
struct Bound(&'static str, usize, &'static str);

const BOUNDS: [Bound; 7] = [
    Bound("burst", 5000, "messages"),
    Bound("rate", 1000, "messages per second"),
    Bound("size", 4 * 1024 * 1024, "bytes per message"),
    Bound("bytes", 4 * 1024 * 1024, "bytes"),
    Bound("sockets", 200, "sockets"),
    Bound("handshakes", 200, "handshakes"),
    Bound("silence", 100, "seconds"),
];

impl Limits {
    /// Sets the limit of this name.
    pub(super) fn set(&mut self, name: &str, value: usize) -> Result<(), String> {
        let Bound(_, most, unit) = BOUNDS.iter().find(|bound| bound.0 == name).ok_or("no such limit")?;
        if value == 0 || value > *most {
            return Err(format!("--{name} {value}: an audit can try limits of 1 to {most} {unit}"));
        }
        match name {
            "burst" => self.burst = value,
            "rate" => self.rate = value,
            "size" => self.size = value,
            "bytes" => self.bytes = Some(value),
            "sockets" => self.sockets = value,
            "handshakes" => self.handshakes = value,
            _ => self.silence = value,
        }
        Ok(())
    }

    /// The number of messages in a flood: several times the limit.
    pub(super) fn flood(&self) -> usize {
        (10 * (self.burst + self.rate)).clamp(1000, caps::FRAMES)
    }

    /// How many messages may be answered in this time.
    pub(super) fn messages_in(&self, time: Duration) -> u64 {
        let seconds = time.as_secs() + 1;
        self.burst as u64 + self.rate as u64 * seconds
    }

    /// How long a silent client is watched: the limit, and some time for a response.
    pub(super) fn watch(&self) -> Duration {
        Duration::from_secs(self.silence as u64).min(caps::ATTACK) + Duration::from_secs(2)
    }

    /// The description that is printed before anything is sent.
    pub(super) fn sentence(&self) -> String {
        let bytes = self.bytes.map(|bytes| format!(" and {bytes} bytes")).unwrap_or_default();
        format!(
            "{} messages{bytes} at once, {} messages per second, {} bytes per message, {} sockets, \
             {} handshakes in 10 s, {} s of silence",
            self.burst, self.rate, self.size, self.sockets, self.handshakes, self.silence
        )
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { burst: 100, rate: 100, size: 64 * 1024, bytes: None, sockets: 100, handshakes: 100, silence: 60 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_accepted_limit_can_be_tried_within_the_caps() {
        for Bound(name, most, _) in BOUNDS {
            for (value, accepted) in [(0, false), (1, true), (most, true), (most + 1, false), (usize::MAX, false)] {
                let mut limits = Limits::default();
                assert_eq!(limits.set(name, value).is_ok(), accepted, "--{name} {value}");
                assert!(limits.flood() <= caps::FRAMES && limits.watch() <= caps::ATTACK, "--{name} {value}");
                assert!(limits.sockets < caps::SOCKETS && 2 * limits.handshakes < caps::CONNECTIONS);
                assert!(limits.bytes.unwrap_or_default().max(limits.size) * 4 <= caps::BYTES);
            }
        }
    }
}
