//! The close codes of derived errors.
