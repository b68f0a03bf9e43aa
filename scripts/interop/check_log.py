"""Checks an exported log with two published Python packages, unmodified: scitt-cose for the tree and the hub's
proofs over it, rfc8785 for the exact bytes of every entry. Each proof, once changed, must be refused.

Arguments: the folder of `kairan export log`, and a JSON file {"inclusion": [{"index", "size", "path"}],
"consistency": [{"old", "size", "path"}], …}. Who signed the checkpoint is not looked at here.
"""

import base64
import json
import pathlib
import sys

import rfc8785
from scitt_cose import merkle


def bundle_path(number, width):
    """A bundle's place as tlog-tiles spells it."""
    groups = [f"{number % 1000:03}"]
    while number := number // 1000:
        groups.insert(0, f"x{number % 1000:03}")
    return "tile/entries/" + "/".join(groups) + ("" if width == 256 else f".p/{width}")


def entries_of(folder, size):
    entries = []
    for first in range(0, size, 256):
        bundle = (folder / bundle_path(first // 256, min(size - first, 256))).read_bytes()
        while bundle:
            end = 2 + int.from_bytes(bundle[:2], "big")
            entries.append(bundle[2:end])
            bundle = bundle[end:]
    assert len(entries) == size, f"{len(entries)} entries in bundles of {size}"
    return entries


def changed(hex_hash, at):
    other = bytearray.fromhex(hex_hash)
    other[at % len(other)] ^= 1
    return other.hex()


def tampered(path, at):
    """The path with one hash more, with one changed, and with one less."""
    yield [*path, "00" * 32]
    if path:
        one = at % len(path)
        yield [changed(part, at) if place == one else part for place, part in enumerate(path)]
        yield path[1:]


def main(folder, proofs):
    folder = pathlib.Path(folder)
    given = json.loads(pathlib.Path(proofs).read_text(encoding="utf-8"))
    _, size, root, *_ = (folder / "checkpoint").read_text(encoding="utf-8").split("\n")
    entries = entries_of(folder, int(size))
    for index, entry in enumerate(entries):
        assert rfc8785.dumps(json.loads(entry)) == entry, f"entry {index} is not canonical"
    plain = [entry.hex() for entry in entries]
    known = {}

    def root_at(size):
        if size not in known:
            known[size] = merkle.merkle_root(plain[:size])
        return known[size]

    assert root_at(len(plain)) == base64.b64decode(root).hex(), "the entries do not hash to the checkpoint's root"
    refused = 0
    for one in given["inclusion"]:
        index, size = one["index"], one["size"]
        path = [base64.b64decode(part).hex() for part in one["path"]]
        check = lambda leaf, path: merkle.verify_inclusion(leaf, index, size, path, root_at(size))
        assert check(plain[index], path), f"the proof of entry {index} at {size}"
        assert not check(changed(plain[index], index), path), f"entry {index} was taken although changed"
        refused += 1
        for other in tampered(path, index):
            assert not check(plain[index], other), f"a proof of entry {index} was taken although changed"
            refused += 1
    for one in given["consistency"]:
        old, size = one["old"], one["size"]
        path = [base64.b64decode(part).hex() for part in one["path"]]
        check = lambda head, path: merkle.verify_consistency(head, root_at(size), old, size, path)
        assert check(root_at(old), path), f"the proof from {old} to {size}"
        assert not check(changed(root_at(old), size), path), f"another head at {old} was taken"
        refused += 1
        for other in tampered(path, old):
            assert not check(root_at(old), other), f"a proof from {old} to {size} was taken although changed"
            refused += 1
    counts = (len(entries), len(given["inclusion"]), len(given["consistency"]), refused)
    print("python: %d entries canonical, %d inclusion and %d consistency proofs verified, %d tampered refused" % counts)
    return 0 if min(counts) > 1 else 1


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: check_log.py EXPORT PROOFS.json")
    sys.exit(main(sys.argv[1], sys.argv[2]))
