# The officer's desk.

home-title = Home
home-lead-late = { $count ->
    [one] One notice is not confirmed, and its deadline has passed.
   *[other] { $count } notices are not confirmed, and their deadlines have passed.
}
home-lead-quiet = No notice is late.
home-file = File an incident
home-late = Late
home-late-none = No bank is late.
home-late-more = { $count ->
    [one] One more is late that is not listed here: these are the longest overdue.
   *[other] { $count } more are late that are not listed here: these are the longest overdue.
}
home-was-due = Was due
home-number = No. { $number }
home-todo = Waiting for you
home-count = { $count }
home-broken = Broken channels
home-failing = Addresses that fail
home-failures = { $count ->
    [one] 1 failure in a row
   *[other] { $count } failures in a row
}
home-unproven = Not proven for 90 days
home-unproven-since = Last proven
home-unproven-never = Never proven
home-unproven-note = Send a test notice, or ask the bank.
home-drafts = Drafts
home-draft-untitled = (no title)
home-draft-touched = Last changed
home-board = Stamp board
home-incidents-none = There is no incident yet.

tally-delivered = delivered
tally-acknowledged = acknowledged
tally-bounced = of which bounced
board-bounced = Mail to these banks came back. The next contacts are written to, and the mail is tried again:
board-title = Stamps
board-of = Stamps of { $incident }
board-at = As of

incident-revision = { $incident }, revision { $revision }
incident-number = Revision { $revision }
incident-revise = Write a revision
incident-tasks = Tasks
incident-tasks-none = No task for this incident.
incident-task-since = Since
incident-no-phone = no telephone number on record
incident-script = What to say on the telephone
incident-script-text =
    “Is this { $bank }? I am calling about an urgent notice of suspected theft.
    We sent you a notice about { $incident }, and have no confirmation of receipt.
    Please read it in your inbox and confirm receipt.”
incident-script-exercise = “This is an exercise. No theft took place. Please act as you would in a real case.”
incident-script-test = “This is a test of the channel. No theft took place.”
incident-script-note = Do not say customers’ names or account numbers. The call does not replace the notice.
incident-revisions = Revisions
incident-before = Before
incident-after = After
incident-content = What the notice says
incident-responses = What the banks did
incident-responses-none = No bank has responded yet.
incident-banks = { $banks }
incident-private = { $banks ->
    [one] One more bank responded for itself alone.
   *[other] { $banks } more banks responded for themselves alone.
}
incident-withdraw = Ask for a withdrawal
incident-withdraw-hint = When another officer approves, every bank that was told is told of the withdrawal. The earlier notices stay on record.
incident-withdraw-reason = Reason
incident-withdraw-text-ja = Explanation (Japanese)
incident-withdraw-text-en = Explanation (English)
incident-withdraw-replaces = Incident to read instead (for a duplicate)
incident-withdraw-send = Ask for the withdrawal
incident-withdrawal-waits = A withdrawal waits for a second person

file-title = File an incident
file-title-revise = Revision of { $reference }
file-lead = Issue with what is known. “Unknown yet” is an answer.
file-clock-since = First suspected
file-clock-by = Issue by
file-clock-left = left:
file-clock-over = late by
file-goes-to =
    Goes to { $count } of { $all } partner { $all ->
        [one] bank
       *[other] banks
    }{ $observers ->
        [0] { "" }
        [one] { " " }and 1 observer
       *[other] { " " }and { $observers } observers
    }
file-goes-to-hint = Everybody on the register (version { $version }). Nobody chooses them.
file-warnings = Please look at this again before issuing
file-warning = Check
file-impersonal = Leave out customers’ names and account numbers, and whether a suspicious-transaction report exists.
file-step-what = What happened
file-step-how = Attack and authentication
file-step-when = When and where
file-step-scale = How much
file-step-act = What was done, what to do
file-step-more = The rest
file-severity = Severity
file-urgency = Urgency
file-unknown = Unknown yet
file-estimate = Estimate
file-choose = Please choose
file-not-said = Not said
file-unit-people = people
file-unit-cases = transactions
file-unit-banks = banks
file-unit-yen = yen
file-unit-money = like 1200 or 12.50
file-currency = Currency
file-currency-hint = Three letters, as JPY or USD.
file-affected-banks = These banks
file-affected-unknown = Unknown yet
file-affected-none = None
file-affected-codes = Codes of banks
file-affected-hint = Apart by spaces or commas. Banks that were hit, not banks that are told.
file-measures-scope = Where the ticked ones hold
file-measures-taken = When the ticked ones were done
file-measure-kept = Named before, and still so
file-measure-scope = Where it holds
file-measure-taken_at = When it was done
file-measure-planned_for = For when it is planned
file-measure-note = Note
file-services-hint = One bank a line: code | new links | top-ups | pay-outs, each open, suspended or limited, or left empty: B001 | suspended | | open
file-more-report = Phase, urgency and marking
file-more-inquiry = Details of the inquiry
file-bodies-hint = One a line: body | 2019-05-16T18:05 | reference. Write \| for a bar within a text.
file-bodies-none = Nobody was notified
file-contact = Contact { $number }
file-contact-name = Name
file-contact-role = Role
file-contact-email = E-mail
file-contact-phone = Phone
file-preview = Preview
file-issue =
    Issue to { $banks ->
        [one] 1 bank
       *[other] all { $banks } banks
    }{ $observers ->
        [0] { "" }
        [one] { " " }and 1 observer
       *[other] { " " }and { $observers } observers
    }
file-nobody-chooses = What is issued is never changed or deleted: a revision or a withdrawal corrects it.

preview-title = Preview
preview-heading = What { $bank } will be told
preview-lead =
    Nothing is issued yet. It goes to { $banks ->
        [one] 1 bank
       *[other] all { $banks } banks
    }{ $observers ->
        [0] { "" }
        [one] { " " }and 1 observer
       *[other] { " " }and { $observers } observers
    }, each with its own number and deadline.
preview-moment = Numbers and times are those of issuing now. Ids, digests and the confirm link exist only once it is issued.
preview-as = Seen as
preview-language = Language
preview-show = Show
preview-page = On the bank’s desk
preview-mail = Mail
preview-subject = Subject
preview-html = HTML version (source)
preview-webhook = Webhook
preview-issue =
    Issue to { $banks ->
        [one] 1 bank
       *[other] all { $banks } banks
    }{ $observers ->
        [0] { "" }
        [one] { " " }and 1 observer
       *[other] { " " }and { $observers } observers
    }
preview-edit = Change it
preview-for-good = Issuing cannot be undone.

draft-lead = Not issued yet. Issued or discarded, a draft stays on record with its age.
draft-list-open = In preparation
draft-list-ended = Issued or discarded
draft-none-open = No draft is in preparation.
draft-none-ended = No draft was issued or discarded.
draft-author = Begun by
draft-created = Begun
draft-age = Age
draft-end = How it ended
draft-version = Version { $n }
draft-state-open = In preparation
draft-state-issued = Issued
draft-state-discarded = Discarded
draft-says = What the draft says
draft-empty = Nothing is written yet.
draft-continue = Go on with it
draft-form = Going on with a draft
draft-reopen = Open the newest version again
draft-save = Save as draft
draft-discard = Discard the draft
draft-discard-hint = It stays on record with the reason. A discarded draft cannot be taken up again.
draft-discard-do = Discard it for this reason

said-count = { $n } { $unit }

# The fields of a filing
field-title = Title
field-description = What happened
field-determination = How sure
field-typology = Kind of attack
field-typology_other = Another kind, in words
field-attack_stage = Stage of the attack
field-auth_exploited = Authentication that was exploited
field-auth_weakness = Why it was not enough
field-discovery_method = How it came to light
field-occurred_from = Took place from
field-occurred_to = Took place until
field-detected_at = Detected
field-aware_at = Became aware
field-aware_reason = Why that differs from the detection
field-resolved_at = Resolved
field-closed_at = Closed
field-next_update_at = Next update
field-affected_banks = Banks that were hit
field-services = State of the services
field-victims = Victims
field-transactions = Transactions
field-amount_lost = Amount lost
field-amount_recovered = Amount recovered
field-amount_compensated = Amount compensated
field-severity = Severity
field-urgency = Urgency
field-countermeasures = What was done
field-advice = Advice to the banks
field-cause_types = Causes (codes)
field-lessons = Lessons
field-bodies_notified = Bodies notified
field-tlp = Marking (TLP)
field-kind = Kind
field-phase = Phase
field-incident_status = Status
field-change_summary = What changed
field-related_incidents = Related incidents
field-operator_contacts = The operator’s contacts
field-late_reason = Why it is late

# Whether a board changes by itself
live-on = Live
live-off = No longer live: open the page again to see what is new

home-calls = Calls to make
home-calls-more = { $count ->
    [one] One more call waits that is not listed here: the page of its incident has it.
   *[other] { $count } more calls wait that are not listed here: the page of each incident has its own.
}
home-clocks = Our own clocks
home-clocks-none = Nothing is owed.
home-clocks-note = Clock and ceiling are contractual; the earlier of the two is the deadline.
home-clock = Clock
home-ceiling = Ceiling
home-clock-draft = Draft
chase-title = Chase
chase-note = Reminders go on by themselves until a bank confirms. Nobody can end them.
chase-none = Every bank has confirmed.
chase-bank = Bank
chase-due = Confirm by
chase-taken = So far
chase-next = Next
chase-call = Call
chase-steps = { $n ->
    [one] 1 step
   *[other] { $n } steps
}
call-title = Call { $bank }
call-lead = The bank has not confirmed in time. The notice goes on being sent; the call does not replace it.
call-dial = Numbers in the register
call-withdrawn = “Notice No. { $number } has been withdrawn since, by notice No. { $by }. What it said no longer stands.”
call-replaced = “Notice No. { $number } has been replaced since, by notice No. { $by }. Please read and confirm that one.”
call-read-back = “Your number of this notice is { $number }. Please read it back to me.”
call-read-back-hint = As they said it back to you.
call-open = Call and write it down
call-claim = I will call
call-own = You have taken this call.
call-release = Give it back: nobody was reached
call-taken = A colleague has taken this call.
call-claimed = taken
call-more = also of
call-told = The bank was reached
call-send = Write it down
call-second = Another officer signs it off.
call-state-open = to be made
call-state-claimed = taken
call-state-completed = made
call-state-closed = not needed any more
aside-note = Weaker evidence than any notice: it counts as a delivery at most, and only once a second person has signed it off.
aside-channel-phone = Telephone
aside-channel-meeting = In person
aside-channel-letter = Letter
aside-state-waiting = waits for a second person
aside-state-expired = nobody signed it off in time
aside-state-approved = signed off
aside-state-refused = refused
aside-caller = Told by
aside-approver = Signed off by
aside-read-back = Read back: No. { $number }
# What banks report
home-reports = Banks report
reports-lead = Each report waits for an answer. Silence issues it to every bank by itself.
reports-waiting = Waiting for an answer
reports-answered = Answered
reports-none-waiting = No report waits.
reports-none-answered = No report was answered yet.
reports-make-incident = Make it an incident
reports-silence = Unanswered, it is issued to every bank by itself, in the bank’s words and as unverified.
reports-reject = It is not an incident
reports-reject-hint = The reason goes back to the bank. The report stays on record.
reports-reject-do = Tell the bank

# What two people hold back
deferral-lead = The only way to hold a notice back: a legal basis, two people, at most { $hours } hours, always every bank. It goes out by itself.
deferral-in-force = Held back now
deferral-none = Nothing is held back.
deferral-ended = Ended
deferral-left = goes out by itself in
deferral-basis = Legal basis
deferral-since = Held since
deferral-until = Until
deferral-renewal = renewed
deferral-lift = Send it to every bank now
deferral-renew = Ask to hold it longer
deferral-renew-hint = At most { $hours } hours from the approval, and two people again.
deferral-renew-send = Ask for it
deferral-how-expired = went out by itself
deferral-how-lifted = lifted, went out
deferral-how-renewed = renewed
deferral-ask = Hold it back instead (legal basis, two people, at most { $hours } hours)
deferral-ask-hint = Nothing is held before another officer approves. Auditors see it at once. It is always held back from every bank alike.
deferral-ask-send = Ask to hold it back
deferral-of-incident = A revision of this incident is held back

draft-past-ceiling = past its ceiling, counted from awareness
draft-ceiling = To be issued by
draft-took = from first record to issue:
draft-of-report = from a bank’s report
incident-suspicion = First on record

# Closing, and related incidents
closing-title = Closing
closing-hint = A final report with status “closed” closes the incident, once every bank has confirmed what it was told last or two people have closed its notice.
closing-open = { $banks ->
    [one] One bank is open.
   *[other] { $banks } banks are open.
}
closing-by-two = closed by two people
closing-ask = Ask to close the notice of a bank that does not confirm
closing-ask-hint = The bank is chased until another officer approves. A late confirmation is still taken.
closing-ask-send = Ask for it
closing-closed = This incident is closed
closing-counts = { $acknowledged ->
    [one] One bank had confirmed
   *[other] { $acknowledged } banks had confirmed
}, { $closed ->
    [one] one was closed by two people
   *[other] { $closed } were closed by two people
}

resend-ask = Send a bank its notice once more
resend-hint = The newest notice of this incident goes out again, unchanged and under the same id, over every address that it went to.
resend-send = Send it again
related-earlier = named here
related-later = names this one
field-remedial_actions = Remedial actions
file-remedies-hint = One a line: what | who (a department) | 2019-12-31T00:00. Write \| for a bar within a text. Needed to close the incident.

# What banks ask, and the response map
question-lead = Questions of banks and objections to notices. The answer goes back to that bank alone.
question-none = No bank waits for an answer.
question-left = to answer:
question-over = answer late by
question-answer = Answer
question-send = Send the answer
response-map = Services, bank by bank

exercise-lead = An exercise is filed like any incident and goes the whole way: every partner bank, every clock, every reminder. Every text says what it is, and it never counts as telling.
exercise-schedule = Schedule
exercise-next = Next exercise due
exercise-late = overdue
exercise-near = soon
exercise-last = Last exercise
exercise-answered = acknowledged { $acknowledged } of { $notices }
exercise-median = median time
exercise-none-yet = none yet
exercise-off = No schedule of exercises is switched on (clocks.file, profile EXERCISE).
exercise-by-people = Nothing is issued by itself: an officer files an incident of the kind “Exercise”.
exercise-results = Exercises and their results
exercise-issued = Issued
exercise-in-time = In time
exercise-open = Did not answer
exercise-all-answered = every bank answered
exercise-not-telling = Results are those of the notices of the first revision. None of them tells a bank of a theft.
