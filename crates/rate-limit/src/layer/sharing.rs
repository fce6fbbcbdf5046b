//! Quotas that several nodes share.

use std::sync::Arc;

use portcullis_core::shared::ShareQuotas;

use super::{MessageRateLayer, builder::count};
use crate::cluster::Sharing;

impl MessageRateLayer {
    /// Counts messages together with the other nodes that share limits, by a store such as `portcullis_redis::Cluster`:
    /// the messages of a subject, a client address, a key or the whole service. Bytes, control frames and continuation
    /// frames are counted by each node.
    ///
    /// No message waits for the store. A node buys messages ahead, in blocks, and spends them; see
    /// [`block`](Self::block). The quota also holds on each node alone, which decides first. Within any time `t`, the
    /// nodes on which a key has connections admit at most `burst + rate * t + nodes * 2 * block` of its messages.
    ///
    /// - A message that exceeds what the node has in hand is held back until the store has answered, and refused only
    ///   by that answer. See [`Excess::Delay`](crate::Excess::Delay) for what is read meanwhile.
    /// - While the store cannot be asked, or its answer is late, a node first spends what it has bought. Then it does
    ///   what the store was configured to do: it admits its share of the quota, which starts as full as the whole quota
    ///   was; or the whole quota; or nothing, and a connection that sends a message is closed with 1013.
    /// - With [`Excess::Delay`](crate::Excess::Delay), a message is judged again when its time has come, because a
    ///   shared quota cannot be reserved. If it would have to wait longer than [`max_delay`](Self::max_delay) in all,
    ///   the connection is closed.
    /// - When the last connection of a key on this node ends, what was not spent is given back.
    /// - A charge of an [`Allowance`](crate::Allowance) that is larger than a block counts as a block.
    ///
    /// When the layer is applied, it panics if each connection has a quota of its own, or if there is no quota of
    /// messages.
    ///
    /// ```
    /// # use portcullis_core::shared::ShareQuotas;
    /// use portcullis_rate_limit::MessageRateLayer;
    ///
    /// # fn example(cluster: &(impl ShareQuotas + Clone)) {
    /// // Each subject may send 20 messages a second, in bursts of 40, however many nodes it is connected to.
    /// let layer = MessageRateLayer::per_second(20).burst(40).per_subject().shared(cluster).block(10);
    /// assert_eq!(layer.quota().unwrap().burst_size().get(), 40);
    /// # }
    /// ```
    pub fn shared(self, store: &(impl ShareQuotas + Clone)) -> Self {
        let store = Arc::new(store.clone());
        self.set(|settings| settings.sharing = Some(Sharing { store, block: None }))
    }

    /// Sets how many messages a node buys at once of a [`shared`](Self::shared) quota, which is also how many it may
    /// spend while it waits for the answer. With a larger block the store is asked less often; with a smaller one,
    /// nodes keep closer to the quota.
    ///
    /// By default a block is an eighth of the burst, or what the quota allows within twice the time that the store has
    /// to answer (100 ms with `portcullis_redis`) if that is more, but at most the burst divided by the number of
    /// nodes. With a block of less than what the quota allows within that time, a client within its quota may be
    /// delayed or refused when the store is slow.
    ///
    /// When the layer is applied, it panics if a block is larger than the burst, or if the quota is not shared.
    ///
    /// # Panics
    ///
    /// If `messages` is zero.
    #[track_caller]
    pub fn block(self, messages: u32) -> Self {
        let block = count(messages).get();
        self.set(|settings| settings.block = Some(block))
    }
}
