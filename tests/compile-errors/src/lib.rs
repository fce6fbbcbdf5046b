//! Compiler errors for wrong uses of the crates: the files in `cases`, each next to the expected output.
