mail-automatic = Sent automatically by Kairan for { $operator }. A reply to this mail is not an acknowledgement. This mail contains no tracking.
mail-prefix-exercise = [EXERCISE]
mail-prefix-test = [TEST]
mail-kind-exercise = This is about an exercise. No theft took place. Please treat it as you would the real thing.
mail-kind-test = This is about a test of the channels. No theft took place.
you-bank = your bank
you-observer = your organisation
mail-bank = Bank
mail-sent-at = Sent

received-not-agreed = Confirming means “received”. It does not mean “agreed” and gives up no right of { $you }.

notice-subject = { $urgency } · No. { $number } · { $incident } · TLP:{ $tlp } · confirm by { $deadline }
notice-heading = Notice No. { $number } · { $incident }
notice-kind-exercise = This is an exercise. No theft took place. Please confirm as you would a real notice.
notice-kind-test = This is a test of the channel. No theft took place.
notice-to = To { $bank } ({ $code })
notice-intro = { $operator } tells every partner bank of a suspected theft from customers’ accounts.
notice-overtaken-withdrawn = Withdrawn by notice No. { $number }: what this notice said no longer stands.
notice-overtaken-replaced = Replaced by notice No. { $number }: please read and confirm that one.
reminder-due = Reminder: { $you } has not confirmed receipt of notice No. { $number } yet. Please confirm by { $deadline }.
reminder-overdue = Overdue: { $you } had to confirm receipt of notice No. { $number } by { $deadline }. Reminders go on until it is confirmed.
notice-number = Your number
notice-incident = Incident
notice-revision = { $incident }, revision { $revision }
notice-urgency = Urgency
notice-tlp = Marking
notice-issued-at = Issued
notice-acknowledge-by = Confirm receipt by
notice-restricted = This notice is marked TLP:{ $tlp }. What happened is not told by mail. Please read it in the portal, or over { $you }'s own access to the hub.
notice-concerns-you = Accounts at your bank are affected.
notice-exposed = Your bank is marked as exposed: its authentication for linking accounts is, or may be, the one that was exploited. The shorter deadline applies.
notice-changes = What changed
notice-typology = Kind of attack
notice-auth = Authentication that was exploited
notice-countermeasures = What the operator did
notice-taken = done { $at }
notice-planned = planned for { $at }
notice-advice = What we advise
notice-annex = A confidential annex for { $you } is in the portal. It is never sent by mail.
notice-confirm = Confirm receipt
notice-confirm-link = Open this page:
notice-confirm-code = Type this code there, with your name: { $code }
notice-confirm-page = Or sign in to the portal and confirm there:
notice-confirm-portal = Receipt is confirmed in the portal or by a signed call of { $you }:
notice-contacts = Whom to call
notice-recipients =
    This notice goes to { $banks ->
        [one] 1 bank
       *[other] { $banks } banks
    }{ $observers ->
        [0] : every bank
        [one] { " " }and 1 observer: everybody
       *[other] { " " }and { $observers } observers: everybody
    } on the register (version { $version }). Nobody chose them.
notice-recipients-late =
    This notice went to { $banks ->
        [one] 1 bank
       *[other] { $banks } banks
    }{ $observers ->
        [0] { "" }
        [one] { " " }and 1 observer
       *[other] { " " }and { $observers } observers
    } on the register (version { $version }). You joined later and get it for that reason. Nobody chose who is told.
notice-recipients-former =
    This notice goes to { $banks ->
        [one] 1 bank
       *[other] { $banks } banks
    }{ $observers ->
        [0] { "" }
        [one] { " " }and 1 observer
       *[other] { " " }and { $observers } observers
    } on the register (version { $version }), and to everybody who has left it and got an earlier notice of this incident, as you did. Nobody chose who is told.
notice-observers = Observers:
notice-joined-late = This incident was registered on { $at }, while { $you } was not on the register. You get it as it stands now; please confirm it like any other notice.
notice-digest = Digest of this notice
notice-incident-digest = Digest of the shared text
notice-digest-use = The digest is what you confirm. Keep this mail: it lets you prove what you were told.

withdrawn-subject = WITHDRAWN · { $urgency } · No. { $number } · { $incident } · TLP:{ $tlp } · confirm by { $deadline }
withdrawn-heading = Withdrawal · Notice No. { $number } · { $incident }
withdrawn-intro = { $operator } withdraws what it told every partner bank about { $incident }.
withdrawn-reason = Reason
withdrawn-replaces = Read incident { $incident } instead.
withdrawn-title = Withdrawn notice
withdrawn-keep = The earlier notices stay on record with the confirmations of all banks. Please check which of your own measures you want to end.

test-subject = [TEST] Test notice from { $operator } · { $at }
test-heading = Test notice
test-intro = { $operator } is testing that its notices reach you.
test-nothing-to-do = There is no incident behind this mail and nothing to confirm.
test-contacts = If you are not the right person for notices of theft, tell the operator, who keeps { $you }'s contacts.

alert-subject = [Kairan] { $what }
alert-detail = Detail
alert-at = Noticed
alert-joined = Who
alert-joined-roles = Roles
alert-joined-by = Invited by
alert-banks = Banks
alert-owed = Owed next
alert-due-at = Deadline
alert-goes-out-at = Goes out by itself
alert-channel = Channel
alert-bounced = A mail came back
alert-no-status = without a status
alert-last-exercise = Last exercise
alert-bank-late = A bank has not confirmed in time
alert-bank-late-action = Call the bank and record the call; the notice goes on being sent until it is confirmed.
alert-channel-broken = A channel to a bank is broken
alert-channel-broken-action = Ask the bank to mend its address or endpoint. The other channel and the retries go on.
alert-phone-task = A bank has to be told by telephone
alert-phone-task-action = Open the task: it has the number and the words to say. The call does not replace the notice.
alert-log-refusing = The evidence log takes no entries
alert-log-refusing-action = Notices go on being sent, marked as unsealed. Look at the log’s storage and keys now.
alert-self-check-red = The self-check found that register, notices and log do not agree
alert-self-check-red-action = Do not repair anything by hand. Open the auditor’s desk and read which part differs.
alert-clock-running-out = One of our own deadlines is about to run out
alert-clock-missed = One of our own deadlines is missed
alert-clock-missed-action = Issue what is owed now, and say in it why it comes late: every bank reads the reason.
alert-clock-running-out-action = Issue what is owed before then. After the deadline it needs a reason that every bank reads.

linkack-subject = Receipt of No. { $number } ({ $incident }) was confirmed by mail link
linkack-heading = Receipt confirmed by mail link · No. { $number } · { $incident }
linkack-intro = Someone confirmed this notice for { $you } by the link in a mail. All contacts of { $you } are told of it.
linkack-contact = The mail went to
linkack-name = Name as typed
linkack-role = Role as typed
linkack-at = Confirmed
linkack-wrong = If this was nobody of { $you }, call the operator at once; the confirmation stays on record, and { $you } can dispute the notice in a response.

ending-subject = Your partnership with { $operator } is recorded to end on { $ends }
ending-heading = The partnership is recorded to end
ending-intro = { $operator } has recorded in its register that the partnership with { $you } ends.
ending-recorded-at = Recorded
ending-ends-at = Ends
ending-until = Until then { $you } gets every notice.
ending-after = Afterwards it still gets every revision of incidents that it was told of before.
ending-over = That time has passed already. If the end was put off because { $you } could not be told before it, the new time follows.
ending-wrong = If this is a mistake, tell the operator before that time.
ending-wrong-over = If this is a mistake, tell the operator at once.
ending-inbox = Your inbox stays here:

invitation-subject = Your account at the incident notices of { $operator }
invitation-heading = Your account
invitation-to = To { $name }
invitation-intro = { $operator } invites you to Kairan, where notices of suspected thefts are sent, read and confirmed.
invitation-link = Set up your account here. The link works once:
invitation-expires = Valid until
invitation-unexpected = If you did not expect this mail, ignore it and tell your compliance department.

recovered-subject = Your sign-in at the incident notices of { $operator } was set up anew
recovered-heading = Your sign-in was set up anew
recovered-intro = Your account at the incident notices of { $operator } has a new password and a new authenticator, by a recovery link.
recovered-at = Set up
recovered-what = Everybody who was signed in with your account has been signed out. Your personal API keys still work.
recovered-wrong = If this was not you, tell an administrator of the operator at once, and your own compliance department.

notice-unverified = A bank reported this, and the operator has not verified it. The hub issued it by itself, in the words of the report.

alert-bank-report = A bank has reported a suspected theft
alert-bank-report-action = Make it an incident, or tell the bank why it is none. Unanswered, it is issued to every bank by itself.

answered-subject = Your report of { $at }: no incident · { $operator }
answered-heading = Your report is not an incident
answered-intro = { $operator } has looked into what { $you } reported, and does not make it an incident.
answered-reported-at = Reported
answered-at = Answered
answered-report = Report
answered-reason = Reason
answered-wrong = If you see it differently, report it again with what you know. Your report stays on record:

alert-deferral = A notice to every bank is held back
alert-deferral-action = Two people agreed, on a legal basis. It goes out by itself at the time named above; read why on your desk.

alert-exercise-near = The next exercise is due soon
alert-exercise-near-action = File an exercise before then: it goes to every partner bank like a real notice, and nothing issues it by itself.
alert-exercise-overdue = The exercise of this quarter is overdue
alert-exercise-overdue-action = File an exercise now. The exercises page shows the last one, and which banks did not answer it.
alert-issue-stuck = A notice that should have gone out by itself could not be issued
alert-issue-stuck-action = Issue it by hand now. The hub tries again every few seconds; its log says what is in the way.
alert-ending-untold = A partnership should have ended, and the bank could not be told of it
alert-ending-untold-action = The bank stays a partner, and gets every notice, until one of its channels takes the announcement; the ending is put off by an hour each time. Enter an endpoint or a contact that works.
alert-endpoint-unproven = An endpoint of a bank has not answered its challenge for a day
alert-endpoint-unproven-action = Ask the bank by telephone whether the address is its own and whether its system answers challenges; then send a new one from its page. Until then the endpoint gets every notice, and counts as not proven.
alert-joiner-untold = A new partner bank could not be told of the incidents from before
alert-joiner-untold-action = Tell the bank by telephone and write that down. The hub tries again every second; its log says what is in the way.
alert-person-joined = Somebody has joined and can sign in
alert-person-joined-action = If nobody meant this person to be let in, call the operator’s other administrators at once: two of them take the roles away.
alert-draft-ageing = A suspicion is on record for more than a day, and no bank was told
alert-draft-ageing-action = Issue the draft, or discard it with a reason. It stays on record either way.

notice-related = Related incidents
notice-related-earlier = named in this notice
notice-related-later = names this incident

replied-subject = Answer to your response on No. { $number } ({ $incident })
replied-heading = Answer to your response
replied-intro = { $operator } answers what { $you } said about notice No. { $number } ({ $incident }):
replied-restricted = { $operator } has answered what { $you } said about notice No. { $number } ({ $incident }), which is marked TLP:{ $tlp }. What the answer says is not told by mail. Please read it in the portal, or over { $you }'s own access to the hub.
