//! What a wrong use is told.

#[test]
fn a_wrong_use_is_told_what_is_wrong() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
