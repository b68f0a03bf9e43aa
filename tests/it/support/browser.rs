//! Somebody at a desk, as far as HTTP shows it: a cookie, pages and forms. What only a real browser shows is
//! tried in `desks`.
#![allow(dead_code, reason = "the harness offers more than each test takes")]

use super::hub::{Reply, TestHub};
use kairan::domain::id::Uid;
use kairan::storage::payload;
use kairan::storage::session::{CredentialRow, set_credential};
use kairan::vault::{password, totp};
use reqwest::Method;
use zeroize::Zeroizing;

pub const PASSWORD: &str = "夜明け前の回覧板 はやく確かに";
const SECRET: [u8; totp::SECRET] = *b"12345678901234567890";

/// The code that the authenticators of these tests show now.
pub fn code(hub: &TestHub) -> String {
    totp::code_at(&SECRET, hub.clock.now().seconds()).expect("a code")
}

/// Gives a person a password and an authenticator.
pub async fn give_credential(hub: &TestHub, person_id: Uid) {
    let hash = password::hash(Zeroizing::new(PASSWORD.to_owned())).await;
    let password_hash = hash.expect("hashed");
    hub.act(move |tx| {
        let row = CredentialRow {
            person_id,
            password_hash: password_hash.clone(),
            totp_id: payload::seal(tx, person_id, &SECRET)?,
            totp_step: 0,
            changed_at: tx.now()?,
        };
        Ok(set_credential(tx, &row)?)
    })
    .await;
}

/// A signed-in browser.
pub struct Browser {
    pub cookie: String,
    pub csrf: String,
}

/// The value of the first hidden field of this name.
pub fn hidden(html: &str, name: &str) -> String {
    let field = format!(r#"name="{name}" value=""#);
    let at = html
        .find(&field)
        .unwrap_or_else(|| panic!("no field {name} in {html}"));
    let rest = &html[at + field.len()..];
    rest[..rest.find('"').expect("closed")].to_owned()
}

/// What a reader sees of a stretch of the page without tags in it, from after `start` to before `end`.
pub fn between(html: &str, start: &str, end: &str) -> String {
    let at = html
        .find(start)
        .unwrap_or_else(|| panic!("no {start} in {html}"));
    let rest = &html[at + start.len()..];
    unescaped(&rest[..rest.find(end).expect("an end")])
}

/// A text of a page as its reader sees it.
fn unescaped(text: &str) -> String {
    let named = [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#x27;", "'"),
        ("&#39;", "'"),
        ("&#x2F;", "/"),
        ("&amp;", "&"),
    ];
    named
        .iter()
        .fold(text.to_owned(), |text, (name, character)| {
            text.replace(name, character)
        })
}

/// What stands in an attribute of a tag, if it has it.
fn attribute(tag: &str, name: &str) -> Option<String> {
    let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
    let (value, _) = rest.split_once('"')?;
    Some(unescaped(value))
}

/// Whether a tag has this word by itself.
fn is_marked(tag: &str, word: &str) -> bool {
    tag.split_whitespace().any(|part| part == word)
}

/// What a browser sends of the form that posts to `action`, as it stands and by none of its buttons (HTML,
/// "constructing the form data set").
pub fn form_fields(html: &str, action: &str) -> Vec<(String, String)> {
    let mut forms = html
        .split("<form")
        .skip(1)
        .filter_map(|form| form.split_once("</form>"));
    let (form, _) = forms
        .find(|(form, _)| attribute(form, "action").as_deref() == Some(action))
        .unwrap_or_else(|| panic!("no form to {action} in {html}"));
    let mut fields = Vec::new();
    for part in form.split('<').skip(1) {
        let (tag, text) = part.split_once('>').expect("closed");
        let is_choice = ["checkbox", "radio"]
            .map(Some)
            .contains(&attribute(tag, "type").as_deref());
        let value = match tag.split_whitespace().next() {
            Some("input") if is_choice && !is_marked(tag, "checked") => continue,
            Some("input") => attribute(tag, "value").unwrap_or_default(),
            Some("textarea") => {
                let text = unescaped(text);
                let text = text.strip_prefix('\n').unwrap_or(&text);
                text.replace('\n', "\r\n")
            }
            Some("select") => chosen(form, tag),
            _ => continue,
        };
        fields.push((attribute(tag, "name").expect("a name"), value));
    }
    fields
}

/// The option that stands chosen in a select, or the first.
fn chosen(form: &str, select: &str) -> String {
    let (_, rest) = form.split_once(select).expect("it is there");
    let (options, _) = rest.split_once("</select>").expect("closed");
    let options: Vec<&str> = options
        .split("<option")
        .skip(1)
        .filter_map(|option| Some(option.split_once('>')?.0))
        .collect();
    let marked = options.iter().find(|option| is_marked(option, "selected"));
    let option = marked.or(options.first()).expect("an option");
    attribute(option, "value").expect("a value")
}

impl Browser {
    /// Signs in through the form; the person needs a credential.
    pub async fn sign_in(hub: &TestHub, email: &str) -> Self {
        // A code works once, and tests are quicker than its 30 seconds.
        hub.clock.advance(std::time::Duration::from_secs(30));
        let answer = post(
            hub,
            "",
            "/sign-in",
            &[
                ("email", email),
                ("password", PASSWORD),
                ("code", &code(hub)),
            ],
        )
        .await;
        let answer = answer.expect(303);
        let cookie = answer.headers["set-cookie"].to_str().expect("text");
        let cookie = cookie.split(';').next().expect("a pair").to_owned();
        let page = get(hub, &cookie, "/account").await.expect(200);
        let csrf = hidden(&String::from_utf8_lossy(&page.body), "csrf");
        Self { cookie, csrf }
    }

    pub async fn get(&self, hub: &TestHub, path: &str) -> Reply {
        get(hub, &self.cookie, path).await
    }

    /// The page's text.
    pub async fn page(&self, hub: &TestHub, path: &str) -> String {
        let reply = self.get(hub, path).await.expect(200);
        String::from_utf8(reply.body).expect("UTF-8")
    }

    pub async fn post(&self, hub: &TestHub, path: &str, fields: &[(&str, &str)]) -> Reply {
        let mut all = vec![("csrf", self.csrf.as_str())];
        all.extend(fields);
        post(hub, &self.cookie, path, &all).await
    }
}

pub async fn get(hub: &TestHub, cookie: &str, path: &str) -> Reply {
    hub.send(hub.request(Method::GET, path).header("cookie", cookie))
        .await
}

/// A form as a browser of this site sends it.
pub async fn post(hub: &TestHub, cookie: &str, path: &str, fields: &[(&str, &str)]) -> Reply {
    post_from(hub, cookie, path, fields, "same-origin").await
}

pub async fn post_from(
    hub: &TestHub,
    cookie: &str,
    path: &str,
    fields: &[(&str, &str)],
    site: &str,
) -> Reply {
    let form = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish();
    let request = hub
        .request(Method::POST, path)
        .header("cookie", cookie)
        .header("sec-fetch-site", site)
        .header("content-type", "application/x-www-form-urlencoded");
    hub.send(request.body(form)).await
}

/// The secret that a page shows for an authenticator: RFC 4648 Base32, in groups.
pub fn shown_secret(page: &str) -> [u8; totp::SECRET] {
    let at = page.find("key-groups").expect("a key is shown");
    let groups = page[at..].split("<span>").skip(1);
    let letters: String = groups.map(|group| &group[..4]).take(8).collect();
    let (mut bits, mut bytes) = (0_u64, Vec::new());
    for chunk in letters.as_bytes().chunks(8) {
        for letter in chunk {
            let value = match letter {
                b'A'..=b'Z' => letter - b'A',
                _ => letter - b'2' + 26,
            };
            bits = (bits << 5) | u64::from(value);
        }
        bytes.extend_from_slice(&bits.to_be_bytes()[3..]);
    }
    bytes.try_into().expect("twenty bytes")
}
