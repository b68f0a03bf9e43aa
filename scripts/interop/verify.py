"""Checks captured webhooks with the published Python verifier, unmodified.

Argument: a JSON file, an array of {"secret", "headers", "body"} as a bank received them. Every one
must verify, and none may verify once its body is changed by one character. The verifier allows
five minutes between the signature and now, so the capture has to be fresh.
"""

import json
import sys

from standardwebhooks import Webhook, WebhookVerificationError

HEADERS = ("webhook-id", "webhook-timestamp", "webhook-signature")


def tampered(body):
    """The same JSON with its last digit or letter changed, so that only the signature can tell."""
    at = max(i for i, sign in enumerate(body) if sign.isascii() and sign.isalnum())
    return body[:at] + ("0" if body[at] != "0" else "1") + body[at + 1 :]


def main(path):
    with open(path, encoding="utf-8") as capture:
        hits = json.load(capture)
    verified = refused = 0
    for number, hit in enumerate(hits, 1):
        headers = {name: hit["headers"][name] for name in HEADERS}
        webhook = Webhook(hit["secret"])
        try:
            webhook.verify(hit["body"], headers)
            verified += 1
        except Exception as error:  # a decoding error is a refusal too
            print(f"webhook {number} ({headers['webhook-id']}) refused: {error!r}", file=sys.stderr)
        try:
            webhook.verify(tampered(hit["body"]), headers)
            print(f"webhook {number} ({headers['webhook-id']}) verified although tampered", file=sys.stderr)
        except WebhookVerificationError:
            refused += 1
    print(f"python: {verified} verified, {refused} tampered refused")
    return 0 if hits and verified == refused == len(hits) else 1


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: verify.py CAPTURE.json")
    sys.exit(main(sys.argv[1]))
