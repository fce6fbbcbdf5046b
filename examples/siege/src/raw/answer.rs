//! The head of a response.

use crate::Result;

/// The maximum size of the head of a response.
pub(super) const MOST: usize = 64 * 1024;

/// A status and headers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
}

impl Answer {
    /// Parses a head that ends with an empty line.
    pub(super) fn parse(head: &[u8]) -> Result<Self> {
        if !head.starts_with(b"HTTP/") {
            return Err("the response is not HTTP".into());
        }
        let status = std::str::from_utf8(head.get(9..12).ok_or("no status line")?)?.parse()?;
        let text = String::from_utf8_lossy(head);
        let pairs = text.lines().skip(1).filter_map(|line| line.split_once(':'));
        let headers = pairs.map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned())).collect();
        Ok(Self { status, headers })
    }

    /// A status without headers.
    pub(crate) fn of(status: u16) -> Self {
        Self { status, headers: Vec::new() }
    }

    /// The first header of this name, in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(of, _)| of == name).map(|(_, value)| value.as_str())
    }
}
