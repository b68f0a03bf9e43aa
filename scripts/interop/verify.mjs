// Checks captured webhooks with the published JavaScript verifier, unmodified.
//
// Argument: a JSON file, an array of {"secret", "headers", "body"} as a bank received them. Every one
// must verify, and none may verify once its body is changed by one character. The verifier allows
// five minutes between the signature and now, so the capture has to be fresh.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { resolve } from "node:path";

const HEADERS = ["webhook-id", "webhook-timestamp", "webhook-signature"];

// Installed outside this folder, and an import would only search upwards from here.
const prefix = process.env.KAIRAN_INTEROP_NPM ?? fileURLToPath(new URL("../../target/interop/npm", import.meta.url));
const { Webhook, WebhookVerificationError } = createRequire(resolve(prefix, "package.json"))("standardwebhooks");

// The same JSON with its last digit or letter changed, so that only the signature can tell.
function tampered(body) {
  return body.replace(/[0-9A-Za-z](?=[^0-9A-Za-z]*$)/, (sign) => (sign === "0" ? "1" : "0"));
}

function main(path) {
  const hits = JSON.parse(readFileSync(path, "utf8"));
  let verified = 0;
  let refused = 0;
  hits.forEach((hit, index) => {
    const headers = Object.fromEntries(HEADERS.map((name) => [name, hit.headers[name]]));
    const label = `webhook ${index + 1} (${headers["webhook-id"]})`;
    const webhook = new Webhook(hit.secret);
    try {
      webhook.verify(hit.body, headers);
      verified += 1;
    } catch (error) {
      console.error(`${label} refused: ${error}`);
    }
    try {
      webhook.verify(tampered(hit.body), headers);
      console.error(`${label} verified although tampered`);
    } catch (error) {
      if (error instanceof WebhookVerificationError) refused += 1;
      else console.error(`${label}: unexpected ${error}`);
    }
  });
  console.log(`javascript: ${verified} verified, ${refused} tampered refused`);
  return hits.length > 0 && verified === hits.length && refused === hits.length ? 0 : 1;
}

if (process.argv.length !== 3) {
  console.error("usage: verify.mjs CAPTURE.json");
  process.exit(1);
}
process.exit(main(process.argv[2]));
