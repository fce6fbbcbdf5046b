//! The head of an answer.

use crate::Result;

/// The most bytes that the head of an answer may have.
pub(super) const MOST: usize = 64 * 1024;

/// A status and headers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
}

impl Answer {
    /// Reads a head that ends with its empty line.
    pub(super) fn parse(head: &[u8]) -> Result<Self> {
        if !head.starts_with(b"HTTP/") {
            return Err("the answer is not one of HTTP".into());
        }
        let status = std::str::from_utf8(head.get(9..12).ok_or("no status line")?)?.parse()?;
        let text = String::from_utf8_lossy(head);
        let pairs = text.lines().skip(1).filter_map(|line| line.split_once(':'));
        let headers = pairs.map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned())).collect();
        Ok(Self { status, headers })
    }

    /// A status whose headers are not read.
    pub(crate) fn of(status: u16) -> Self {
        Self { status, headers: Vec::new() }
    }

    /// The first header of that name, which is in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(of, _)| of == name).map(|(_, value)| value.as_str())
    }
}
