//! What banks ask or object to: a worklist with a clock on the operator's desks, answered by officers.

use super::seat::{self, OwnForm};
use super::{Desk, bank_names, document, show};
use crate::domain::access::Role;
use crate::web::api::questions::{self, AnswerInput};
use crate::web::body::Strict;
use crate::web::problem::Answered;
use crate::web::problem::Problem;
use actix_web::http::StatusCode;
use actix_web::web::Path;
use serde_json::{Value, json};

/// Those that wait, the oldest first.
pub(in crate::web) async fn list(desk: Desk) -> Answered {
    list_page(&desk, StatusCode::OK, Value::Null, json!([])).await
}

async fn list_page(desk: &Desk, status: StatusCode, typed: Value, faults: Value) -> Answered {
    let is_officer = desk.seat.who.caller.roles().contains(Role::Officer);
    let page = json!({ "questions": waiting(desk).await?, "may_answer": is_officer, "typed": typed, "faults": faults });
    show(desk, status, "desk/officer/questions.html", page)
}

/// The same, for the officer's home. A template knows no absent field.
pub(super) async fn waiting(desk: &Desk) -> Result<Value, Problem> {
    let listed = document(questions::list(desk.app.clone()).await).await?;
    let language = desk.language().to_owned();
    let names = desk
        .app
        .store
        .read(move |tx| bank_names(tx, &language))
        .await?;
    let now = desk.app.store.clock().now().seconds();
    let all = listed["questions"].as_array().into_iter().flatten();
    let lines = all.map(|one| {
        let by = one["answer_by"]
            .as_str()
            .and_then(|at| at.parse::<jiff::Timestamp>().ok());
        let left = by.map_or(0, |at| at.as_second() - now);
        let said = &one["response"];
        json!({ "id": said["id"], "bank": said["bank"], "name": said["bank"].as_str().and_then(|code| names.get(code)),
            "incident": one["incident"], "kind": one["kind"], "codes": said["codes"], "note": said["content"]["note"],
            "recorded_at": said["recorded_at"], "answer_by": one["answer_by"], "late": one["late"], "left_s": left.abs() })
    });
    Ok(lines.collect())
}

/// Answers one; the answer goes back to its bank.
pub(in crate::web) async fn answer(desk: Desk, id: Path<String>, form: OwnForm) -> Answered {
    let text = form.0.one("text");
    let typed = json!({ "id": id.as_str(), "text": text });
    let input = Strict(AnswerInput { text });
    match questions::answer(desk.app.clone(), desk.who(), id, input).await {
        Ok(_) => Ok(seat::see("/questions?done=sent")),
        Err(problem)
            if problem.status.is_client_error() && problem.status != StatusCode::NOT_FOUND =>
        {
            let faults = super::faults_of(&problem);
            list_page(&desk, problem.status, typed, faults).await
        }
        Err(problem) => Err(problem),
    }
}
