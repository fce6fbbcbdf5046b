use portcullis_derive::IntoClose;

#[derive(IntoClose)]
#[close(no_such_name)]
struct Failure;

#[derive(IntoClose)]
#[close(code::number)]
struct Deep;

fn main() {}
