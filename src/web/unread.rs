//! Ends the connection of a client whose chunked body nobody read to its end. Otherwise the server would go
//! on reading and throwing away for as long as the client sends. Knows nothing of what the body was for.

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::error::PayloadError;
use actix_web::http::header;
use actix_web::middleware::Next;
use actix_web::web::Bytes;
use actix_web::{Error, HttpMessage};
use futures_util::Stream;
use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

/// A request's body that outlives its reader; empty once it was read to its end.
type Shared = Rc<RefCell<Option<Payload>>>;

struct Reader(Shared);

impl Stream for Reader {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut shared = self.0.borrow_mut();
        let Some(payload) = shared.as_mut() else {
            return Poll::Ready(None);
        };
        let polled = Pin::new(payload).poll_next(cx);
        if matches!(polled, Poll::Ready(None)) {
            *shared = None;
        }
        polled
    }
}

/// An answer that holds the unread rest. The server drains what was dropped, but closes the connection on
/// what somebody still holds when the answer has gone out.
struct Holding {
    answer: BoxBody,
    _unread: Payload,
}

impl MessageBody for Holding {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.answer.size()
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.answer).poll_next(cx)
    }
}

/// Lends the body out, and takes the unread rest back with the answer.
pub(super) async fn cut(
    mut req: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    // A body of announced length is closed on by the server itself.
    if !req.headers().contains_key(header::TRANSFER_ENCODING) {
        return Ok(next.call(req).await?.map_into_boxed_body());
    }
    let shared: Shared = Rc::new(RefCell::new(Some(req.take_payload())));
    let reader = Reader(Rc::clone(&shared));
    req.set_payload(Payload::Stream {
        payload: Box::pin(reader),
    });
    let answer = next.call(req).await?.map_into_boxed_body();
    let unread = shared.borrow_mut().take();
    Ok(match unread {
        Some(unread) => answer.map_body(|_, answer| {
            BoxBody::new(Holding {
                answer,
                _unread: unread,
            })
        }),
        None => answer,
    })
}
