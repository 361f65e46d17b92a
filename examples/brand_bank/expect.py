"""Works out, from the two sample files alone, what the demo has to answer: prints and writes expected.json.

    python3 expect.py [FOLDER]          # --ids prints the customer_ids of the demo's answer instead
    python3 expect.py --check [FOLDER]  # writes nothing; fails if expected.json says otherwise

It shares no code with the node or with make_data.py: telephone numbers go through the Python port of libphonenumber,
the join is two loops over dictionaries. Definitions:

- An identifier counts when it is valid under google-dm/2 with the default region US. Placeholders, malformed
  values and values that are already hashed are no identifiers.
- A row takes part when its consent is true and it passes its own side's filter; other rows lend nothing, not
  even an identifier.
- Rows of one side that take part and share an identifier, directly or through other such rows, are one customer.
- A customer of the brand matches when one of its identifiers is one of a customer of the bank.

Needs Python 3.9 or newer, pyarrow and phonenumbers.
"""

import base64
import collections
import csv
import hashlib
import json
import pathlib
import re
import sys

import phonenumbers
import pyarrow.parquet as pq

DEFAULT_REGION = "US"
BALANCE = (0, 100_000)  # the bounds of bank.accounts.balance in maternal.toml
HEX = re.compile(r"[0-9a-fA-F]{64}")
BASE64 = re.compile(r"[A-Za-z0-9+/]{43}=")
MAIL = re.compile(r"[^@]+@[^@.]+(\.[^@.]+)+")


def phone(raw):
    try:
        number = phonenumbers.parse(raw, DEFAULT_REGION)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def mail(raw):
    text = "".join(raw.split()).lower()
    if not MAIL.fullmatch(text):
        return None
    name, domain = text.split("@")
    if domain in ("gmail.com", "googlemail.com"):
        name = name.split("+")[0].replace(".", "")
    return f"{name}@{domain}"


def hashed(raw):
    """The SHA-256 that the value spells, if it spells one."""
    if HEX.fullmatch(raw):
        return bytes.fromhex(raw)
    if BASE64.fullmatch(raw):
        return base64.b64decode(raw)
    return None


class Reading:
    """How values that a careful reader may take either way are taken. No answer may depend on it."""

    def __init__(self, use_hashes=False, fold_00=False):
        self.use_hashes, self.fold_00 = use_hashes, fold_00

    def keys(self, raw_phone, raw_mail):
        """The row's identifiers, as ("phone" | "mail", SHA-256)."""
        found = set()
        for kind, raw, clean in (("phone", raw_phone, phone), ("mail", raw_mail, mail)):
            raw = raw or ""
            if kind == "phone" and self.fold_00 and raw.startswith("00"):
                raw = "+" + raw[2:]
            if self.use_hashes and hashed(raw):
                found.add((kind, hashed(raw)))
            elif clean(raw):
                found.add((kind, hashlib.sha256(clean(raw).encode()).digest()))
        return frozenset(found)


def read(folder, reading):
    brand = pq.read_table(folder / "customers.parquet").to_pylist()
    for row in brand:
        row["keys"] = reading.keys(row["mobile"], row["mail"])
    with open(folder / "accounts.csv", newline="") as file:
        bank = list(csv.DictReader(file))
    for row in bank:
        row["keys"] = reading.keys(row["tel"], row["email"])
        row["balance"] = int(row["balance"])
        row["marketing_ok"] = {"true": True, "false": False, "": None}[row["marketing_ok"]]
    return brand, bank


def customers(rows):
    """The rows put together by shared identifiers: a list of lists. A row without an identifier stands alone."""
    parent = list(range(len(rows)))

    def root(i):
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    first = {}
    for i, row in enumerate(rows):
        for key in row["keys"]:
            parent[root(i)] = root(first.setdefault(key, i))
    groups = collections.defaultdict(list)
    for i, row in enumerate(rows):
        groups[root(i)].append(row)
    return list(groups.values())


def keys_of(customer):
    return frozenset().union(*(row["keys"] for row in customer))


def overlap(brand, bank):
    """Pairs (brand customer, bank customer, kinds of identifier they share)."""
    holder = {}
    for them in customers(bank):
        for key in keys_of(them):
            holder[key] = them
    pairs = []
    taken = set()
    for us in customers(brand):
        hits = [(kind, holder[(kind, key)]) for kind, key in keys_of(us) if (kind, key) in holder]
        if not hits:
            continue
        # The sample is made so that nobody matches two people; the answer would need a rule if one did.
        partners = {id(them) for _, them in hits}
        assert len(partners) == 1 and not partners & taken, "somebody matches twice"
        taken |= partners
        pairs.append((us, hits[0][1], frozenset(kind for kind, _ in hits)))
    return pairs


def by_kind(pairs):
    return {
        "by_phone_only": sum(kinds == {"phone"} for _, _, kinds in pairs),
        "by_email_only": sum(kinds == {"mail"} for _, _, kinds in pairs),
        "by_both": sum(kinds == {"phone", "mail"} for _, _, kinds in pairs),
    }


def takes_part(rows, consent, wanted):
    return [row for row in rows if row[consent] is True and all(row[c] == v for c, v in wanted.items())]


def matched_ids(pairs):
    return sorted(row["customer_id"] for us, _, _ in pairs for row in us)


def reveal(brand, bank, ours, theirs):
    pairs = overlap(takes_part(brand, "consent", ours), takes_part(bank, "marketing_ok", theirs))
    ids = matched_ids(pairs)
    return {
        "brand_filter": ours,
        "bank_filter": theirs,
        "customers": len(pairs),
        **by_kind(pairs),
        "rows": len(ids),
        "ids_sha256": hashlib.sha256("".join(f"{i}\n" for i in ids).encode()).hexdigest(),
    }


def by_region(brand, bank, ours, theirs):
    """Customers in the overlap, and the sum of their balances within the contract's bounds, by region."""
    pairs = overlap(takes_part(brand, "consent", ours), takes_part(bank, "marketing_ok", theirs))
    cells = collections.defaultdict(lambda: {"customers": 0, "balance": 0})
    low, high = BALANCE
    for _, them, _ in pairs:
        # A customer that the bank holds twice has the same region and balance in both rows, and counts once.
        (region, balance), = {(row["region"], row["balance"]) for row in them}
        cells[region]["customers"] += 1
        cells[region]["balance"] += min(max(balance, low), high)
    return dict(sorted(cells.items()))


FILTERS = [
    ({"category": "maternal"}, {"credit_tier": "A"}),  # the demo's question
    ({}, {}),
    ({"category": "maternal"}, {}),
    ({}, {"credit_tier": "A"}),
    ({"category": "maternal"}, {"credit_tier": "C"}),
    ({"category": "fashion"}, {"credit_tier": "B"}),
    ({"category": "boats"}, {"credit_tier": "A"}),  # nobody
]


def side(rows, consent):
    groups = [group for group in customers(rows) if keys_of(group)]
    return {
        "rows": len(rows),
        "rows_without_identifier": sum(not row["keys"] for row in rows),
        "customers": len(groups),
        "customers_held_twice": sum(len(group) > 1 for group in groups),
        "customers_consenting_in_one_row_only": sum(
            len(group) > 1 and [row[consent] for row in group].count(True) == 1 for group in groups),
        "rows_consenting": sum(row[consent] is True for row in rows),
        "rows_refusing": sum(row[consent] is False for row in rows),
        "rows_never_asked": sum(row[consent] is None for row in rows),
    }


def answers(brand, bank):
    ours, theirs = FILTERS[0]
    pairs = overlap(brand, bank)
    return {
        "overlap_before_consent": {"customers": len(pairs), **by_kind(pairs)},
        "reveals": [reveal(brand, bank, *wanted) for wanted in FILTERS],
        "demo_by_region": by_region(brand, bank, ours, theirs),
    }


def lint(folder):
    brand, bank = read(folder, Reading())
    columns = [("customers", "mobile", brand, phone), ("customers", "mail", brand, mail),
               ("accounts", "tel", bank, phone), ("accounts", "email", bank, mail)]
    found = {}
    for table, column, rows, clean in columns:
        raws = [row[column] or "" for row in rows]
        plain = {hashlib.sha256(clean(raw).encode()).hexdigest() for raw in raws if clean(raw)}
        twice = {hashlib.sha256(digest.encode()).digest() for digest in plain}
        valid = [clean(raw) for raw in raws if clean(raw)]
        found[f"{table}.{column}"] = {
            "empty": sum(not raw.strip() for raw in raws),
            "valid": len(valid),
            "distinct": len(set(valid)),
            "hashed": sum(hashed(raw) is not None and hashed(raw) not in twice for raw in raws),
            # Only to be told where the plain value stands in the same column.
            "hashed_twice": sum(hashed(raw) in twice for raw in raws),
            "malformed": sum(bool(raw.strip()) and not clean(raw) and not hashed(raw) for raw in raws),
            "malformed_by_00_prefix": sum(bool(re.match("00[1-9]", raw)) and not clean(raw) for raw in raws),
        }
    return found


def main(flags, folder):
    brand, bank = read(folder, Reading())
    if "--ids" in flags:
        ours, theirs = FILTERS[0]
        pairs = overlap(takes_part(brand, "consent", ours), takes_part(bank, "marketing_ok", theirs))
        print("\n".join(matched_ids(pairs)))
        return
    result = answers(brand, bank)
    for use_hashes in (False, True):
        for fold_00 in (False, True):
            again = answers(*read(folder, Reading(use_hashes, fold_00)))
            for wanted, got in zip(result["reveals"], again["reveals"]):
                assert (wanted["customers"], wanted["ids_sha256"]) == (got["customers"], got["ids_sha256"])
            assert result["demo_by_region"] == again["demo_by_region"]
    expected = {
        "contract": "maternal-offers",
        "profile": "google-dm/2",
        "default_region": DEFAULT_REGION,
        "brand": side(brand, "consent"),
        "bank": side(bank, "marketing_ok"),
        **result,
        "identifiers": lint(folder),
    }
    text = json.dumps(expected, indent=2) + "\n"
    if "--check" in flags:
        sys.exit(0 if (folder / "expected.json").read_text() == text else "expected.json says otherwise")
    (folder / "expected.json").write_text(text)
    print(text, end="")


if __name__ == "__main__":
    flags = [word for word in sys.argv[1:] if word.startswith("--")]
    if len(flags) > 1 or not set(flags) <= {"--ids", "--check"}:
        sys.exit("usage: expect.py [--ids | --check] [FOLDER]")
    rest = [word for word in sys.argv[1:] if not word.startswith("--")]
    main(flags, pathlib.Path(rest[0] if rest else pathlib.Path(__file__).parent))
