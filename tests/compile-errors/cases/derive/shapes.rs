use portcullis_core::CloseCode;
use portcullis_derive::IntoClose;

#[derive(IntoClose)]
#[close(transparent)]
struct Pair(CloseCode, CloseCode);

#[derive(IntoClose)]
enum Alone {
    #[close(transparent, code = 4000)]
    Coded(CloseCode),
}

#[derive(IntoClose)]
#[close(code = 4000)]
enum Above {
    Below,
}

#[derive(IntoClose)]
enum Never {}

#[derive(IntoClose)]
union Bits {
    bits: u32,
}

#[derive(IntoClose)]
enum Twice {
    #[close(forbidden)]
    #[close(timeout)]
    Said,
}

fn main() {}
