//! What is proven outside the hub: the texts that others sign or verify, with one spelling each. Pure; shared
//! by the hub, the verifier and whoever plays a bank.

pub mod acknowledgement;
pub mod signing_key;
