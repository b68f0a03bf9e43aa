pub mod storage;
pub mod clock;
pub mod vault;
pub mod domain;
pub mod merkle;
