//! What callgrind counted, function by function.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fs, io,
    path::Path,
};

/// A buffer that grows in place or is copied, as the heap happens to lie: most of it is the read buffer of hyper's own
/// connection, of 8 KiB.
const MOVES: &str = "memcpy of realloc";

/// Instructions of each function, without those of what it calls.
#[derive(Debug, Clone, Default)]
pub(crate) struct Functions(BTreeMap<String, f64>);

impl Functions {
    /// Reads what callgrind has written (`callgrind(1)`, "Callgrind format specification").
    pub(crate) fn read(path: &Path) -> io::Result<Self> {
        Ok(Self::parse(&fs::read_to_string(path)?))
    }

    fn parse(text: &str) -> Self {
        let (mut names, mut counts): (HashMap<&str, &str>, BTreeMap<&str, f64>) = Default::default();
        let (mut current, mut called, mut of_a_call) = ("", "", false);
        for line in text.lines() {
            if let Some(name) = line.strip_prefix("fn=") {
                current = named(name, &mut names);
            } else if let Some(name) = line.strip_prefix("cfn=") {
                called = named(name, &mut names);
            } else if line.starts_with("calls=") {
                // The next line is what was called, and counted there.
                of_a_call = true;
            } else if line.starts_with(|first: char| first.is_ascii_digit() || "+-*".contains(first)) {
                let cost: Option<f64> = line.split_whitespace().nth(1).and_then(|cost| cost.parse().ok());
                let cost = cost.unwrap_or_default();
                if !std::mem::take(&mut of_a_call) {
                    *counts.entry(current).or_default() += cost;
                } else if current.contains("realloc") && called.contains("memcpy") {
                    *counts.entry(called).or_default() -= cost;
                    *counts.entry(MOVES).or_default() += cost;
                }
            }
        }
        let mut all = Self::default();
        for (name, cost) in counts {
            *all.0.entry(plain(name)).or_default() += cost;
        }
        all
    }

    /// What one of `count` costs, where `self` did twice as many as `once`: what a start costs cancels out.
    pub(crate) fn each(&self, once: &Self, count: u64) -> Self {
        let count = f64::from(u32::try_from(count).unwrap_or(u32::MAX));
        let mut each = self.0.clone();
        for (name, cost) in &once.0 {
            *each.entry(name.clone()).or_default() -= cost;
        }
        for cost in each.values_mut() {
            *cost /= count;
        }
        Self(each)
    }

    /// Without what is counted by the byte and differs from run to run, or is the same everywhere: the library's
    /// clearing of its read buffer, and buffers that are moved.
    pub(crate) fn all(&self) -> f64 {
        self.sum(|name| !is_by_the_byte(name))
    }

    /// Without hashes, too: callgrind's processor computes them in software.
    pub(crate) fn without_hashes(&self) -> f64 {
        self.sum(|name| !is_by_the_byte(name) && !is_hash(name))
    }

    fn sum(&self, counts: impl Fn(&str) -> bool) -> f64 {
        self.0.iter().filter(|(name, _)| counts(name)).map(|(_, cost)| cost).sum()
    }

    /// What differs most from others, the largest difference first: the others' cost, and this one's.
    pub(crate) fn beside<'a>(&'a self, others: &'a Self, most: usize) -> Vec<(&'a str, [f64; 2])> {
        let of = |functions: &Self, name| functions.0.get(name).copied().unwrap_or_default();
        let names: BTreeSet<&String> = self.0.keys().chain(others.0.keys()).collect();
        let mut rows: Vec<_> =
            names.into_iter().map(|name| (name.as_str(), [of(others, name), of(self, name)])).collect();
        let difference = |[others, this]: [f64; 2]| (this - others).abs();
        rows.retain(|(name, costs)| !is_by_the_byte(name) && difference(*costs) >= 1.0);
        rows.sort_by(|(_, one), (_, other)| difference(*other).total_cmp(&difference(*one)));
        rows.truncate(most);
        rows
    }
}

/// Names are written out once: `(7) name`, and then `(7)`.
fn named<'a>(text: &'a str, names: &mut HashMap<&'a str, &'a str>) -> &'a str {
    match text.split_once(' ') {
        Some((number, name)) => {
            names.insert(number, name);
            name
        }
        None => names.get(text).copied().unwrap_or(text),
    }
}

/// Without the depth of a recursion (`'2`) and the compiler's number (`::h0123456789abcdef`).
fn plain(name: &str) -> String {
    let name = name.split_once('\'').filter(|(_, depth)| depth.parse::<u32>().is_ok()).map_or(name, |(name, _)| name);
    match name.rsplit_once("::h") {
        Some((path, hash)) if hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()) => path.to_owned(),
        _ => name.to_owned(),
    }
}

fn is_by_the_byte(name: &str) -> bool {
    name.contains("memset") || name == MOVES
}

fn is_hash(name: &str) -> bool {
    ["sha2::", "sha1::"].iter().any(|of| name.contains(of)) && name.contains("compress")
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "\
version: 1
events: Ir
fn=(1) core::ops::run::h0123456789abcdef
16 10
calls=1 5
+2 90
cfn=(2) __memset_avx2_unaligned_erms
calls=3 7
* 40
fn=(2)
7 40
fn=(1)
+3 5
fn=(3) sha2::sha256::soft::compress'2
1 100
fn=(4) _int_realloc
1 5
cfn=(5) __memcpy_avx_unaligned_erms
calls=1 9
+1 60
fn=(5)
9 80
";

    #[test]
    fn what_a_function_calls_is_not_counted_twice() {
        let counted = Functions::parse(FILE);
        let [all, without_hashes] = [counted.all(), counted.without_hashes()].map(|count| format!("{count:.0}"));
        assert_eq!([all, without_hashes], ["140", "40"], "{counted:?}");
        assert_eq!(counted.beside(&Functions::default(), 1), [("sha2::sha256::soft::compress", [0.0, 100.0])]);
    }
}
