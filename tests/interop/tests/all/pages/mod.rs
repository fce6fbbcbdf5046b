//! What README and the guide say, held against the code: links, names, numbers, and sentences that are quoted.

mod coming_from;
mod front;
mod observing;
mod peers;
mod source;
mod troubleshooting;
