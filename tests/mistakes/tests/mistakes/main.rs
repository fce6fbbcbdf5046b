//! What is seen of each mistake.

mod wiring;
