//! The examples of the workspace's README, which are compiled as those of documentation.
#![cfg_attr(doctest, doc = include_str!("../../../README.md"))]
