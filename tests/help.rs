//! The examples of the help texts.
