use portcullis_derive::IntoClose;

#[derive(IntoClose)]
#[close(forbidden, reason = "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123")]
struct Long;

#[derive(IntoClose)]
#[close(forbidden, reason = "no", display)]
struct Both;

#[derive(IntoClose)]
#[close(display)]
struct Codeless;

#[derive(IntoClose)]
#[close()]
struct Empty;

fn main() {}
