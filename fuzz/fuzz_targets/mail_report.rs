//! Whatever lands in the folder of reports is judged without a fault, and none is taken for a report of a delivery
//! whose address it was not sent to.
#![no_main]

use kairan::domain::id::Uid;
use kairan::domain::mail_report::{self, Class};
use kairan::domain::mail_id;
use libfuzzer_sys::fuzz_target;

const KEY: &[u8] = &[7; 32];
const DELIVERY: [u8; 16] = [1; 16];

fuzz_target!(|bytes: &[u8]| {
    // Without a key that made an address in it, nothing is anybody's report.
    assert!(mail_report::read(bytes, &[8; 32]).is_err());
    let address = mail_id::return_path(KEY, &Uid::from_bytes(DELIVERY), "mail.test");
    let addressed = [b"Delivered-To: ", address.as_bytes(), b"\r\n", bytes].concat();
    for file in [bytes, &addressed] {
        if let Ok(report) = mail_report::read(file, KEY) {
            assert_eq!(report.delivery, Uid::from_bytes(DELIVERY));
            let permanent = report.status.is_some_and(mail_report::Status::is_permanent);
            assert!(report.class() != Class::Bounced || permanent);
        }
    }
});
