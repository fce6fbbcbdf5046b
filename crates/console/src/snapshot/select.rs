//! Selects the rows of one page, without sorting all of them.

use std::cmp::Ordering;

use super::{
    query::{Query, Sort},
    row::Row,
    take::Snapshot,
};
use crate::mask::{Mask, contains};

impl Snapshot {
    /// Returns how many connections a query matches, and the indexes of those on its page, in order.
    pub(crate) fn select(&self, query: &Query, mask: &Mask) -> (usize, Vec<usize>) {
        let mut found: Vec<usize> = if query.is_plain() {
            (0..self.rows.len()).collect()
        } else {
            let matches = |(at, row): (usize, &Row)| query.matches(row, mask).then_some(at);
            self.rows.iter().enumerate().filter_map(matches).collect()
        };
        let matched = found.len();
        let by = |one: &usize, other: &usize| query.compare(&self.rows[*one], &self.rows[*other], mask);
        let first = query.offset.min(matched);
        // Partition off the rows before the page, then those after it.
        if first > 0 && first < matched {
            found.select_nth_unstable_by(first, by);
        }
        let rest = &mut found[first..];
        if rest.len() > query.limit {
            rest.select_nth_unstable_by(query.limit, by);
        }
        let mut page = rest[..rest.len().min(query.limit)].to_vec();
        page.sort_unstable_by(by);
        (matched, page)
    }
}

impl Query {
    fn is_plain(&self) -> bool {
        self.search.is_empty() && self.subject.is_none() && self.client.is_none() && self.state.is_none()
    }

    fn matches(&self, row: &Row, mask: &Mask) -> bool {
        let of_subject = |wanted: &String| row.subject.as_ref().is_some_and(|subject| subject.is(wanted));
        // A masked address cannot be found out by filtering for guesses.
        let of_client = |wanted| !mask.hides_addresses() && row.client.is_some_and(|ip| ip.to_canonical() == wanted);
        self.subject.as_ref().is_none_or(of_subject)
            && self.client.is_none_or(|wanted| of_client(wanted.to_canonical()))
            && self.state.is_none_or(|wanted| row.state == wanted)
            && (self.search.is_empty() || self.is_found_in(row, mask))
    }

    fn is_found_in(&self, row: &Row, mask: &Mask) -> bool {
        row.subject.as_ref().is_some_and(|subject| subject.has(&self.search))
            || row.client.is_some_and(|client| contains(&mask.address(client), &self.search))
            || row.id.to_string() == self.search
    }

    /// Rows without a value come last, in both directions. Ties are broken by id, so that pages do not overlap.
    fn compare(&self, one: &Row, other: &Row, mask: &Mask) -> Ordering {
        // As far as it is shown: the order of masked addresses would reveal them.
        let network = |row: &Row| row.client.map(|client| mask.network(client));
        let rate = |row: &Row, of: fn(&super::row::Rates) -> f32| row.rates.as_ref().map(of).map(Sortable);
        let order = match self.sort {
            // Ids are assigned in order: a lower id is an older connection.
            Sort::Age => self.directed(Some(other.id), Some(one.id)),
            Sort::Subject => self.directed(one.subject.as_ref(), other.subject.as_ref()),
            Sort::Client => self.directed(network(one), network(other)),
            Sort::State => self.directed(Some(one.state), Some(other.state)),
            Sort::MessagesIn => self.directed(rate(one, |r| r.messages_in), rate(other, |r| r.messages_in)),
            Sort::MessagesOut => self.directed(rate(one, |r| r.messages_out), rate(other, |r| r.messages_out)),
            Sort::BytesIn => self.directed(rate(one, |r| r.bytes_in), rate(other, |r| r.bytes_in)),
            Sort::BytesOut => self.directed(rate(one, |r| r.bytes_out), rate(other, |r| r.bytes_out)),
            Sort::RoundTrip => self.directed(one.round_trip, other.round_trip),
            Sort::QuotaLeft => self.directed(one.quota_left, other.quota_left),
            Sort::ExpiresAt => self.directed(one.expires_at, other.expires_at),
        };
        order.then(one.id.cmp(&other.id))
    }

    fn directed<T: Ord>(&self, one: Option<T>, other: Option<T>) -> Ordering {
        match (one, other) {
            (Some(one), Some(other)) if self.ascending => one.cmp(&other),
            (Some(one), Some(other)) => other.cmp(&one),
            (one, other) => one.is_none().cmp(&other.is_none()),
        }
    }
}

/// A float with a total order.
#[derive(PartialEq)]
struct Sortable(f32);

impl Eq for Sortable {}

impl PartialOrd for Sortable {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Sortable {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}
