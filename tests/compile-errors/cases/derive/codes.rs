use portcullis_derive::IntoClose;

#[derive(IntoClose)]
enum Failure {
    #[close(code = 1006)]
    Reserved,
}

#[derive(IntoClose)]
enum Low {
    #[close(code = 404)]
    Status,
}

#[derive(IntoClose)]
enum Huge {
    #[close(code = 70000)]
    Huge,
}

#[derive(IntoClose)]
#[close(code = 4404, forbidden)]
struct Two;

#[derive(IntoClose)]
#[close(code = "4404")]
struct Text;

#[derive(IntoClose)]
enum Both {
    #[close(code = 1005)]
    One,
    #[close(code = 5000)]
    Other,
}

fn main() {}
