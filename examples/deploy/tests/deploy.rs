//! The example is a test as well: it exits with 0 only if nothing was lost.

use std::process::Command;

#[test]
fn a_deploy_under_a_hundred_clients_loses_no_message() {
    let output = Command::new(env!("CARGO_BIN_EXE_deploy")).output().expect("the example is built");
    let printed = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&printed));
}
