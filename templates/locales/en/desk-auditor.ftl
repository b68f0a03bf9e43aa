# The auditor's desk.

auditor-all = All
auditor-choose = Choose
auditor-bank = Bank
auditor-incident = Incident
auditor-revision = rev. { $revision }
auditor-number = No. { $number }
auditor-notice-number = Number
auditor-notices = Notices
auditor-level = Evidence level
auditor-level-then = Level at that time
auditor-reached = Reached
auditor-recorded = Recorded
auditor-issued = Issued
auditor-accepted = Accepted
auditor-phase = Phase
auditor-digest = Digest of the notice
auditor-incident-digest = Digest of the shared body
auditor-erased = erased
auditor-channel = Channel
auditor-outcome = Outcome
auditor-address = Address as used
auditor-try = Try
auditor-took = Took
auditor-started = Started
auditor-body-hash = SHA-256 of the bytes sent
auditor-evidence = Evidence
auditor-chain = Chain

auditor-matrix-title = Incident by bank
auditor-matrix-lead = As everything stood on { $at }.
auditor-matrix-caption = { $incidents ->
    [one] One incident
   *[other] { $incidents } incidents
}, { $banks ->
    [one] one bank
   *[other] { $banks } banks
}, newest first. A cell leads to its chain of evidence.
auditor-matrix-caption-some = { $incidents } of { $total } incidents, { $banks ->
    [one] one bank
   *[other] { $banks } banks
}, newest first. A cell leads to its chain of evidence.
auditor-matrix-newest = Newest incidents
auditor-matrix-not-owed = No notice owed
auditor-matrix-banks = { $banks ->
    [one] Name of the bank
   *[other] Names of the { $banks } banks
}
auditor-matrix-none = Nothing had been issued by that day.
auditor-day = Day
auditor-day-show = Show
auditor-day-earlier = Day before
auditor-day-later = Day after
auditor-day-slider = Slide through the days

auditor-evidence-title = Notice No. { $number } to { $bank }
auditor-chain-incident = The incident was registered
auditor-chain-fanout = The roster fixed who is told
auditor-fanout-roster = { $notices ->
    [one] One notice, for the one bank on roster version { $version }.
   *[other] { $notices } notices, one for each bank on roster version { $version }.
}
auditor-fanout-former = { $notices ->
    [one] One notice to a former partner
   *[other] { $notices } notices to former partners
} that had got an earlier revision (roster version { $version }).
auditor-fanout-late_joiner = { $notices ->
    [one] One notice
   *[other] { $notices } notices
} to a bank that joined later (roster version { $version }).
auditor-fanout-observer = { $notices ->
    [one] One notice to an observer
   *[other] { $notices } notices to observers
} (roster version { $version }).
auditor-fanout-n = Fan-out { $n } of this revision.
auditor-chain-notice = The notice was issued
auditor-acknowledge-by = To be confirmed by
auditor-digest-note = This is what the bank confirms.
auditor-notice-id = Identifier
auditor-chain-attempts = It was sent
auditor-attempts-caption = { $n ->
    [one] One attempt
   *[other] { $n } attempts
}, oldest first
auditor-attempts-none = Nothing has been sent yet.
auditor-chain-levels = It reached these levels
auditor-levels-caption = A level never falls.
auditor-evidence-id = Shown by
auditor-chain-acknowledgement = Receipt was confirmed
auditor-ack-class = How
auditor-ack-at = When
auditor-ack-by = By, as given
auditor-ack-account = Signed in as
auditor-ack-key = API key
auditor-ack-mail = Link in the mail to
auditor-ack-note = Signed note
auditor-ack-disputed = The bank names a head of the log, of { $size ->
    [one] one entry
   *[other] { $size } entries
}, that no log of this hub has. Compare with the bank at once.
auditor-ack-covered = Covered by the confirmation
auditor-ack-id = Identifier
auditor-ack-none = Not yet. It is due by { $by }.
auditor-chain-responses = The bank said what it did
auditor-responses-none = Not yet.
auditor-chain-entries = All of it is in the log
auditor-entries-caption = { $n ->
    [one] One entry
   *[other] { $n } entries
}, in the order of the log
auditor-seq = Entry
auditor-entry-kind = Kind
auditor-leaf-hash = Leaf hash

auditor-deliveries-title = Delivery log
auditor-deliveries-lead = Every attempt and what came of it. The filters stand in the address of this page.
auditor-deliveries-caption = { $n ->
    [one] One line
   *[other] { $n } lines
} on this page, oldest attempt first
auditor-deliveries-none = No attempt fits these filters.
auditor-from = Started from ({ $zone })
auditor-to = Started before ({ $zone })
auditor-filter = Show
auditor-filter-none = Clear filters
auditor-to-operator = Operator

auditor-as-of-title = What had a bank been told?
auditor-as-of-lead = Choose a bank and an instant. The answer lists what it had been told by then, and what it had not.
auditor-as-of-at = At ({ $zone })
auditor-as-of-ask = Answer
auditor-as-of = As of
auditor-asked = Asked
auditor-certificate = What { $bank } had been told by { $at }
auditor-told = Told
auditor-told-caption = { $n ->
    [one] One notice
   *[other] { $n } notices
}, by the bank’s own number, with the level of that time
auditor-told-none = By then no notice had been issued to { $bank }.
auditor-told-more = There are further notices.
auditor-told-next = Next page
auditor-not-told = Not told
auditor-not-told-caption = { $n ->
    [one] One revision
   *[other] { $n } revisions
} accepted by then that had not been addressed to the bank by then
auditor-not-told-none = Nothing: everything accepted by then had been addressed to the bank.
auditor-not-told-more = There are more than are listed here.
auditor-certificate-note = Compiled from the record of facts, which are never changed or deleted. “Delivered” means that the bank’s system accepted it; only “acknowledged” means that the bank confirmed receipt.

auditor-figures-title = Figures
auditor-funnel = From listed to responded
auditor-funnel-note = Each notice counts at every level that it has reached.
auditor-of-all = Of all
auditor-notify = Time to notify
auditor-notify-note = From the issue of a notice until the bank’s own system accepted it.
auditor-acknowledge = Time to acknowledge
auditor-acknowledge-note = From the issue of a notice until the bank confirmed receipt.
auditor-median = Median
auditor-p95 = 95 % within
auditor-max = Longest
auditor-within = Time
auditor-bucket-under_1m = under 1 min
auditor-bucket-under_5m = 1 to 5 min
auditor-bucket-under_15m = 5 to 15 min
auditor-bucket-under_1h = 15 to 60 min
auditor-bucket-under_4h = 1 to 4 h
auditor-bucket-under_1d = 4 to 24 h
auditor-bucket-over_1d = over 1 day
auditor-bucket-not_yet = not yet

auditor-check-title = Is the record sound?
auditor-check-register = register
auditor-check-roster = roster
auditor-check-notices = notices
auditor-check-messages = messages
auditor-check-log = log
auditor-check-sound = Sound
auditor-check-sound-since = Sound since { $since }
auditor-check-broken = { $findings ->
    [one] One rule is broken
   *[other] { $findings } rules are broken
}
auditor-check-tried = { $rules } rules tried on
auditor-findings = Broken rules
auditor-findings-caption = Each rule counts what must never be found.
auditor-findings-what = Keep a copy of the database as it is, and report this. The hub goes on sending.
auditor-rule = Rule
auditor-violations = Found
auditor-check-standing = The standing check last tried them on
auditor-history = How it stood
auditor-history-caption = One line for each change; newest first
auditor-history-none = The standing check has not been tried yet.
auditor-history-from = From
auditor-result = Result
auditor-result-sound = Sound
auditor-result-broken = Broken

# The line on every page of an auditor
standing-equation = register = roster = notices = log:
standing-broken = { $rules ->
    [one] One rule is broken
   *[other] { $rules } rules are broken
} since { $since }
standing-untried = Not checked yet
standing-overdue = Last checked on { $tried }: the check is overdue

# The rules of the self-check
rule-roster_counts = The newest roster version counts its leaves
rule-roster_dense = Roster versions are dense
rule-revision_fanout = Every revision has its roster fan-out
rule-fanout_notices = Every fan-out has exactly its notices
rule-notice_fanout = Every notice belongs to a fan-out
rule-roster_notices = Every bank on the roster of a fan-out has its notice
rule-roster_told = Every bank on the roster has the newest revision of every incident, or is being told of those from before
rule-numbers_dense = Numbers are dense
rule-notice_message = Every notice has its message
rule-level_acknowledged = Every acknowledged notice was acknowledged
rule-acknowledged_digest = Every acknowledgement confirms the digest of its notice
rule-delivery_open = Every open delivery of an unacknowledged notice will be tried again
rule-closed_settled = Every incident that was closed was settled by every bank
rule-attempt_outcome = Every attempt that is not under way has its outcome
rule-outcome_entry = Every outcome has its entry
rule-acknowledgement_entry = Every acknowledgement has its entry
rule-chase_open = Every notice that nobody acknowledged is chased
rule-chase_moot = Nobody is chased who has acknowledged
rule-chase_steps = Every step of a chase was taken, and only once
rule-fact_changed = Every fact is as its entry says
rule-fact_unrecorded = Every fact has its entry
rule-fact_missing = Every entry has its fact

completeness-title = Was every bank addressed?
completeness-lead = The record of this revision, judged by the rules of the offline verifier.
completeness-covered = Covered { $banks }/{ $banks }
completeness-acknowledged = acknowledged { $acknowledged }/{ $banks } (signed { $signed })
completeness-roster = Every bank on roster version { $version } has its notice, and nobody else counts among them.
completeness-superseded = The next version is proven to have come later.
completeness-current = This roster is still in force. Until a next version follows, only the hub’s word says that it was in force then.
completeness-head = Proven at { $size ->
    [one] one entry
   *[other] { $size } entries
} of the log
completeness-waiting = { $n ->
    [one] One further confirmation is
   *[other] { $n } further confirmations are
} recorded and will be proven at the next head.
completeness-open = Open: { $open }
completeness-open-none = Every one has confirmed receipt.
completeness-former = Former partners told: { $banks }
completeness-key-unknown = { $n ->
    [one] One signed confirmation is
   *[other] { $n } signed confirmations are
} under a key that this roster does not hold; it may have been enrolled later.
completeness-note-missing = { $n ->
    [one] One signed confirmation was
   *[other] { $n } signed confirmations were
} erased; the log still shows that there was one.
completeness-broken = Does not hold
completeness-broken-what = Keep a copy of the database as it is, and download the bundle: whoever has the log’s key can see the same.
completeness-refused = Cannot be proven now
completeness-carry = To take away
completeness-bundle = Bundle of rev. { $revision }
completeness-pack = Evidence pack of the incident
completeness-carry-note = Verified without network and without this hub: kairan verify. A pack says in its README how.
completeness-revisions = Revisions
completeness-link = Complete?
completeness-chain = Was every bank addressed? The proof of this fan-out

auditor-certificate-signed = Signed certificate
auditor-bank-pack = Evidence pack of { $bank }
auditor-log = The log
auditor-log-standing = Standing
auditor-log-goes-on = goes on
auditor-log-refuses = refuses
auditor-log-entries = Entries
auditor-log-number = log { $number }, which follows one that could not be continued
auditor-log-head = Newest signed head
auditor-log-size = { $size ->
    [one] one entry
   *[other] { $size } entries
}
auditor-log-no-head = none yet
auditor-log-waiting = Transactions that wait for their place

auditor-chain-chase = Chase
auditor-chase-none = No reminder was due.
auditor-chase-step = Step
auditor-chase-due = Was due
auditor-chase-taken = Taken
auditor-chase-contacts = Contacts up to level

auditor-levels-title = Service levels
auditor-levels-open = Service levels by month and bank
auditor-levels-note = Counted in the month of issue, in { $zone }. What is open past its deadline is late; what is not due yet counts neither way. Median and 95 % are by nearest rank, of what came.
auditor-levels-left-out = { $exercises ->
    [0] { $tests ->
        [0] Exercises and tests are left out; there were none.
        [one] Exercises and tests are left out: one revision of a test.
       *[other] Exercises and tests are left out: { $tests } revisions of tests.
    }
    [one] Exercises and tests are left out: one revision of an exercise, { $tests } of tests.
   *[other] Exercises and tests are left out: { $exercises } revisions of exercises, { $tests } of tests.
}
auditor-levels-from = First month
auditor-levels-to = Last month
auditor-levels-most = At most 36 months are shown at once.
auditor-levels-nothing = Nothing to count in these months.
auditor-levels-month = Month
auditor-levels-by-month = { $clock }, month by month
auditor-levels-percent = In time, %
auditor-levels-in-time = In time
auditor-levels-late = Late
auditor-levels-running = Running
auditor-levels-undelivered = Open
auditor-levels-reached = Delivered
auditor-levels-clock = Clock
auditor-levels-clock-notify = Time to notify
auditor-levels-clock-notify-note = The operator: from suspicion until every partner bank was being told, against our own clock and its ceiling from awareness. A draft that nobody has issued counts in the month in which it was begun.
auditor-levels-clock-intermediate = Next word after the first
auditor-levels-clock-intermediate-note = The operator: from the first word to the next, in the month of the first. A correction that came in time starts this clock anew and is not counted.
auditor-levels-clock-final = Final report
auditor-levels-clock-final-note = The operator: from the newest intermediate word to the final report, in the month of that word.
auditor-levels-clock-deliver = Time to deliver
auditor-levels-clock-deliver-note = From issue until the bank’s own system had the notice. No contract sets a limit: the bar is the median, of the longest shown.
auditor-levels-clock-acknowledge = Time to acknowledge
auditor-levels-clock-acknowledge-note = From issue until the bank confirmed receipt, against the deadline on the notice. What two people closed without a stamp is late.
auditor-levels-banks = Banks, the worst at acknowledging first
auditor-levels-banks-note = The operator tells all banks at once; what differs is when a bank had the notice and when it confirmed receipt.
auditor-levels-no-notices = No notice was issued in these months.
auditor-levels-stamp-median = Acknowledged, median
auditor-levels-stamp-p95 = Acknowledged, 95 %
auditor-levels-deliver-median = Delivered, median
auditor-levels-deliver-p95 = Delivered, 95 %
auditor-levels-missed = Our own clocks that were missed
auditor-levels-missed-note = The operator’s, the deadline that was missed last first, with the reason that the late revision gives.
auditor-levels-missed-none = None in these months.
auditor-levels-due = Was due
auditor-levels-issued = Issued
auditor-levels-not-yet = not yet
auditor-levels-instead = another word instead
auditor-levels-late-by = Late by
auditor-levels-reason = Reason
auditor-levels-no-reason = none given
auditor-levels-held-back = Held back by two people:
auditor-levels-draft = A draft

auditor-kind-exercise = An exercise: this evidence shows how the channels worked, and not that a bank was told of a theft.
auditor-kind-test = A test of the channel: this evidence does not show that a bank was told of a theft.
auditor-not-telling = { $kind }: told of nothing
auditor-told-drilled = { $n ->
    [one] One of these notices is an exercise or a test
   *[other] { $n } of these notices are exercises or tests
}: by them the bank was told of no theft.
auditor-drilled = Not counted: { $n ->
    [one] one notice
   *[other] { $n } notices
} of exercises and tests.
