//! A bank asks, or disputes a notice: an officer answers, once, and the answer goes back to that bank alone.

use super::Error;
use super::fields::Fields;
use super::tell_bank::tell_bank;
use crate::domain::id::Uid;
use crate::domain::refusal::Refusal;
use crate::domain::vocabulary::ResponseCode;
use crate::storage::evidence::{self, AnswerRow, ResponseRow};
use crate::storage::{Tx, incident, notice, payload};
use serde::{Deserialize, Serialize};

const TEXT_LIMIT: usize = 2_000;

/// The message that goes back to the bank.
pub const ANSWERED: &str = "response.answered";

/// Responses with one of these wait for an answer.
pub const ASKING: [ResponseCode; 2] = [
    ResponseCode::InformationRequest,
    ResponseCode::DisputesNotice,
];

/// Its frozen inputs, which are the webhook's data.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ResponseAnswerNote {
    pub response: Uid,
    pub notice: Uid,
    pub number: i64,
    pub incident: String,
    /// Code: actual, exercise, test.
    #[serde(default)]
    pub kind: Option<String>,
    pub text: String,
}

/// Does it wait for an answer of the operator?
pub fn asks(row: &ResponseRow) -> bool {
    let asking = |code: &str| ASKING.iter().any(|one| one.code() == code);
    row.codes.split(' ').any(asking)
}

/// Answers a response that asks.
pub fn answer(tx: &mut Tx<'_>, by: Uid, id: Uid, text: &str) -> Result<(), Error> {
    let mut fields = Fields::default();
    let text = fields.paragraphs("text", text, TEXT_LIMIT);
    fields.done()?;
    let row = evidence::response(tx, id)?.ok_or(Error::NotFound)?;
    // What is the bank's own is nobody's question.
    if row.share == "private" || !asks(&row) {
        return Err(Error::NotFound);
    }
    if evidence::answer_of(tx, id)?.is_some() {
        return Err(Refusal::ResponseAnswered.into());
    }
    let recorded_at = tx.now()?;
    let payload_id = payload::seal(tx, row.bank_id, text.as_bytes())?;
    evidence::insert_answer(
        tx,
        &AnswerRow {
            response_id: id,
            person_id: by,
            payload_id,
            recorded_at,
        },
    )?;
    let told = notice::by_id(tx, row.notice_id)?.ok_or(Error::NotFound)?;
    let incident = incident::by_id(tx, row.incident_id)?.ok_or(Error::NotFound)?;
    let note = ResponseAnswerNote {
        response: id,
        notice: told.id,
        number: told.number,
        incident: incident.reference,
        kind: incident::kind_of(tx, row.incident_id)?,
        text,
    };
    tell_bank(tx, row.bank_id, ANSWERED, &note)?;
    Ok(())
}
