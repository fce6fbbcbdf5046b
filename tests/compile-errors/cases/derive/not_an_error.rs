use portcullis_derive::IntoClose;

#[derive(IntoClose)]
enum Silent {
    Internal,
}

fn main() {}
