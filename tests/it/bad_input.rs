//! What no client should send, at every door that takes something: each is refused with a stable code and
//! the field, nothing of it is stored, and the hub goes on.

mod bodies;
mod fields;
mod queries;
mod wire;
