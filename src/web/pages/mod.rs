//! What is read in a browser: the page behind a mail link, and the files that pages need.

pub(super) mod assets;
pub(super) mod link;
mod words;
