//! The builder: where tokens come from, what they must satisfy, and when a connection ends.

mod builder;
mod rules;
mod sources;
#[cfg(test)]
mod tests;

pub use self::builder::JwtLayer;
