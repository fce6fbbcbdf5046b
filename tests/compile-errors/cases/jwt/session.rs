use portcullis_jwt::Session;

fn main() {
    // The proof cannot be made up.
    let _ = Session::<()>(std::sync::Arc::default());
}
