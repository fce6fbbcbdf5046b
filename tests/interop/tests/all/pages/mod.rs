//! Checks README and the guide against the code: links, names, numbers, and quoted messages.

mod coming_from;
mod front;
mod observing;
mod peers;
mod source;
mod troubleshooting;
