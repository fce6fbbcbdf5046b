//! The client behind trusted proxies.

mod forwarded;
mod layer;

pub use self::layer::{ClientIp, ClientIpLayer, InvalidNetwork};
