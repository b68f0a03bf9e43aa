# README.txt of evidence packs.

pack-incident-title = Evidence pack: incident { $reference }
pack-bank-title = Evidence pack: bank { $bank } ({ $code })
pack-made = Made { $at } by the hub of { $operator }
pack-incident-lead = { $revisions ->
    [one] One revision
   *[other] { $revisions } revisions
}, { $notices ->
    [one] one notice
   *[other] { $notices } notices
}:
pack-kind-exercise = THIS IS AN EXERCISE. No theft took place: what follows shows how the notices went, and not that a bank was told of a theft.
pack-kind-test = THIS IS A TEST OF THE CHANNELS. No theft took place: what follows does not show that a bank was told of a theft.
pack-drilled = { $n ->
    [one] ONE OF THEM IS AN EXERCISE OR A TEST
   *[other] { $n } OF THEM ARE EXERCISES OR TESTS
}: their lines in notices.jsonl say so ("kind"), and they told the bank of no theft.
pack-missing-not_sealed = not in the log yet when this was made: no bundle, and no proofs
pack-missing-across_logs = its entries stand in two logs: no bundle; verify an export of both logs
pack-bank-lead = All notices that this bank has been issued: numbers 1 to { $last }, none left out.
pack-what = WHAT IS IN IT
pack-file-vkey = Name and key of the log { $origin }, as its first entry tells them.
pack-file-checkpoint = The newest signed head of that log: { $size ->
    [one] one entry
   *[other] { $size } entries
}.
pack-file-completeness = That the revision was addressed to every bank on the roster, and who has confirmed; proven at a signed head.
pack-file-body = What was told, in its exact bytes.
pack-file-notices = The notices, one a line; "file" is the name of the notice’s files.
pack-file-acknowledgements = The confirmations, one a line. Confirmed means received, not agreed.
pack-file-note = A confirmation that the bank signed under its own key, as it came (C2SP signed-note). It names the person who signed. The completeness bundle of its revision, in the incident’s pack, verifies it.
pack-file-attempts = Every attempt to deliver and what came of it, one a line.
pack-file-object = The notice object, in its exact bytes: its SHA-256 is what the bank confirms.
pack-file-proof = The same object with the proof that it is in the log (C2SP tlog-proof). Where it is missing, the log had not sealed the notice yet, or what opens the commitment was erased.
pack-file-certificate-vkey = The key that signs the hub’s certificates.
pack-file-certificate = What this bank had been told when the pack was made, signed by the hub. Left out where it would be longer than a signed note can be (about 4,000 notices).
pack-check = HOW TO CHECK IT, WITHOUT NETWORK AND WITHOUT THE HUB
pack-check-certificate-key = CERTIFICATE-KEY is another one, for certificates: certificate.vkey there, where KEY is log.vkey.
pack-check-key = KEY is the key that the operator handed over, or published at { $url }/.well-known/kairan. The vkey files of this pack are there to be compared with it: by themselves they prove nothing.
pack-check-body = The SHA-256 of a body is the incident_digest of its notice objects.
pack-not = WHAT IT DOES NOT SHOW: who read or confirmed, apart from notes that a bank signed; addresses; what the banks did about it; that other banks see the same log, for which heads are compared (kairan verify checkpoints).
