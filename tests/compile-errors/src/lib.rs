//! What the compiler says to a wrong use of the crates: in `cases`, each beside the text that it is told.
