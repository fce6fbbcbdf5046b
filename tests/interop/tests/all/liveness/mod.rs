//! Limits of time and size, on a paused clock.

mod age;
mod apps;
mod idle;
mod keep_alive;
mod report_only;
mod size;
mod write;
