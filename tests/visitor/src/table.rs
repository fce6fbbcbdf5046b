//! The table of what clients see, as in the READMEs.

use std::fmt::{self, Display};

/// Rows of what a client does and what it sees.
#[derive(Debug, Default)]
pub struct Table(Vec<(String, String)>);

impl Table {
    /// An empty table.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a row.
    pub fn row(&mut self, client: impl Display, sees: impl Display) {
        self.0.push((client.to_string(), sees.to_string()));
    }

    /// Prints the table, and asserts that `readme` contains it.
    pub fn assert_in(&self, readme: &str) {
        println!("{self}");
        let lines = readme.lines().skip_while(|line| !line.starts_with("| A client that"));
        let documented: Vec<_> = lines.take_while(|line| line.starts_with('|')).collect();
        assert_eq!(documented, self.to_string().lines().collect::<Vec<_>>(), "README");
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("| A client that | sees |\n| --- | --- |")?;
        self.0.iter().try_for_each(|(client, sees)| write!(f, "\n| {client} | {sees} |"))
    }
}
