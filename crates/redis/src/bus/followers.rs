//! Who on this node is told what the stream says, and how fresh the copies are.
//!
//! Followers are held weakly: a layer that is dropped ends its registry or its copy, without having to say so here.
//!
//! All copies of a node have one time until when they are complete, `whole_at`. It is the time at which a question was
//! *sent* whose answer said that there was nothing more, because at that moment nothing was missing; when the answer
//! came is later by however long it took. A copy that begins to follow makes the time unknown, as nothing was read into
//! it.

use std::{
    sync::{Arc, Weak},
    time::Instant,
};

use portcullis_core::shared::{Command, CommandHandler, Name, RevocationCopy};

/// Who on this node is told.
#[derive(Default)]
pub(crate) struct Followers {
    copies: Vec<Weak<dyn RevocationCopy>>,
    registries: Vec<(Name, Weak<dyn CommandHandler>)>,
    /// Changes with the copies.
    generation: u64,
    /// Until when the copies are known to be whole.
    whole_at: Option<Instant>,
}

impl Followers {
    pub(crate) fn follow(&mut self, copy: Weak<dyn RevocationCopy>) {
        self.copies.retain(|copy| copy.strong_count() > 0);
        self.copies.push(copy);
        // A snapshot that is being read is read into the copies of before. Its end must not call this one complete.
        self.generation += 1;
        self.whole_at = None;
    }

    pub(crate) fn deliver(&mut self, scope: Name, to: Weak<dyn CommandHandler>) {
        self.registries.retain(|(_, registry)| registry.strong_count() > 0);
        self.registries.push((scope, to));
    }

    /// The copies, and which generation of them.
    pub(super) fn copies(&self) -> (Vec<Arc<dyn RevocationCopy>>, u64) {
        (self.copies.iter().filter_map(Weak::upgrade).collect(), self.generation)
    }

    /// The registries of a scope: others share the stream, and must not carry out its commands.
    pub(super) fn registries(&self, of: Name) -> Vec<Arc<dyn CommandHandler>> {
        let meant = self.registries.iter().filter(|(scope, _)| *scope == of);
        meant.filter_map(|(_, registry)| registry.upgrade()).collect()
    }

    /// The copies of a generation were whole at a time. Returns true if it is the first time.
    pub(super) fn whole(&mut self, generation: u64, at: Instant) -> bool {
        // A copy that began to follow meanwhile has not been read into.
        let is_theirs = self.generation == generation;
        let before = self.whole_at;
        if is_theirs {
            // Never back: answers may come in another order than the questions were sent.
            self.whole_at = before.max(Some(at));
        }
        is_theirs && before.is_none()
    }

    pub(crate) fn has_copies(&self) -> bool {
        !self.copies.is_empty()
    }

    pub(crate) fn whole_at(&self) -> Option<Instant> {
        self.whole_at
    }
}

/// Tells registries. Nothing is locked.
pub(super) fn command(registries: &[Arc<dyn CommandHandler>], command: &Command, until: Instant) {
    for registry in registries {
        registry.handle(command, until);
    }
}
