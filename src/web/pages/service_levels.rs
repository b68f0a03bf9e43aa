//! Service levels on the auditor's desk: month by month and bank by bank, as bars with the numbers beside them.
//! Shows what the API answers; what is in time is decided below.

use super::auditor::{asked, banks, one, query_of};
use super::{Desk, document, show};
use crate::domain::service_level::ServiceClock;
use crate::web::api::service_levels;
use crate::web::problem::Answered;
use crate::web::query::{self, Asked};
use actix_web::http::StatusCode;
use serde_json::{Value, json};

/// The months and the bank that are asked for, in the address.
pub(in crate::web) async fn page(desk: Desk) -> Answered {
    let asked = asked(&desk.req);
    let filter = [
        ("from", one(&asked, "from")),
        ("to", one(&asked, "to")),
        ("bank", one(&asked, "bank")),
    ];
    let asking = Asked(query::read(&query_of(
        &[filter.as_slice(), &[("format", "json")]].concat(),
    ))?);
    let found = service_levels::levels(desk.app.clone(), desk.req.clone(), asking).await;
    let found = document(found).await?;
    let language = desk.language().to_owned();
    let known = desk.app.store.read(move |tx| banks(tx, &language)).await?;
    let export = |format: &str| {
        let text = |field: &str| found[field].as_str().unwrap_or_default().to_owned();
        let (from, to, bank) = (text("from"), text("to"), text("bank"));
        let fields = [
            ("from", &*from),
            ("to", &*to),
            ("bank", &*bank),
            ("format", format),
        ];
        format!("/service-levels/export?{}", query_of(&fields))
    };
    let named = |code: &Value| {
        let bank = known.iter().find(|bank| bank["code"] == *code);
        bank.map_or(Value::Null, |bank| bank["name"].clone())
    };
    let rows = found["banks"].as_array().into_iter().flatten();
    let rows = rows.map(|row| {
        let clock = |code| clock_of(&row["clocks"], code);
        json!({ "bank": row["bank"], "name": named(&row["bank"]),
            "deliver": clock("deliver"), "acknowledge": clock("acknowledge") })
    });
    let page = json!({
        "from": found["from"], "to": found["to"], "bank": filter[2].1, "banks": known, "zone": found["zone"],
        "at": found["at"], "csv": export("csv"), "jsonl": export("jsonl"),
        "clocks": ServiceClock::ALL.map(|clock| drawn(&found, clock.code())),
        "rows": rows.collect::<Vec<_>>(), "missed": found["missed"], "left_out": found["left_out"],
    });
    show(
        &desk,
        StatusCode::OK,
        "desk/auditor/service_levels.html",
        page,
    )
}

/// The figures as a file: the API's own, under a session.
pub(in crate::web) async fn export(desk: Desk) -> Answered {
    let asking = Asked(query::read(desk.req.query_string())?);
    service_levels::levels(desk.app, desk.req, asking).await
}

fn clock_of(clocks: &Value, code: &str) -> Value {
    let found = clocks
        .as_array()
        .into_iter()
        .flatten()
        .find(|one| one["clock"] == code);
    found.cloned().unwrap_or(Value::Null)
}

/// One clock, month by month from the first in which it ran. A bar is what was in time, or where nothing sets a limit
/// the median, of the longest.
fn drawn(found: &Value, code: &str) -> Value {
    let months = found["months"].as_array().into_iter().flatten();
    let mut months: Vec<Value> = months
        .map(|month| {
            let mut figures = clock_of(&month["clocks"], code);
            figures["month"] = month["month"].clone();
            figures
        })
        .skip_while(|one| {
            ["in_time", "late", "running", "reached"]
                .iter()
                .all(|count| one[*count] == 0)
        })
        .collect();
    let has_deadline = code != ServiceClock::Deliver.code();
    let medians = months.iter().filter_map(|one| one["median_s"].as_i64());
    let longest = medians.max().unwrap_or(0).max(1);
    for one in &mut months {
        let width = match has_deadline {
            true => one["in_time_percent"].as_i64(),
            false => one["median_s"]
                .as_i64()
                .map(|median| median * 100 / longest),
        };
        one["width"] = json!(width);
    }
    json!({ "clock": code, "has_deadline": has_deadline, "total": clock_of(&found["totals"], code), "months": months })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_shown_from_the_first_month_in_which_it_ran() {
        let month = |name: &str, late: i64| json!({ "month": name, "clocks": [{ "clock": "final", "in_time": 0, "late": late, "running": 0, "reached": 0 }] });
        let found = json!({ "totals": [], "months": [month("2026-01", 0), month("2026-02", 1), month("2026-03", 0)] });
        let months = drawn(&found, "final")["months"].clone();
        assert_eq!(
            (&months[0]["month"], months.as_array().map(Vec::len)),
            (&json!("2026-02"), Some(2))
        );
    }

    #[test]
    fn a_bar_is_what_was_in_time_or_the_median_of_the_longest() {
        let month = |percent: Option<i64>, median: Option<i64>| {
            let one =
                |code| json!({ "clock": code, "in_time_percent": percent, "median_s": median });
            json!({ "month": "2026-01", "clocks": [one("deliver"), one("acknowledge")] })
        };
        let found = json!({ "totals": [], "months": [month(Some(80), Some(30)), month(None, None), month(Some(5), Some(120))] });
        let widths = |code| {
            let months = drawn(&found, code)["months"].clone();
            let months = months.as_array().cloned().unwrap_or_default();
            months
                .iter()
                .map(|one| one["width"].as_i64())
                .collect::<Vec<_>>()
        };
        assert_eq!(widths("acknowledge"), [Some(80), None, Some(5)]);
        assert_eq!(widths("deliver"), [Some(25), None, Some(100)]);
    }
}
