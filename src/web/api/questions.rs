//! What banks ask of the operator, or object to: a worklist with a clock, and the answers.

use super::edition;
use super::responses::{ResponseView, bank_codes, view};
use crate::actions::answer_response;
use crate::storage::{Lane, evidence, incident};
use crate::web::App;
use crate::web::body::Strict;
use crate::web::identity::Who;
use crate::web::page;
use crate::web::problem::{Answered, Problem};
use actix_web::web::{Data, Path};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// A response that waits for an answer.
#[derive(Serialize, ToSchema)]
pub struct QuestionView {
    incident: String,
    /// `actual`, `exercise` or `test`.
    kind: String,
    /// It is answered by then.
    answer_by: String,
    late: bool,
    response: ResponseView,
}

#[derive(Serialize, ToSchema)]
pub struct QuestionList {
    questions: Vec<QuestionView>,
}

#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AnswerInput {
    pub text: String,
}

/// Questions and objections of banks that nobody has answered, the oldest first.
#[utoipa::path(get, path = "/api/v1/questions", tag = "responses",
    responses((status = 200, body = QuestionList)))]
pub async fn list(app: Data<App>) -> Answered {
    let rules = Arc::clone(&app.rules);
    let list = app
        .store
        .read(move |tx| -> Result<QuestionList, Problem> {
            let now = tx.now()?;
            let banks = bank_codes(tx)?;
            let mut questions = Vec::new();
            for row in evidence::unanswered(tx, page::MOST)? {
                let by = rules.profiles.answer_by(row.recorded_at, &rules.zone);
                let known = incident::by_id(tx, row.incident_id)?;
                let code = banks.get(&row.bank_id).cloned().unwrap_or_default();
                questions.push(QuestionView {
                    incident: known.map(|row| row.reference).unwrap_or_default(),
                    kind: incident::kind_of(tx, row.incident_id)?.unwrap_or_default(),
                    answer_by: by.to_string(),
                    late: by < now,
                    response: view(tx, &row, code)?,
                });
            }
            Ok(QuestionList { questions })
        })
        .await?;
    Ok(page::ok(&list))
}

/// Answer a bank's question or objection; the answer goes back to that bank.
#[utoipa::path(post, path = "/api/v1/responses/{id}/answer", tag = "responses",
    params(("id" = String, Path, description = "the response")),
    request_body = AnswerInput, responses((status = 204)))]
pub async fn answer(
    app: Data<App>,
    Who(caller): Who,
    id: Path<String>,
    Strict(input): Strict<AnswerInput>,
) -> Answered {
    let (id, by) = (page::id(&id)?, caller.id());
    app.store
        .write(Lane::Front, move |tx| {
            answer_response::answer(tx, by, id, &input.text)
        })
        .await?;
    edition::done()
}
