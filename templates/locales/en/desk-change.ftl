# Pages on which one thing of the register is changed.

change-contact = Replace a contact
change-contact-note = The present contact ends, and the one below takes its place at once. Whatever is still to be sent goes to the new address.
change-contact-do = Replace the contact
change-endpoint = Replace an endpoint
change-own-endpoint = Replace an endpoint
change-endpoint-now = Present address
change-endpoint-behalf = A second administrator must agree. The bank’s secret stays the same, and the present endpoint goes on beside the new one until that is proven, for a day at least. Ask the bank by another way whether the new address is right.
change-endpoint-own = The new endpoint gets a new secret, which is shown once, and a challenge. The present one goes on beside it until the new one has answered, for a day at least.
change-endpoint-ask = Ask for the replacement
change-endpoint-do = Replace the endpoint
change-endpoint-end = End the endpoint instead
change-endpoint-end-note = A second administrator must agree. What is still to be sent goes by the ways that are left.
change-endpoint-end-ask = Ask for the ending
change-key = Revoke a key
change-key-note = A second administrator must agree. Then the bank’s systems can no longer use this key.
change-key-ask = Ask for the revocation
change-profile = Amend the profile
change-profile-note = Takes effect at once, as a new revision. It decides in which language the bank is told, and whether it counts as exposed.
change-profile-do = Amend the profile
change-link = Replace
change-link-or-end = Replace or end
change-link-revoke = Revoke
change-secret-until = The former secret signs too until { $until }.

change-test = Latest test notice
change-test-sent = Sent { $at }
change-test-way = Channel
change-test-address = Address
change-test-outcome = Outcome
change-test-not-yet = Not sent yet
