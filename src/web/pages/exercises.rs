//! Exercises on the desks: when the next one is due, what each showed, and who did not answer. Files none.

use super::officer::title;
use super::{Desk, bank_names, document, show};
use crate::web::api::exercises;
use crate::web::problem::{Answered, Problem};
use actix_web::http::StatusCode;
use serde_json::{Value, json};

/// All of them, the newest first.
pub(in crate::web) async fn list(desk: Desk) -> Answered {
    let listed = document(exercises::list(desk.app.clone()).await).await?;
    let language = desk.language().to_owned();
    let names = desk
        .app
        .store
        .read(move |tx| bank_names(tx, &language))
        .await?;
    let all = listed["exercises"].as_array().into_iter().flatten();
    let lines = all.map(|one| {
        let mut line = line(&desk, one);
        let open = one["open"].as_array().into_iter().flatten();
        line["open"] = open
            .map(|code| json!({ "bank": code, "name": code.as_str().and_then(|code| names.get(code)) }))
            .collect();
        line
    });
    let page =
        json!({ "exercise": schedule(&desk, &listed), "exercises": lines.collect::<Vec<_>>() });
    show(&desk, StatusCode::OK, "desk/officer/exercises.html", page)
}

/// The schedule and the last exercise that counts, for the first page of a desk; null where no schedule is on.
pub(super) async fn next(desk: &Desk) -> Result<Value, Problem> {
    let listed = document(exercises::last(&desk.app).await).await?;
    Ok(schedule(desk, &listed))
}

/// A template knows no absent field.
fn schedule(desk: &Desk, listed: &Value) -> Value {
    let Some(schedule) = listed.get("schedule") else {
        return Value::Null;
    };
    let reference = &schedule["last"];
    let all = listed["exercises"].as_array();
    let last = all.and_then(|all| all.iter().find(|one| one["reference"] == *reference));
    json!({ "due_at": schedule["due_at"], "near": schedule["near"], "late": schedule["late"],
        "last": last.map(|one| line(desk, one)) })
}

fn line(desk: &Desk, one: &Value) -> Value {
    json!({ "reference": one["reference"], "title": title(&one["title"], desk.language()), "issued_at": one["issued_at"],
        "phase": one["phase"], "status": one["status"], "withdrawn": one["withdrawn"], "notices": one["notices"],
        "delivered": one["delivered"], "acknowledged": one["acknowledged"], "in_time": one["in_time"],
        "median_s": one.get("median_s") })
}
