//! What one node does for all of them, and who does it at present. Only speed: what is done is guarded besides.

use super::error::Error;
use super::schema::duty;
use super::tx::{Tx, on_either};
use crate::domain::id::Uid;
use crate::domain::instant::Instant;
use diesel::prelude::*;

/// Takes a duty until then, or keeps it; false = another node has it. `alone` = there is no other node.
pub fn hold(
    tx: &mut Tx<'_>,
    name: &str,
    node: Uid,
    until: Instant,
    alone: bool,
) -> Result<bool, Error> {
    let now = tx.now()?;
    let free = duty::until.le(now);
    let own = duty::node.assume_not_null().eq(node);
    let mine = on_either!(tx, conn => {
        let set = (duty::node.eq(node), duty::until.eq(until));
        if alone {
            diesel::update(duty::table.find(name)).set(set).execute(conn)?
        } else {
            diesel::update(duty::table.find(name).filter(free.or(own))).set(set).execute(conn)?
        }
    });
    Ok(mine == 1)
}
