use portcullis_jwt::{JwtLayer, Verification, Verify};

struct Anybody;

impl Verify<()> for Anybody {
    fn verify(&self, _: &str) -> Verification<()> {
        unimplemented!()
    }
}

fn main() {
    // Nobody has checked the origin.
    let _ = JwtLayer::new(Anybody).cookie("session", &());
}
