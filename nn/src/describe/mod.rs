//! Descriptions: text with places, for errors that point at them.

pub(crate) mod document;
