//! Forms of codes and addresses. What has the form need not exist.

/// 1 to 16 of A-Z, 0-9 and hyphen.
pub fn is_bank_code(text: &str) -> bool {
    (1..=16).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'-')
}

/// The shape that every mail server takes; whether it exists is shown by sending.
pub(super) fn is_email(text: &str) -> bool {
    let Some((local, host)) = text.rsplit_once('@') else {
        return false;
    };
    let plain = |b: u8| b.is_ascii_graphic() && !b"\"(),:;<>@[\\]".contains(&b);
    let label = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    text.len() <= 254
        && (1..=64).contains(&local.len())
        && local.bytes().all(plain)
        && host.contains('.')
        && host.split('.').all(label)
}

pub(super) fn is_phone(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    text.len() <= 32
        && (6..=15).contains(&digits)
        && text.bytes().enumerate().all(|(index, b)| {
            b.is_ascii_digit() || b" -().".contains(&b) || (b == b'+' && index == 0)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_no_mail_server_takes_are_refused() {
        for good in ["a@b.example", "taro.yamada+kairan@bank.example.jp"] {
            assert!(is_email(good), "{good}");
        }
        for bad in [
            "",
            "a",
            "@b.example",
            "a@",
            "a@b",
            "a@b..example",
            "a b@c.example",
            "a@b.example\n",
            "a,b@c.example",
            "<a@b.example>",
            "a@b.example,c@d.example",
            "山田@b.example",
        ] {
            assert!(!is_email(bad), "{bad}");
        }
    }

    #[test]
    fn telephone_numbers_are_taken_as_people_write_them() {
        for good in [
            "+81 3-1234-5678",
            "03-1234-5678",
            "(03) 1234 5678",
            "0120117117",
        ] {
            assert!(is_phone(good), "{good}");
        }
        for bad in [
            "",
            "12345",
            "1234567890123456",
            "03-1234-567x",
            "03+12345678",
            "０３１２３４５６７８",
        ] {
            assert!(!is_phone(bad), "{bad}");
        }
    }

    #[test]
    fn a_banks_code_is_short_and_plain() {
        for good in ["0117", "A", "BANK-01", "ABCDEFGHIJKLMNOP"] {
            assert!(is_bank_code(good), "{good}");
        }
        for bad in [
            "",
            "0117 ",
            "bank",
            "ABCDEFGHIJKLMNOPQ",
            "０１１７",
            "A_B",
            "A/B",
        ] {
            assert!(!is_bank_code(bad), "{bad}");
        }
    }
}
