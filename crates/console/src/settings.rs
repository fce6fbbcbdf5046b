//! The settings of a console: what it shows, what it masks, and which actions it allows.

use std::{sync::Arc, time::Duration};

use portcullis_origin::OriginLayer;
use tokio::sync::Semaphore;

use crate::mask::Mask;

#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) interval: Duration,
    pub(crate) viewers: Arc<Semaphore>,
    pub(crate) mask: Mask,
    pub(crate) actions: bool,
    pub(crate) origin: OriginLayer,
    #[cfg(feature = "connections")]
    pub(crate) limits: Vec<(Arc<str>, portcullis_connections::ConnectionLimitLayer)>,
    #[cfg(feature = "jwt")]
    pub(crate) revocations: Option<portcullis_jwt::Revocations>,
    #[cfg(feature = "liveness")]
    pub(crate) drain: Option<portcullis_liveness::Drain>,
    #[cfg(feature = "redis")]
    pub(crate) cluster: Option<portcullis_redis::Cluster>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(1),
            viewers: Arc::new(Semaphore::new(8)),
            mask: Mask::default(),
            actions: false,
            origin: OriginLayer::same_origin(),
            #[cfg(feature = "connections")]
            limits: Vec::new(),
            #[cfg(feature = "jwt")]
            revocations: None,
            #[cfg(feature = "liveness")]
            drain: None,
            #[cfg(feature = "redis")]
            cluster: None,
        }
    }
}
