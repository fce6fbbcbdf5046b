//! What is seen of each mistake.

mod subjects;
mod wiring;
