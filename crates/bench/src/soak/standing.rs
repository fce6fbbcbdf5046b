//! What a server holds.

use std::{fmt, fs, io};

use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;

use crate::heap;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Standing {
    /// Bytes that were allocated and not freed.
    heap: usize,
    /// Resident memory, in bytes.
    resident: usize,
    files: usize,
    tasks: usize,
    pub(super) permits: usize,
    pub(super) registry: usize,
}

/// What tables keep that were larger for a moment than in the first minute. There are some 20,000 visits a minute: if
/// each left anything behind, that would be seen.
const MORE_HEAP: usize = 512 * 1024;
/// What lies in pages of which a part is in use.
const MORE_RESIDENT: usize = 32 * 1024 * 1024;

impl Standing {
    /// That of this process.
    pub(super) fn now(permits: usize, registry: usize) -> io::Result<Self> {
        let files = fs::read_dir("/proc/self/fd")?.count();
        let tasks = Handle::current().metrics().num_alive_tasks();
        Ok(Self { heap: heap::live(), resident: resident()?, files, tasks, permits, registry })
    }

    /// Whether a server holds no more than it did `before`, and nothing of any connection.
    pub(super) fn is_back_at(&self, before: &Self) -> bool {
        let nothing = self.permits == 0 && self.registry == 0;
        let same = self.files <= before.files && self.tasks <= before.tasks;
        nothing && same && self.heap <= before.heap + MORE_HEAP && self.resident <= before.resident + MORE_RESIDENT
    }

    pub(super) fn head() -> String {
        let columns = ["heap KiB", "resident KiB", "files", "tasks", "permits", "registry"];
        columns.map(|column| format!("{column:>13}")).concat()
    }

    pub(super) fn bounds() -> String {
        let (heap, resident) = (MORE_HEAP / 1024, MORE_RESIDENT / 1024);
        let columns = [format!("+{heap}"), format!("+{resident}"), "+0".into(), "+0".into(), "0".into(), "0".into()];
        columns.map(|column| format!("{column:>13}")).concat()
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { heap, resident, files, tasks, permits, registry } = self;
        let (heap, resident) = (heap / 1024, resident / 1024);
        write!(f, "{heap:>13}{resident:>13}{files:>13}{tasks:>13}{permits:>13}{registry:>13}")
    }
}

fn resident() -> io::Result<usize> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse::<usize>().ok());
    kib.map(|kib| kib * 1024).ok_or_else(|| io::Error::other("no VmRSS in /proc"))
}
