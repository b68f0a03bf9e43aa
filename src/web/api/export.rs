//! CSV and JSON Lines, and the delivery log as one stream of either: keyset pages up to an end that was fixed at the
//! start, each page its own short read, while the one before is written and sent. A fault breaks the stream off, so
//! that no one takes half for whole.

use crate::storage::delivery::OutcomeRow;
use crate::storage::delivery_log::{self, LogFilter, LogPlace};
use crate::web::App;
use crate::web::problem::Problem;
use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::rt::task::{JoinHandle, spawn_blocking};
use actix_web::web::{Bytes, Data};
use futures_util::stream;
use serde::Serialize;
use std::borrow::Cow;

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

/// What a line takes, about.
const LINE_BYTES: usize = 384;

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

/// What is asked for, and how it is written.
#[derive(Clone)]
struct Export {
    app: Data<App>,
    filter: LogFilter,
    end: Option<LogPlace>,
    shape: Shape,
}

/// A page as it was read, and the place where the next begins, if there is more.
struct Page {
    is_first: bool,
    rows: Vec<OutcomeRow>,
    names: Names,
    last: Option<LogPlace>,
}

/// What comes next: a page that is being read while the one before is sent, or nothing more.
type Ahead = Option<JoinHandle<Result<Page, Problem>>>;

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
        end,
        shape,
    };
    let (media_type, name) = shape.file("deliveries");
    let first = export.clone().ahead(None);
    HttpResponse::Ok()
        .content_type(media_type)
        .insert_header((
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"{name}\""),
        ))
        .streaming(stream::try_unfold((export, Some(first)), next))
}

async fn next(
    (export, ahead): (Export, Ahead),
) -> Result<Option<(Bytes, (Export, Ahead))>, Problem> {
    let Some(ahead) = ahead else {
        return Ok(None);
    };
    let page = ahead.await.map_err(|fault| Problem::internal(&fault))??;
    let ahead = page.last.map(|last| export.clone().ahead(Some(last)));
    let shape = export.shape;
    let writing = spawn_blocking(move || page.written(shape));
    let bytes = writing.await.map_err(|fault| Problem::internal(&fault))??;
    if ahead.is_none() && bytes.is_empty() {
        return Ok(None);
    }
    Ok(Some((bytes, (export, ahead))))
}

impl Export {
    /// Begins to read the page after a place.
    fn ahead(self, after: Option<LogPlace>) -> JoinHandle<Result<Page, Problem>> {
        actix_web::rt::spawn(self.page(after))
    }

    async fn page(self, after: Option<LogPlace>) -> Result<Page, Problem> {
        let Self {
            app, filter, end, ..
        } = self;
        let limit = app.limits.export_rows.max(1);
        let page = app.store.read(move |tx| -> Result<Page, Problem> {
            // An empty log has nothing before its end.
            let rows = match end {
                Some(_) => delivery_log::page(tx, &filter, after, end, limit)?,
                None => Vec::new(),
            };
            let full = i64::try_from(rows.len()).unwrap_or(limit) >= limit;
            let last = rows
                .last()
                .filter(|_| full)
                .map(|row| (row.attempt_id, row.seq));
            Ok(Page {
                is_first: after.is_none(),
                names: Names::of(tx, &rows)?,
                rows,
                last,
            })
        });
        page.await
    }
}

impl Page {
    /// The lines of the page, the first one with its heading.
    fn written(self, shape: Shape) -> Result<Bytes, Problem> {
        let Self {
            is_first,
            rows,
            names,
            ..
        } = self;
        let mut out = Vec::with_capacity(rows.len() * LINE_BYTES);
        let mut lines = rows.into_iter().map(|row| names.line(row));
        match shape {
            Shape::Csv => {
                let mut writer = writer(&mut out);
                let mut write = |cells: &[Cow<'_, str>]| {
                    let written = writer.write_record(cells.iter().map(|cell| cell.as_bytes()));
                    written.map_err(|fault| Problem::internal(&fault))
                };
                if is_first {
                    write(&COLUMNS.map(Cow::Borrowed))?;
                }
                lines.try_for_each(|line| write(&cells(&line)))?;
                writer.flush().map_err(|fault| Problem::internal(&fault))?;
            }
            Shape::JsonLines => lines.try_for_each(|line| json_line(&mut out, &line))?,
        }
        Ok(Bytes::from(out))
    }
}

pub(super) fn json_line(out: &mut Vec<u8>, line: &impl Serialize) -> Result<(), Problem> {
    serde_json::to_writer(&mut *out, line).map_err(|fault| Problem::internal(&fault))?;
    out.push(b'\n');
    Ok(())
}

fn cells(line: &DeliveryLine) -> [Cow<'_, str>; 17] {
    let report = line.report.as_ref();
    [
        harmless(&line.attempt),
        line.seq.to_string().into(),
        harmless(&line.delivery),
        cell_of(line.notice.as_deref()),
        cell_of(line.incident.as_deref()),
        cell_of(line.bank.as_deref()),
        harmless(&line.channel),
        line.number.to_string().into(),
        harmless(&line.outcome),
        line.status
            .map(|status| status.to_string())
            .unwrap_or_default()
            .into(),
        line.duration_ms.to_string().into(),
        harmless(&line.started_at),
        harmless(&line.recorded_at),
        cell_of(line.body_digest.as_deref()),
        cell_of(report.map(|report| report.class.as_str())),
        cell_of(report.and_then(|report| report.status.as_deref())),
        cell_of(line.incident_kind.as_deref()),
    ]
}

fn cell_of(text: Option<&str>) -> Cow<'_, str> {
    harmless(text.unwrap_or_default())
}

/// A cell that a spreadsheet would run as a formula gets an apostrophe in front (OWASP ASVS 1.2.10);
/// the full-width forms count too, because Japanese editions take them.
pub(super) fn harmless(cell: &str) -> Cow<'_, str> {
    let runs = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];
    if cell.starts_with(runs) {
        Cow::Owned(format!("'{cell}"))
    } else {
        Cow::Borrowed(cell)
    }
}

/// RFC 4180 ends lines with CRLF.
fn writer(out: &mut Vec<u8>) -> csv::Writer<&mut Vec<u8>> {
    csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(out)
}

pub(super) fn record(out: &mut Vec<u8>, cells: &[String]) -> Result<(), Problem> {
    let mut writer = writer(out);
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
