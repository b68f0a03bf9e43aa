//! Texts: every page and mail is rendered here, in Japanese or English. Owns the embedded templates,
//! the labels (Fluent) and the vocabulary's names. Knows nothing of who reads them or how they travel.
//!
//! Templates hold no prose: `t(key="…", name=value)` finds a label of the reader's language, and
//! `label(vocabulary="typology", code="…")` names a code of the vocabularies. A missing label, code or
//! variable is an error, never an empty place. A label may say `$you`: the reader's bank, or its organisation where the
//! context's `bank` is an observer, which is no bank. `fault(code="…", message="…")` says what was refused, with `pointer`
//! after the name of the field. `when(at="2026-…Z")` shows an instant in the reader's zone, and
//! `number(n=…)` groups thousands. `.html` is escaped; nothing is ever marked as safe.

pub mod mails;
pub mod notice_mail;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use rust_embed::RustEmbed;
use std::collections::BTreeMap;
use std::sync::Arc;
use tera::{Context, Kwargs, State, Tera, TeraResult, Value};

#[derive(RustEmbed)]
#[folder = "templates/"]
struct Files;

const VOCABULARY: &str = include_str!("../config/vocabulary.toml");

/// The languages that every text exists in.
pub const LANGUAGES: [&str; 2] = ["ja", "en"];

/// Why a text could not be made.
#[derive(Debug, thiserror::Error)]
pub enum TemplateFault {
    #[error("the built-in texts are broken: {file}: {reason}")]
    Load { file: String, reason: String },
    #[error("no texts in the language {0:?}: use ja or en")]
    Language(String),
    #[error("{template} ({language}) could not be rendered: {reason}")]
    Render {
        template: String,
        language: String,
        reason: String,
    },
}

/// All texts, ready to render; cheap to clone and to share between threads.
#[derive(Clone)]
pub struct Templates {
    tera: Arc<Tera>,
}

impl Templates {
    /// Reads everything that is embedded in the program. Fails only if the program was built wrong.
    pub fn load() -> Result<Self, TemplateFault> {
        let labels = Arc::new(Labels::load()?);
        let vocabulary = Arc::new(Vocabulary::load(VOCABULARY)?);
        let mut tera = Tera::new();
        let refusals = Arc::clone(&labels);
        tera.register_function(
            "fault",
            move |kw: Kwargs, state: &State| -> TeraResult<String> {
                let pointer = kw.get::<&str>("pointer")?.unwrap_or_default();
                let code = kw.must_get::<&str>("code")?;
                let message = kw.must_get::<&str>("message")?;
                refusals.refusal(&language(state)?, pointer, code, message)
            },
        );
        tera.register_function(
            "t",
            move |kw: Kwargs, state: &State| -> TeraResult<String> {
                labels.say(&language(state)?, is_observer(state)?, &kw)
            },
        );
        tera.register_function(
            "label",
            move |kw: Kwargs, state: &State| -> TeraResult<String> {
                vocabulary.name(
                    &language(state)?,
                    kw.must_get::<&str>("vocabulary")?,
                    kw.must_get::<&str>("code")?,
                )
            },
        );
        tera.register_function("when", |kw: Kwargs, state: &State| -> TeraResult<String> {
            when(kw.must_get::<&str>("at")?, state)
        });
        tera.register_function("number", |kw: Kwargs, _: &State| -> TeraResult<String> {
            Ok(grouped(kw.must_get::<i64>("n")?))
        });
        let mut sources = Vec::new();
        for file in Files::iter().filter(|file| !file.starts_with("locales/")) {
            sources.push((file.to_string(), text_of(&file)?));
        }
        tera.add_raw_templates(sources)
            .map_err(|fault| load_fault("templates", whole(&fault)))?;
        tera.autoescape_on([".html"]);
        Ok(Self {
            tera: Arc::new(tera),
        })
    }

    /// Renders the template `name` for a reader of `lang` (`ja` or `en`). The context is a map;
    /// `lang` is added to it.
    pub fn render<C>(&self, name: &str, lang: &str, context: &C) -> Result<String, TemplateFault>
    where
        C: serde::Serialize + ?Sized,
    {
        if !LANGUAGES.contains(&lang) {
            return Err(TemplateFault::Language(lang.to_owned()));
        }
        let fault = |error: tera::Error| TemplateFault::Render {
            template: name.to_owned(),
            language: lang.to_owned(),
            reason: whole(&error),
        };
        let mut context = Context::from_serialize(context).map_err(fault)?;
        context.insert("lang", lang);
        self.tera.render(name, &context).map_err(fault)
    }

    /// The names of all templates.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = self.tera.get_template_names().map(str::to_owned).collect();
        names.sort();
        names
    }
}

fn language(state: &State) -> TeraResult<String> {
    state
        .get::<String>("lang")?
        .ok_or_else(|| tera::Error::message("no language in the context"))
}

/// Whether a text is for an observer: `bank` of the context says so.
fn is_observer(state: &State) -> TeraResult<bool> {
    let bank = state.get::<Value>("bank")?;
    let said = bank
        .as_ref()
        .and_then(|bank| bank.get_from_path("is_observer"));
    Ok(said.and_then(Value::as_bool).unwrap_or(false))
}

/// An instant as the reader's clock shows it, with the zone (`zone` of the context, an IANA name).
fn when(at: &str, state: &State) -> TeraResult<String> {
    let refuse = |fault: jiff::Error| tera::Error::message(format!("{at:?}: {fault}"));
    let zone = state
        .get::<String>("zone")?
        .ok_or_else(|| tera::Error::message("no zone in the context"))?;
    let at = at.parse::<jiff::Timestamp>().map_err(refuse)?;
    let there = at.in_tz(&zone).map_err(refuse)?;
    Ok(there.strftime("%Y-%m-%d %H:%M %Z").to_string())
}

/// Thousands are grouped, as people write yen and counts in both languages.
fn grouped(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3 + 1);
    if number < 0 {
        text.push('-');
    }
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn load_fault(file: &str, reason: impl Into<String>) -> TemplateFault {
    TemplateFault::Load {
        file: file.to_owned(),
        reason: reason.into(),
    }
}

/// The error with its causes: tera keeps what a function said in the source.
fn whole(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}

fn text_of(file: &str) -> Result<String, TemplateFault> {
    let found = Files::get(file).ok_or_else(|| load_fault(file, "not embedded"))?;
    String::from_utf8(found.data.into_owned()).map_err(|_| load_fault(file, "not UTF-8"))
}

/// The labels of both languages.
struct Labels {
    bundles: BTreeMap<&'static str, FluentBundle<FluentResource>>,
}

impl Labels {
    fn load() -> Result<Self, TemplateFault> {
        let mut bundles = BTreeMap::new();
        for lang in LANGUAGES {
            let id = lang
                .parse()
                .map_err(|_| load_fault(lang, "not a language"))?;
            let mut bundle = FluentBundle::new_concurrent(vec![id]);
            // Isolating marks would end up in subjects, URLs and copied digests.
            bundle.set_use_isolating(false);
            let folder = format!("locales/{lang}/");
            for file in
                Files::iter().filter(|file| file.starts_with(&folder) && file.ends_with(".ftl"))
            {
                let resource = FluentResource::try_new(text_of(&file)?)
                    .map_err(|(_, faults)| load_fault(&file, format!("{faults:?}")))?;
                bundle
                    .add_resource(resource)
                    .map_err(|faults| load_fault(&file, format!("{faults:?}")))?;
            }
            bundles.insert(lang, bundle);
        }
        Ok(Self { bundles })
    }

    fn say(&self, lang: &str, is_observer: bool, kw: &Kwargs) -> TeraResult<String> {
        let mut args = FluentArgs::new();
        let you = if is_observer {
            "you-observer"
        } else {
            "you-bank"
        };
        args.set("you", self.text(lang, you, &FluentArgs::new())?);
        for (name, value) in kw.iter() {
            match name.as_str() {
                Some("key") | None => {}
                Some(name) => args.set(name.to_owned(), fluent(value)?),
            }
        }
        self.text(lang, kw.must_get::<&str>("key")?, &args)
    }

    fn has(&self, lang: &str, key: &str) -> bool {
        let bundle = self.bundles.get(lang);
        bundle.is_some_and(|bundle| bundle.has_message(key))
    }

    /// What a code means; a code that has no label keeps its English sentence.
    fn refusal(&self, lang: &str, pointer: &str, code: &str, message: &str) -> TeraResult<String> {
        let key = format!("fault-{code}");
        let said = if self.has(lang, &key) {
            self.text(lang, &key, &FluentArgs::new())?
        } else if lang == "en" && !message.is_empty() {
            message.to_owned()
        } else {
            self.text(lang, "fault-other", &FluentArgs::new())?
        };
        let Some(field) = self.field(lang, pointer)? else {
            return Ok(said);
        };
        let mut args = FluentArgs::new();
        args.set("field", field);
        args.set("said", said);
        self.text(lang, "fault-of", &args)
    }

    /// What the field of a pointer is called: `/title/ja`, `/operator_contacts/1/phone`, or `/3/code` for the
    /// third line of a file. `None` where it has no name.
    fn field(&self, lang: &str, pointer: &str) -> TeraResult<Option<String>> {
        let mut parts: Vec<&str> = pointer.split('/').skip(1).collect();
        let mut args = FluentArgs::new();
        if let [row, column] = parts[..]
            && row.bytes().all(|byte| byte.is_ascii_digit())
        {
            args.set("row", row.to_owned());
            args.set("column", column.to_owned());
            return self.text(lang, "fault-row", &args).map(Some);
        }
        parts.retain(|part| part.parse::<u32>().is_err());
        let tongue = parts
            .last()
            .copied()
            .filter(|last| LANGUAGES.contains(last));
        if tongue.is_some() {
            parts.pop();
        }
        let known = (1..=parts.len()).rev().find_map(|length| {
            let key = format!("field-{}", parts[..length].join("_"));
            self.has(lang, &key).then_some(key)
        });
        let Some(key) = known else {
            return Ok(None);
        };
        let field = self.text(lang, &key, &args)?;
        let Some(tongue) = tongue else {
            return Ok(Some(field));
        };
        args.set("field", field);
        self.text(lang, &format!("fault-in-{tongue}"), &args)
            .map(Some)
    }

    fn text(&self, lang: &str, key: &str, args: &FluentArgs<'_>) -> TeraResult<String> {
        let bundle = self
            .bundles
            .get(lang)
            .ok_or_else(|| tera::Error::message(format!("no labels in {lang}")))?;
        let pattern = bundle
            .get_message(key)
            .and_then(|message| message.value())
            .ok_or_else(|| tera::Error::message(format!("no label {key} in {lang}")))?;
        let mut faults = Vec::new();
        let said = bundle.format_pattern(pattern, Some(args), &mut faults);
        if faults.is_empty() {
            Ok(said.into_owned())
        } else {
            Err(tera::Error::message(format!(
                "label {key} in {lang}: {faults:?}"
            )))
        }
    }
}

fn fluent(value: &Value) -> TeraResult<FluentValue<'static>> {
    if let Some(text) = value.as_str() {
        Ok(FluentValue::from(text.to_owned()))
    } else if let Some(number) = value.as_i64() {
        Ok(FluentValue::from(number))
    } else if let Some(truth) = value.as_bool() {
        Ok(FluentValue::from(
            if truth { "yes" } else { "no" }.to_owned(),
        ))
    } else {
        Err(tera::Error::message(format!(
            "a label takes text, whole numbers and booleans, not {value:?}"
        )))
    }
}

#[derive(serde::Deserialize)]
struct Names {
    ja: String,
    en: String,
}

/// What the codes of the controlled vocabularies are called.
struct Vocabulary(BTreeMap<String, BTreeMap<String, Names>>);

impl Vocabulary {
    fn load(text: &str) -> Result<Self, TemplateFault> {
        toml::from_str(text)
            .map(Self)
            .map_err(|fault| load_fault("vocabulary.toml", fault.to_string()))
    }

    fn name(&self, lang: &str, vocabulary: &str, code: &str) -> TeraResult<String> {
        let names = self
            .0
            .get(vocabulary)
            .and_then(|codes| codes.get(code))
            .ok_or_else(|| tera::Error::message(format!("no name for {vocabulary} {code}")))?;
        Ok(match lang {
            "ja" => names.ja.clone(),
            _ => names.en.clone(),
        })
    }
}

#[cfg(test)]
mod tests;
