//! Exposure: would the trick that worked at one bank work at this one? Knows only authentications.

use super::vocabulary::Authentication;

/// True if the bank's linking authentication shares a means with what was exploited.
/// What nobody has said counts as exposed on either side: a shorter clock is the safe mistake.
pub fn exposed(linking: Option<&[Authentication]>, exploited: &[Authentication]) -> bool {
    let unsaid =
        |means: &[Authentication]| means.is_empty() || means.contains(&Authentication::Unknown);
    let Some(linking) = linking else { return true };
    unsaid(linking) || unsaid(exploited) || linking.iter().any(|means| exploited.contains(means))
}

#[cfg(test)]
mod tests {
    use super::*;
    use Authentication::{AccountNoCashCardPin, Ekyc, SmsOtp, Unknown};

    #[test]
    fn a_bank_is_exposed_when_its_linking_shares_the_exploited_means_or_nobody_knows() {
        type Means<'m> = &'m [Authentication];
        let table: [(Option<Means>, Means, bool); 9] = [
            (
                Some(&[AccountNoCashCardPin]),
                &[AccountNoCashCardPin, SmsOtp],
                true,
            ),
            (
                Some(&[AccountNoCashCardPin, Ekyc]),
                &[AccountNoCashCardPin],
                true,
            ),
            (Some(&[Ekyc]), &[AccountNoCashCardPin], false),
            (Some(&[Ekyc, SmsOtp]), &[AccountNoCashCardPin], false),
            (Some(&[Ekyc]), &[], true),
            (Some(&[Ekyc]), &[Unknown], true),
            (Some(&[]), &[AccountNoCashCardPin], true),
            (Some(&[Unknown]), &[AccountNoCashCardPin], true),
            (None, &[AccountNoCashCardPin], true),
        ];
        for (linking, exploited, expected) in table {
            assert_eq!(
                exposed(linking, exploited),
                expected,
                "{linking:?} {exploited:?}"
            );
        }
    }
}
