# The shell of every desk, and the names of codes that all desks show.

shell-navigation = Main menu
shell-sign-out = Sign out
shell-count = ({ $count } waiting)
shell-desk-bank = Bank desk
shell-desk-officer = Officer’s desk
shell-desk-auditor = Auditor’s desk
shell-desk-administrator = Administrator’s desk
shell-desk-public = Kairan

nav-inbox = Inbox
nav-channels = Contacts and keys
nav-own-deliveries = Deliveries
nav-home = Home
nav-incidents = Incidents
nav-file = File an incident
nav-drafts = Drafts
nav-exercises = Exercises
nav-questions = Banks ask
nav-deferrals = Held back
nav-report = Report a suspicion
nav-bank-reports = Banks’ reports
nav-tasks = Tasks
nav-approvals = Approvals
nav-matrix = Matrix
nav-deliveries = Delivery log
nav-as-of = As-of certificate
nav-figures = Figures
nav-check = Soundness
nav-register = Register
nav-people = People
nav-account = Account

# How far a notice is shown to have come
level-listed = Listed
level-dispatched = Dispatched
level-delivered = Delivered
level-accessed = Accessed
level-acknowledged = Acknowledged
level-responded = Responded

level-hint-listed = in the register of notices
level-hint-dispatched = sent, or tried
level-hint-delivered = the bank’s own system took it
level-hint-accessed = a signed-in person opened it
level-hint-acknowledged = a person or the bank’s key confirmed receipt
level-hint-responded = the bank said what it did

ack-class-signed = Signed with the bank’s own key
ack-class-portal = In the portal
ack-class-api_key = By API key
ack-class-link = By mail link
ack-class-out_of_band = By telephone or letter
ack-short-signed = signed
ack-short-portal = portal
ack-short-api_key = API key
ack-short-link = mail link
ack-short-out_of_band = phone or letter

channel-webhook = Webhook
channel-email = E-mail

# What came of an attempt
mail-report-bounced = Came back
mail-report-delayed = Not delivered yet
mail-report-delivered = In the bank’s mail server
mail-report-relayed = Handed on, no more known
outcome-accepted = Accepted
outcome-pending = Under way
outcome-address_refused = Address refused
outcome-dns = Name not found
outcome-connect = No connection
outcome-tls = TLS failed
outcome-timeout = Timed out
outcome-broken = Connection broke
outcome-status = Error answer
outcome-wrong_answer = Challenge not answered rightly
outcome-mail_deferred = Mail deferred
outcome-mail_rejected = Mail rejected
outcome-internal = Fault of this hub
outcome-unknown = Outcome unknown
outcome-released = Handed back unsent

role-officer = Compliance officer
role-auditor = Auditor
role-administrator = Administrator
role-bank_member = Bank member
role-bank_administrator = Bank administrator
role-bank_machine = Bank system

# Why a bank is told
reason-partner = Partner bank
reason-affected = Affected bank
reason-former = Former partner
reason-late_joiner = Late joiner
reason-observer = Observer

task-kind-no_channel = No channel
task-kind-channel_broken = Channel broken

shell-none = None
shell-unknown = Not known
shell-yes = Yes
shell-no = No
shell-older = Older
shell-newer = Newer
shell-again = The session in which you typed this has ended. Nothing was sent: look it over, and send it again.
shell-faults = Please check what you entered
shell-required = required
shell-optional = optional
shell-table = { $name } (table)
shell-pages = Pages

took-seconds = { $n } s
took-minutes = { $n } min
took-hours = { $n } h
took-days = { $n } d

legend-heading = Legend
mark-late = Late
mark-down = Endpoint failed
mark-bounced = Mail bounced
mark-disputed = Disputed
mark-concerns = Accounts affected
mark-exposed = Exposed

log-refuses-heading = The log
log-refuses = The log has refused since { $since }: notices go out unsealed.
log-refuses-next = Sending and confirming go on. On the hub’s machine, kairan log says what to do.
log-refuses-journal_missing = Its journal is missing.
log-refuses-database_behind = The database is older than the journal.
log-refuses-journal_differs = Database and journal hold different logs.
log-refuses-other_log = The journal is that of another log.
log-refuses-tampered = Entries or tiles were changed in the database.
log-refuses-checkpoint_ahead = A larger head was published than the database holds.
log-refuses-head_disputed = A bank has seen a head that this log never had.
log-refuses-journal_unusable = Its journal cannot be written or read.
log-refuses-key_other = The hub holds another key than the one that signs the log.

mails-wait-heading = Mail
mails-wait = The mail relay has taken no mail since { $since }.
mails-wait-count = { $count ->
    [one] { $count } mail waits
   *[other] { $count } mails wait
} to be tried again.
mails-wait-next = Webhooks go on. See to the relay; until then, telephone whoever is told by mail alone.

told-aside = Told beside the channels
told-aside-short = told aside
task-kind-phone = Call the bank

# When a channel was last proven to reach a bank
reached-title = Last proven to be reachable
reached-proven = Proven
reached-new = New, not proven yet
reached-unproven = Not proven for 90 days
reached-no-address = No live address
reached-by-accepted = the endpoint accepted a message
reached-by-delivery_report = the bank’s mail server reported a delivery
reached-by-mail_link = somebody confirmed by the link of a mail
reached-note = What a mail relay accepts proves nothing. A test notice shows whether a channel works.

# How each address of a bank does
channel-health = How each address does
channel-health-address = Address
channel-health-state = State
channel-health-failures = Failures in a row
channel-health-success = Last success
channel-health-next = Next try
channel-health-erased = erased
channel-state-untried = Nothing sent yet
channel-state-working = Works
channel-state-failing = Failing
channel-state-broken = Broken
channel-state-since = since
channel-proven = Proven
channel-not-proven = Not proven
channel-challenge = Send a challenge
channel-challenge-note = An endpoint is proven once it has answered a challenge with its secret. One that is not proven gets every notice all the same.
channel-being-replaced = Receives until the new endpoint is proven, for a day at least.
