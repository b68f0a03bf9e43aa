//! The stamp boards that change while one looks at them: a stream of server-sent events (WHATWG HTML §9.2), each
//! the board drawn anew in the reader's language, sent only when it differs. It ends with the session, which it
//! does not use, and when the hub stops.

use super::{Desk, officer};
use crate::actions::sign_in;
use crate::domain::access::{Caller, Role};
use crate::web::App;
use crate::web::identity::Who;
use crate::web::live::Listening;
use crate::web::problem::{Answered, Problem};
use crate::web::query::Asked;
use actix_web::HttpResponse;
use actix_web::web::{Bytes, Data};
use futures_util::{StreamExt, stream};
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;

/// Before it comes back after the connection broke, a page waits so long.
const RETRY: &str = "retry: 5000\n\n";
/// Keeps the connection open through proxies, finds out that nobody is there any more, and tells a page that the hub is.
const STILL_HERE: &str = "event: still\ndata:\n\n";
const END: &str = "event: end\ndata:\n\n";

/// How long a board may take to be read and drawn anew before it may not be shown as live.
const PATIENCE: Duration = Duration::from_secs(10);

/// One incident's board; without, those of the newest incidents.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::web) struct Which {
    incident: Option<String>,
}

/// One open stream.
struct Stream {
    app: Data<App>,
    listening: Listening,
    language: String,
    zone: String,
    incident: Option<String>,
    /// What the reader saw last.
    shown: Value,
    /// The beat in which it was looked at last.
    moved: u64,
    is_over: bool,
}

pub(in crate::web) async fn board(desk: Desk, Asked(which): Asked<Which>) -> Answered {
    let listening = desk
        .app
        .live
        .listen(&desk.app.store, desk.seat.who.session)?;
    let moved = listening.beats.borrow().moved;
    let mut stream = Stream {
        moved,
        app: desk.app,
        listening,
        language: desk.seat.who.language,
        zone: desk.seat.who.zone,
        incident: which.incident,
        shown: Value::Null,
        is_over: false,
    };
    // What is not there is refused before anything streams.
    let first = stream.look(desk.seat.who.caller).await?.unwrap_or_default();
    let first = stream::iter([Ok(Bytes::from(format!("{RETRY}{first}")))]);
    Ok(HttpResponse::Ok()
        .content_type("text/event-stream")
        // nginx would hold the events back.
        .insert_header(("x-accel-buffering", "no"))
        .streaming(first.chain(stream::unfold(stream, Stream::next))))
}

impl Stream {
    /// Waits for the next beat that says anything.
    async fn next(mut self) -> Option<(Result<Bytes, Problem>, Self)> {
        if self.is_over {
            return None;
        }
        loop {
            self.listening.beats.changed().await.ok()?;
            let beat = self.listening.beats.borrow_and_update().clone();
            // The page says that it is live no more, and comes back by itself.
            if beat.is_last || beat.is_mute {
                return None;
            }
            if beat.ended.contains(&self.listening.session) {
                return Some(self.end());
            }
            if beat.moved == self.moved {
                continue;
            }
            self.moved = beat.moved;
            let looked = async {
                match self.holder().await? {
                    Some(caller) => self.look(caller).await.map(Some),
                    None => Ok(None),
                }
            };
            return match tokio::time::timeout(PATIENCE, looked).await {
                Ok(Ok(Some(event))) => {
                    let event = event.unwrap_or_else(|| STILL_HERE.to_owned());
                    Some((Ok(event.into()), self))
                }
                Ok(Ok(None)) => Some(self.end()),
                Ok(Err(_)) | Err(_) => None,
            };
        }
    }

    fn end(mut self) -> (Result<Bytes, Problem>, Self) {
        self.is_over = true;
        (Ok(END.into()), self)
    }

    /// Whoever holds the session still, with a role that may read boards.
    async fn holder(&self) -> Result<Option<Caller>, Problem> {
        let session = self.listening.session;
        let held = self
            .app
            .store
            .read(move |tx| sign_in::still_seated(tx, session).map_err(Problem::from))
            .await?;
        Ok(held.filter(|caller| {
            let roles = caller.roles();
            roles.contains(Role::Officer) || roles.contains(Role::Auditor)
        }))
    }

    /// The board as an event, if it is not what the reader sees already.
    async fn look(&mut self, caller: Caller) -> Result<Option<String>, Problem> {
        let (template, page) = match &self.incident {
            Some(reference) => {
                let mut board = officer::stamp_board(&self.app, reference, &self.language).await?;
                // The time of looking is not news.
                board["at"] = Value::Null;
                let page = json!({ "reference": reference, "board": board });
                ("desk/parts/incident_board.html", page)
            }
            None => {
                let strips = officer::strips(&self.app, Who(caller), &self.language).await?;
                ("desk/parts/strips.html", json!({ "incidents": strips }))
            }
        };
        if page == self.shown {
            return Ok(None);
        }
        let context = json!({ "zone": self.zone, "page": page });
        let drawn = self
            .app
            .templates
            .render(template, &self.language, &context);
        let drawn = drawn.map_err(|fault| Problem::internal(&fault))?;
        self.shown = page;
        Ok(Some(event("board", &drawn)))
    }
}

/// One event; each line of its text is a line of data.
fn event(name: &str, text: &str) -> String {
    let mut said = format!("event: {name}\n");
    for line in text.split(['\n', '\r']) {
        said.push_str("data: ");
        said.push_str(line);
        said.push('\n');
    }
    said.push('\n');
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_can_end_its_event_and_begin_another() {
        let said = event("board", "<p>a\n\nevent: end\revent: end\r\n</p>");
        assert_eq!(
            said,
            "event: board\ndata: <p>a\ndata: \ndata: event: end\ndata: event: end\ndata: \ndata: </p>\n\n"
        );
    }
}
