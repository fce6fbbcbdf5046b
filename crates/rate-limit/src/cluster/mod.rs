//! Quotas that several nodes share.
//!
//! What a node counts itself decides first, and always stands. What it lets in must be bought of the store, too: a
//! [`key_block`] is what this node has bought of one key's quota, and [`key_blocks`] are those of all keys that have
//! connections here. [`block_handle`] is a connection's part in one. Where the store is away, or does not answer in
//! time, [`share`] says what the node may admit by itself.
//!
//! Nothing here waits or allocates where a message is judged. A purchase is only begun there, and the store
//! calls the block with its answer.

mod block_handle;
mod key_block;
mod key_blocks;
mod share;
#[cfg(test)]
mod tests;

pub(crate) use self::{
    block_handle::{BlockHandle, Need},
    key_blocks::{KeyBlocks, Sharing},
};
