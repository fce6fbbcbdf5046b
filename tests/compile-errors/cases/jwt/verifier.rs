use portcullis_jwt::JwtLayer;

struct Claims;

fn main() {
    // A secret is no verifier.
    let _ = JwtLayer::<Claims>::new("secret");
}
