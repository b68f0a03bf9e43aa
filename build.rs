//! The migrations are embedded by a macro that cargo cannot see through.
#![allow(
    clippy::print_stdout,
    reason = "this is how a build script speaks to cargo"
)]

fn main() {
    println!("cargo:rerun-if-changed=migrations");
}
