use portcullis_derive::IntoClose;

#[derive(IntoClose)]
enum Failure {
    #[close(4100, display)]
    Code,
    #[close(policy_violation, "muted")]
    Reason,
}

fn main() {}
