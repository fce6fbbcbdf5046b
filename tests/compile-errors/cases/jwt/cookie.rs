use portcullis_jwt::{JwtLayer, Verification, Verify};

struct AnyUser;

impl Verify<()> for AnyUser {
    fn verify(&self, _: &str) -> Verification<()> {
        unimplemented!()
    }
}

fn main() {
    // `()` does not check origins.
    let _ = JwtLayer::new(AnyUser).cookie("session", &());
}
