// Checks signed checkpoints and inclusion proofs of an exported log with the published verifier of Sigstore,
// unmodified, which knows the same notes and the same tree. Each of them, once changed, must be refused.
//
// Arguments: the folder of `kairan export log`, and a JSON file {"heads": [{"size", "note"}],
// "inclusion": [{"index", "size", "path"}], …}, each proof at the size of one of the heads.

import { readFileSync } from "node:fs";
import { createPublicKey } from "node:crypto";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { dirname, join, resolve } from "node:path";

// Installed outside this folder, and an import would only search upwards from here. The two parts are no
// public entrance of the package, so they are taken by their files.
const prefix = process.env.KAIRAN_INTEROP_NPM ?? fileURLToPath(new URL("../../target/interop/npm", import.meta.url));
const packages = createRequire(resolve(prefix, "package.json"));
const inside = dirname(packages.resolve("@sigstore/verify"));
const { verifyCheckpoint } = packages(join(inside, "timestamp/checkpoint.js"));
const { verifyMerkleInclusion } = packages(join(inside, "timestamp/merkle.js"));
const { VerificationError } = packages(join(inside, "error.js"));

// RFC 8410: what stands before the 32 bytes of an Ed25519 key.
const SPKI = Buffer.from("302a300506032b6570032100", "hex");

function logOf(vkey) {
  const [, id, key] = vkey.trim().match(/^[^+]+\+([0-9a-f]{8})\+(.+)$/);
  const bytes = Buffer.from(key, "base64");
  if (bytes[0] !== 1) throw new Error("not an Ed25519 key of signed notes");
  return {
    logID: Buffer.from(id, "hex"),
    publicKey: createPublicKey({ key: Buffer.concat([SPKI, bytes.subarray(1)]), format: "der", type: "spki" }),
    validFor: { start: new Date(0), end: new Date(8.64e15) },
  };
}

// A bundle's place as tlog-tiles spells it.
function bundlePath(number, width) {
  let text = String(number % 1000).padStart(3, "0");
  for (let rest = Math.floor(number / 1000); rest > 0; rest = Math.floor(rest / 1000)) {
    text = `x${String(rest % 1000).padStart(3, "0")}/${text}`;
  }
  return `tile/entries/${text}${width === 256 ? "" : `.p/${width}`}`;
}

function entriesOf(folder, size) {
  const entries = [];
  for (let number = 0; number * 256 < size; number += 1) {
    const bundle = readFileSync(join(folder, bundlePath(number, Math.min(size - number * 256, 256))));
    for (let at = 0; at < bundle.length; ) {
      const end = at + 2 + bundle.readUInt16BE(at);
      entries.push(bundle.subarray(at + 2, end));
      at = end;
    }
  }
  if (entries.length !== size) throw new Error(`${entries.length} entries in bundles of ${size}`);
  return entries;
}

function refuses(check, what) {
  try {
    check();
  } catch (error) {
    if (error instanceof VerificationError) return 1;
    throw error;
  }
  throw new Error(`${what} was taken although changed`);
}

function flipped(bytes, at) {
  const other = Buffer.from(bytes);
  other[at % other.length] ^= 1;
  return other;
}

function main(folder, proofs) {
  const log = logOf(readFileSync(join(folder, "kairan/vkey"), "utf8"));
  const given = JSON.parse(readFileSync(proofs, "utf8"));
  const newest = readFileSync(join(folder, "checkpoint"), "utf8");
  const last = Number(newest.split("\n")[1]);
  const entries = entriesOf(folder, last);
  const signed = (note, rootHash) =>
    verifyCheckpoint({ integratedTime: "1", inclusionProof: { checkpoint: { envelope: note }, rootHash } }, [log]);

  const roots = new Map();
  let heads = 0;
  let refused = 0;
  for (const { size, note } of [...given.heads, { size: last, note: newest }]) {
    const lines = note.split("\n");
    const root = Buffer.from(lines[2], "base64");
    if (Number(lines[1]) !== size) throw new Error(`the checkpoint at ${size} is of another size`);
    signed(note, root);
    roots.set(size, root);
    heads += 1;
    refused += refuses(() => signed(note, flipped(root, size)), "a root");
    refused += refuses(() => signed(note.replace(`\n${size}\n`, `\n${size + 1}\n`), root), "a size");
    refused += refuses(() => signed(note.replace("/log/", "/lob/"), root), "an origin");
  }
  let inclusion = 0;
  for (const { index, size, path } of given.inclusion) {
    const hashes = path.map((hash) => Buffer.from(hash, "base64"));
    const rootHash = roots.get(size);
    if (rootHash === undefined) throw new Error(`no checkpoint at ${size}`);
    const check = (hashes, body) =>
      verifyMerkleInclusion({
        canonicalizedBody: body,
        inclusionProof: { logIndex: String(index), treeSize: String(size), rootHash, hashes },
      });
    check(hashes, entries[index]);
    inclusion += 1;
    refused += refuses(() => check(hashes, flipped(entries[index], index)), `entry ${index}`);
    refused += refuses(() => check([...hashes, Buffer.alloc(32)], entries[index]), `a proof of ${index}`);
    if (hashes.length > 0) {
      const one = index % hashes.length;
      const other = hashes.map((hash, at) => (at === one ? flipped(hash, index) : hash));
      refused += refuses(() => check(other, entries[index]), `a proof of ${index}`);
    }
  }
  console.log(`javascript: ${heads} checkpoints and ${inclusion} inclusion proofs verified, ${refused} tampered refused`);
  return heads > 1 && inclusion > 1 && refused > inclusion ? 0 : 1;
}

if (process.argv.length !== 4) {
  console.error("usage: check_log.mjs EXPORT PROOFS.json");
  process.exit(1);
}
process.exit(main(process.argv[2], process.argv[3]));
