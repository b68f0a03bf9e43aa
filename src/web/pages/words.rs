//! What a page says when something was refused, in both languages. Knows nothing of why.

use crate::domain::vocabulary::Language;

/// A sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    WrongCode,
    NameMissing,
    OneOfYou,
    Refused,
    UnknownLink,
    ExpiredLink,
    EndedLink,
    LockedLink,
    Failed,
    EndpointSecret,
    MachineKey,
    AtIssue,
}

pub(super) fn say(said: Said, language: Language) -> &'static str {
    let (ja, en) = match said {
        Said::WrongCode => (
            "コードが正しくありません。メールに記載された8文字のコードを入力してください。",
            "The code is not right. Type the eight characters that are printed in the mail.",
        ),
        Said::NameMissing => (
            "お名前と役職を、それぞれ1行で入力してください。",
            "Write your name and your role, one line each.",
        ),
        Said::OneOfYou => ("貴行のご担当者", "a person of your bank"),
        Said::Refused => ("受領確認はできませんでした", "This could not be done"),
        Said::UnknownLink => (
            "このリンクは無効です。メールのリンクをそのまま開いてください。",
            "This link is not known. Open the link of the mail as it stands there.",
        ),
        Said::ExpiredLink => (
            "このリンクは有効期限が切れています。新しいメールを依頼するか、APIをご利用ください。",
            "This link is too old. Ask for a new mail, or use the API.",
        ),
        Said::EndedLink => (
            "このメールの宛先は、貴行の現在の連絡先ではありません。新しい連絡先に届いたメールのリンクか、APIをご利用ください。",
            "The mail of this link went to somebody who is no contact of your bank any more. Use the link of a mail to one of its contacts, or the API.",
        ),
        Said::LockedLink => (
            "コードの誤入力が続いたため、このリンクはロックされました。新しいメールのリンクか、APIをご利用ください。",
            "The code was wrong too often, so this link is locked. Use the link of a newer mail, or the API.",
        ),
        Said::EndpointSecret => (
            "Webhookの署名用シークレット（一度だけ表示されます）",
            "The secret that signs the webhooks; it is shown this once",
        ),
        Said::MachineKey => (
            "APIキー（一度だけ表示されます）",
            "The API key; it is shown this once",
        ),
        Said::AtIssue => ("（発出時に決まります）", "(set when issued)"),
        Said::Failed => (
            "処理できませんでした。しばらくしてからもう一度お試しください。",
            "That did not work. Try again in a moment.",
        ),
    };
    match language {
        Language::Ja => ja,
        Language::En => en,
    }
}
