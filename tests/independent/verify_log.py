#!/usr/bin/env python3
"""Verifies an exported log with verifiers that others wrote: aics-tlog and metamorphic-log, from PyPI.

    pip install aics-tlog==0.2.1 metamorphic-log==0.1.11
    python3 verify_log.py FOLDER [--keys FILE] [--requests FOLDER]

FOLDER is what `tacit audit export` writes. --keys is whom to believe, a keys.json from the partners; without it the
one in the folder is taken, and then the check only shows that the folder agrees with itself. --requests is a folder of
witness requests (add-checkpoint bodies), whose consistency proofs are verified as well.

A log whose signing key was handed over has several keys of one name in keys.json, and a signed note for each hand-over:
both keys have signed it, the record that it names holds it, and no head of that size or beyond is by the old key.

Nothing here computes a hash of the tree or verifies a signature itself: it takes the files apart into lines and hands
them on. Exits with 0 if everything holds, 1 if something does not, 3 if neither verifier can be imported.
"""

import argparse
import json
import sys
from pathlib import Path

try:
    import aics_tlog
    from aics_tlog.verified import audit_tiles
except Exception as fault:  # Whatever keeps it from being imported, an old Python included.
    aics_tlog, aics_absent = None, fault
try:
    import metamorphic_log
except Exception as fault:
    metamorphic_log, metamorphic_absent = None, fault


class Bad(Exception):
    """Something does not hold."""


def holds(verdict, what):
    if not verdict:
        raise Bad(what)


def hashes(lines):
    import base64

    return [base64.b64decode(line, validate=True) for line in lines]


def parts(text, what):
    """The lines before the first blank line, and what follows it."""
    head, blank, note = text.partition("\n\n")
    holds(blank, f"{what} has no note")
    return head.split("\n"), note


class Export:
    def __init__(self, folder, keys):
        self.folder = folder
        self.keys = json.loads((keys or folder / "keys.json").read_text())
        self.head = (folder / "checkpoint").read_text()
        manifest = json.loads((folder / "manifest.json").read_text())
        self.earlier = {size: (folder / "checkpoints" / str(size)).read_text() for size in manifest["checkpoints"]}
        self.receipts = {}
        for name in manifest["receipts"]:
            lines, note = parts((folder / "receipts" / f"{name}.tlog-proof").read_text(), name)
            holds(lines.pop(0) == "c2sp.org/tlog-proof@v1", f"{name} is not a tlog-proof@v1")
            if lines[0].startswith("extra "):
                lines.pop(0)
            index = int(lines.pop(0).removeprefix("index "))
            self.receipts[name] = (index, hashes(lines), note)
        self.lines = (folder / "log.jsonl").read_bytes().split(b"\n")
        holds(self.lines.pop() == b"", "log.jsonl does not end in a newline")


def requests(folder):
    for file in sorted(folder.iterdir()) if folder else []:
        lines, note = parts(file.read_text(), file.name)
        yield int(lines.pop(0).removeprefix("old ")), hashes(lines), note


def by_aics_tlog(export, asked):
    log_keys = [aics_tlog.parse_vkey(key) for key in export.keys["log"]]
    witnesses = [aics_tlog.parse_vkey(witness["key"]) for witness in export.keys["witnesses"]]

    handed_over = []
    notes = export.keys.get("handovers", [])
    holds(not notes or len(log_keys) == len(notes) + 1, "the keys are not those that the hand-overs lead through")
    for at, note in enumerate(notes):
        lines = note.split("\n\n")[0].split("\n")
        holds(lines[:2] == ["tacit.handover/1", export.keys["origin"]] and len(lines) == 6, f"hand-over {at + 1}")
        holds(lines[4:] == export.keys["log"][at : at + 2], f"hand-over {at + 1} does not lead from key to key")
        for key in log_keys[at : at + 2]:
            holds(aics_tlog.verify_note(aics_tlog.parse_note(note), [key]), f"hand-over {at + 1} lacks a signature")
        size = int(lines[3])
        before = json.loads(export.lines[0])["body"].get("handovers", [])
        told = note in before or json.loads(export.lines[size - 1])["body"].get("handover") == note
        holds(told, f"record {size} does not hold hand-over {at + 1}")
        handed_over.append(size)

    def open_note(text, what):
        faults = []
        for at, key in reversed(list(enumerate(log_keys))):
            found = aics_tlog.verify_checkpoint(
                aics_tlog.parse_note(text), key, witnesses, 0, expected_origin=export.keys["origin"]
            )
            if found.ok:
                holds(all(found.size < size for size in handed_over[at:]), f"{what} is by a key that was handed over")
                return found
            faults.append(found.error)
        raise Bad(f"{what}: {faults}")

    head = open_note(export.head, "checkpoint")
    reader = aics_tlog.FileSystemTileReader(export.folder)
    report = audit_tiles(reader, head.size, head.root, entries=True)
    holds(len(export.lines) == head.size, "log.jsonl has another number of records than the head")
    for index, line in enumerate(export.lines):
        if index % 256 in (0, 1, 255) or index == head.size - 1:
            holds(aics_tlog.read_entry(reader, index, head.size) == line, f"record {index + 1} differs in its bundle")
    tree = aics_tlog.MerkleTree(export.lines)
    holds(tree.root() == head.root, "log.jsonl leads to another root")
    step = max(1, head.size // 50)
    included = 0
    for index in range(0, head.size, step):
        proof = aics_tlog.inclusion_proof_from_tiles(reader, index, head.size)
        leaf = aics_tlog.leaf_hash(export.lines[index])
        holds(aics_tlog.verify_inclusion(leaf, index, head.size, proof, head.root), f"inclusion of {index}")
        included += 1
    for name, (index, proof, note) in export.receipts.items():
        under = open_note(note, name)
        leaf = aics_tlog.leaf_hash(export.lines[index])
        holds(aics_tlog.verify_inclusion(leaf, index, under.size, proof, under.root), f"receipt {name}")
    cosigned = head.cosignature_count
    for size, note in export.earlier.items():
        before = open_note(note, f"checkpoints/{size}")
        cosigned += before.cosignature_count
        proof = aics_tlog.consistency_proof_from_tiles(reader, size, head.size)
        holds(
            aics_tlog.verify_consistency(size, head.size, before.root, head.root, proof), f"consistency from {size}"
        )
    for old, proof, note in asked:
        new = open_note(note, "a request")
        before = tree.root(old)
        holds(aics_tlog.verify_consistency(old, new.size, before, new.root, proof), f"request from {old}")
    return {
        "records": head.size,
        "tiles": report.tiles,
        "bundles": report.bundles,
        "inclusion": included,
        "receipts": len(export.receipts),
        "consistency": len(export.earlier) + len(asked),
        "cosignatures": cosigned,
        "hand-overs": len(handed_over),
    }


def by_metamorphic_log(export, asked):
    keys = export.keys["log"]
    head = metamorphic_log.checkpoint_verify(export.head, keys)
    holds((head.origin, head.size) == (export.keys["origin"], len(export.lines)), "the head is of another log")
    # It takes leaf hashes; those of the records come from the level 0 tiles, which the other verifier, or
    # `tacit audit verify`, holds against the records.
    leaves = b"".join(
        path.read_bytes()
        for path in sorted(
            (path for path in (export.folder / "tile" / "0").rglob("*") if path.is_file()),
            key=lambda path: path.as_posix().replace(".p/", "/"),
        )
    )
    for name, (index, proof, note) in export.receipts.items():
        leaf = leaves[32 * index : 32 * index + 32]
        metamorphic_log.checkpoint_verify_inclusion(note, keys, index, leaf, proof)
    for old, proof, note in asked:
        before = export.earlier.get(old)
        if before is None or old == 0:
            continue
        metamorphic_log.checkpoint_verify_consistency(before, note, keys, proof)
    return {"records": head.size, "receipts": len(export.receipts), "consistency": len(asked)}


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("--keys", type=Path)
    arguments.add_argument("--requests", type=Path)
    given = arguments.parse_args()
    if aics_tlog is None and metamorphic_log is None:
        print(f"skipped: aics-tlog ({aics_absent}), metamorphic-log ({metamorphic_absent})")
        return 3
    try:
        export = Export(given.folder, given.keys)
        asked = list(requests(given.requests))
        for module, check in ((aics_tlog, by_aics_tlog), (metamorphic_log, by_metamorphic_log)):
            if module is not None:
                figures = ", ".join(f"{what} {count}" for what, count in check(export, asked).items())
                print(f"{module.__name__}: holds ({figures})")
            else:
                print(f"not importable, left out: {check.__name__}")
    except Exception as fault:
        print(f"DOES NOT HOLD: {type(fault).__name__}: {fault}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
