//! The demo's mail: every mail that the sink takes becomes a file, and the people of two banks confirm by
//! the link and the code that their mail brings. Knows only what a mail shows.

use super::api::Api;
use super::cast::{Bank, Pace, Part};
use crate::cli::CliError;
use crate::cli::smtp_sink::{Received, SmtpSink};
use base64::prelude::*;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

const LOOK_EVERY: Duration = Duration::from_millis(200);
/// Longer than any file name may need.
const NAME_LIMIT: usize = 80;

/// A person who reads mail and confirms by link.
#[derive(Clone)]
struct Reader {
    bank: &'static str,
    name: String,
    role: String,
    after: Duration,
}

pub struct Letters {
    sink: SmtpSink,
    folder: PathBuf,
    api: Api,
    readers: HashMap<String, Reader>,
    written: usize,
}

/// The link of a mail and the code printed beside it.
#[derive(Debug, PartialEq, Eq)]
struct Invitation {
    link: String,
    code: String,
}

impl Letters {
    pub fn new(sink: SmtpSink, folder: PathBuf, api: Api, banks: &[&Bank], pace: Pace) -> Self {
        let reading = banks
            .iter()
            .enumerate()
            .filter(|(_, bank)| bank.part == Part::ByMail);
        let readers = reading.map(|(index, bank)| {
            let reader = Reader {
                bank: bank.code,
                name: bank.person().to_owned(),
                role: bank.role().to_owned(),
                after: pace.delay(index, 0),
            };
            (bank.desk_email(), reader)
        });
        Self {
            sink,
            folder,
            api,
            readers: readers.collect(),
            written: 0,
        }
    }

    /// Takes mail in until it is aborted.
    pub async fn run(mut self) {
        loop {
            let mails = self.sink.received();
            for mail in mails.iter().skip(self.written) {
                self.written += 1;
                if let Err(fault) = keep(&self.folder, self.written, mail).await {
                    tracing::warn!(%fault, "a mail was not written to its file");
                }
                self.read(mail);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Each reader confirms whatever they are asked to.
    fn read(&self, mail: &Received) {
        let Some(to) = mail.to.first().filter(|to| self.readers.contains_key(*to)) else {
            return;
        };
        let Some(invitation) = invitation(&String::from_utf8_lossy(&mail.data)) else {
            return;
        };
        let Some(reader) = self.readers.get(to).cloned() else {
            return;
        };
        let api = self.api.clone();
        tokio::spawn(async move {
            tokio::time::sleep(reader.after).await;
            if let Err(fault) = confirm(&api, &reader, &invitation).await {
                tracing::error!(bank = reader.bank, %fault, "confirming by the link of a mail");
            }
        });
    }
}

async fn keep(folder: &Path, number: usize, mail: &Received) -> std::io::Result<()> {
    let to = mail.to.first().map(String::as_str).unwrap_or_default();
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() || "@.-".contains(c) {
            c
        } else {
            '_'
        }
    };
    let to: String = to.chars().take(NAME_LIMIT).map(plain).collect();
    tokio::fs::write(folder.join(format!("{number:04}-{to}.eml")), &mail.data).await
}

async fn confirm(api: &Api, reader: &Reader, invitation: &Invitation) -> Result<(), CliError> {
    api.page(&invitation.link)
        .await?
        .good("the link of a mail")?;
    let fields = [
        ("code", invitation.code.as_str()),
        ("name", reader.name.as_str()),
        ("role", reader.role.as_str()),
    ];
    api.form(&invitation.link, &fields)
        .await?
        .good("a confirmation by link")?;
    Ok(())
}

/// What the text part of a mail asks its reader to open and to type.
fn invitation(mail: &str) -> Option<Invitation> {
    let text = text_part(mail)?;
    let at = text
        .lines()
        .position(|line| line.starts_with("http") && line.contains("/n/"))?;
    let mut rest = text.lines().skip(at);
    let link = rest.next()?.trim().to_owned();
    let code = rest
        .flat_map(|line| line.split(|c: char| c.is_whitespace() || c == '：'))
        .find(|word| is_code(word))?;
    Some(Invitation {
        link,
        code: code.to_owned(),
    })
}

/// Like `7KQM-2XWD`.
fn is_code(word: &str) -> bool {
    let half = |part: &str| {
        part.len() == 4
            && part
                .bytes()
                .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
    };
    word.split_once('-')
        .is_some_and(|(left, right)| half(left) && half(right))
}

/// The first part that is plain text; Kairan's parts are base64 throughout.
fn text_part(mail: &str) -> Option<String> {
    let (_, part) = mail.split_once("\r\nContent-Type: text/plain")?;
    let (_, body) = part.split_once("\r\n\r\n")?;
    let encoded: String = body
        .lines()
        .take_while(|line| !line.starts_with("--"))
        .map(str::trim)
        .collect();
    String::from_utf8(BASE64_STANDARD.decode(encoded).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_finds_link_and_code_in_the_mail() {
        let text = "No. 42\r\nhttp://h/notices/1\r\n\r\nOpen:\r\nhttp://h/n/abc_-1\r\nコードを入力： 7KQM-2XWD\r\n";
        let mail = format!(
            "To: a@b.example\r\nContent-Type: multipart/alternative;\r\n boundary=\"x\"\r\n\r\n--x\r\n\
             Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n{}\r\n--x--\r\n",
            BASE64_STANDARD.encode(text)
        );
        let expected = Invitation {
            link: "http://h/n/abc_-1".to_owned(),
            code: "7KQM-2XWD".to_owned(),
        };
        assert_eq!(invitation(&mail), Some(expected));
        assert_eq!(invitation("Subject: none\r\n\r\nhello"), None);
    }
}
