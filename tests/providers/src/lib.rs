//! A verifier under each combination of features that can compute signatures.
