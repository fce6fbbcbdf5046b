//! What derived errors mean.
