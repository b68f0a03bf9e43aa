//! CSV and JSON Lines, and the delivery log as one stream of either: keyset pages up to an end that was fixed at the
//! start, each page its own short read. A fault breaks the stream off, so that no one takes half for whole.

use crate::storage::reading::{self, LogFilter, LogPlace};
use crate::web::App;
use crate::web::problem::Problem;
use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::web::{Bytes, Data};
use futures_util::stream;
use serde::Serialize;

use super::deliveries::{DeliveryLine, Names};

/// How a whole log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Csv,
    JsonLines,
}

impl Shape {
    /// The media type of a file of this name, and the name with its ending.
    pub(super) fn file(self, name: &str) -> (&'static str, String) {
        match self {
            Self::Csv => (
                "text/csv; charset=utf-8; header=present",
                format!("{name}.csv"),
            ),
            Self::JsonLines => ("application/jsonl", format!("{name}.jsonl")),
        }
    }
}

/// By `format`, or else by `Accept`; `None` = JSON pages.
pub(super) fn shape(format: Option<&str>, accept: Option<&str>) -> Result<Option<Shape>, Problem> {
    match format {
        Some("json") => Ok(None),
        Some("csv") => Ok(Some(Shape::Csv)),
        Some("jsonl") => Ok(Some(Shape::JsonLines)),
        Some(_) => Err(Problem::bad_request(
            "query_invalid",
            "format is json, csv or jsonl",
        )),
        None => Ok(match accept.map(str::trim) {
            Some("text/csv") => Some(Shape::Csv),
            Some("application/jsonl" | "application/x-ndjson") => Some(Shape::JsonLines),
            _ => None,
        }),
    }
}

const COLUMNS: [&str; 17] = [
    "attempt",
    "seq",
    "delivery",
    "notice",
    "incident",
    "bank",
    "channel",
    "number",
    "outcome",
    "status",
    "duration_ms",
    "started_at",
    "recorded_at",
    "body_digest",
    "report",
    "report_status",
    "incident_kind",
];

struct Export {
    app: Data<App>,
    filter: LogFilter,
    after: Option<LogPlace>,
    end: Option<LogPlace>,
    shape: Shape,
    first: bool,
    done: bool,
}

/// An answer that reads the log while it is sent.
pub(super) fn stream(
    app: Data<App>,
    filter: LogFilter,
    end: Option<LogPlace>,
    shape: Shape,
) -> HttpResponse {
    let export = Export {
        app,
        filter,
        after: None,
        // An empty log has nothing before its end.
        done: end.is_none(),
        end,
        shape,
        first: true,
    };
    let (media_type, name) = shape.file("deliveries");
    HttpResponse::Ok()
        .content_type(media_type)
        .insert_header((
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"{name}\""),
        ))
        .streaming(stream::try_unfold(export, next))
}

async fn next(mut export: Export) -> Result<Option<(Bytes, Export)>, Problem> {
    let heading = export.first && export.shape == Shape::Csv;
    if export.done && !heading {
        return Ok(None);
    }
    let mut out = Vec::new();
    if heading {
        record(&mut out, &COLUMNS.map(str::to_owned))?;
    }
    export.first = false;
    if !export.done {
        for line in page(&mut export).await? {
            write(&mut out, export.shape, &line)?;
        }
    }
    if out.is_empty() {
        return Ok(None);
    }
    Ok(Some((Bytes::from(out), export)))
}

async fn page(export: &mut Export) -> Result<Vec<DeliveryLine>, Problem> {
    let (filter, after, end) = (export.filter.clone(), export.after, export.end);
    let limit = export.app.limits.export_rows.max(1);
    let (lines, last) = export
        .app
        .store
        .read(move |tx| -> Result<_, Problem> {
            let rows = reading::delivery_log(tx, &filter, after, end, limit)?;
            let full = i64::try_from(rows.len()).unwrap_or(limit) >= limit;
            let last = rows
                .last()
                .filter(|_| full)
                .map(|row| (row.attempt_id, row.seq));
            Ok((Names::default().lines(tx, rows)?, last))
        })
        .await?;
    export.after = last;
    export.done = last.is_none();
    Ok(lines)
}

fn write(out: &mut Vec<u8>, shape: Shape, line: &DeliveryLine) -> Result<(), Problem> {
    match shape {
        Shape::Csv => record(out, &cells(line)),
        Shape::JsonLines => json_line(out, line),
    }
}

pub(super) fn json_line(out: &mut Vec<u8>, line: &impl Serialize) -> Result<(), Problem> {
    serde_json::to_writer(&mut *out, line).map_err(|fault| Problem::internal(&fault))?;
    out.push(b'\n');
    Ok(())
}

fn cells(line: &DeliveryLine) -> [String; 17] {
    let text = |cell: &Option<String>| harmless(cell.as_deref().unwrap_or_default());
    [
        harmless(&line.attempt),
        line.seq.to_string(),
        harmless(&line.delivery),
        text(&line.notice),
        text(&line.incident),
        text(&line.bank),
        harmless(&line.channel),
        line.number.to_string(),
        harmless(&line.outcome),
        line.status
            .map(|status| status.to_string())
            .unwrap_or_default(),
        line.duration_ms.to_string(),
        harmless(&line.started_at),
        harmless(&line.recorded_at),
        text(&line.body_digest),
        line.report
            .as_ref()
            .map(|report| harmless(&report.class))
            .unwrap_or_default(),
        line.report
            .as_ref()
            .map(|report| text(&report.status))
            .unwrap_or_default(),
        text(&line.incident_kind),
    ]
}

/// A cell that a spreadsheet would run as a formula gets an apostrophe in front (OWASP ASVS 1.2.10);
/// the full-width forms count too, because Japanese editions take them.
pub(super) fn harmless(cell: &str) -> String {
    let runs = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];
    if cell.starts_with(runs) {
        format!("'{cell}")
    } else {
        cell.to_owned()
    }
}

pub(super) fn record(out: &mut Vec<u8>, cells: &[String]) -> Result<(), Problem> {
    // RFC 4180 ends lines with CRLF.
    let mut writer = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(out);
    let written = writer.write_record(cells);
    written.map_err(|fault| Problem::internal(&fault))?;
    writer.flush().map_err(|fault| Problem::internal(&fault))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_that_would_run_as_a_formula_is_disarmed() {
        for bad in ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "＝1"] {
            assert_eq!(harmless(bad), format!("'{bad}"));
        }
        for good in ["", "0117", "a=b", "accepted", "2019-05-17"] {
            assert_eq!(harmless(good), good);
        }
    }

    #[test]
    fn a_record_reads_back_as_it_was_written() {
        let cells = [
            "a,b".to_owned(),
            "say \"x\"".to_owned(),
            "two\r\nlines".to_owned(),
        ];
        let mut out = Vec::new();
        record(&mut out, &cells).expect("to memory");
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .from_reader(out.as_slice());
        let back = reader.records().next().expect("one").expect("good");
        assert_eq!(back.iter().collect::<Vec<_>>(), cells);
    }

    #[test]
    fn the_format_is_asked_for_by_name_or_by_accept() {
        assert_eq!(shape(None, None), Ok(None));
        assert_eq!(shape(None, Some("*/*")), Ok(None));
        assert_eq!(shape(None, Some("text/csv")), Ok(Some(Shape::Csv)));
        assert_eq!(
            shape(Some("jsonl"), Some("text/csv")),
            Ok(Some(Shape::JsonLines))
        );
        assert!(shape(Some("xlsx"), None).is_err());
    }
}
