page-skip = Skip to the content
page-languages = Language
page-footer = Kairan: every bank told, every stamp back.

link-title = Notice No. { $number }
link-heading = Notice No. { $number } for { $bank }
link-no-login = This page shows one notice. It is not a sign-in.
link-facts = About this notice
link-content = Content
link-content-portal = The content of this notice is marked TLP:{ $tlp }. Sign in to the portal to read it:
link-newer = This is an earlier notice of the incident, and no longer how it stands: your bank’s newest is No. { $number }.
link-newer-withdrawn = This is an earlier notice, and what it says was withdrawn by your bank’s No. { $number }.
link-advice = What we advise
link-done-already = Receipt was confirmed
link-done-by = Confirmed by { $name } on { $at }.
link-form = Confirm receipt
link-code = Code from the mail
link-code-hint = Eight characters, like ABCD-EFGH. It is printed in the mail, not in the address of this page.
link-name = Your name
link-role = Your role
link-submit = Confirm receipt
link-problem = Receipt was not confirmed

linkdone-title = Receipt confirmed
linkdone-heading = Receipt of No. { $number } is confirmed
linkdone-recorded = Recorded on { $at } for { $bank }. It cannot be undone.
linkdone-told = All contacts of your bank are told of it.
linkdone-next = Next
linkdone-portal = Tell the other banks what you did, in the portal:

problem-reference = Reference
problem-next = What you can do

done-acknowledged = Receipt is confirmed. Thank you.
done-responded = What you did is on record.
done-reported = Reported. The operator’s clock runs.
done-issued = Issued. Every partner bank is being told.
done-asked = Asked for. It waits for a second person.
done-saved = Saved.
done-sent = Sent. The delivery log shows what comes of it.
done-tested = A test notice is on its way. How the addresses do shows what comes of it.
