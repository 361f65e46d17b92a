"""Makes the sample data of three savings banks: harbour.csv, hill.csv and valley.csv.

    python3 make_data.py bank-uci.csv [FOLDER]

The source is the small table of UCI "Bank marketing" (PROVENANCE.md says where ours comes from). What it records stays
as it is recorded. Invented here: which bank a client belongs to, an e-mail address and a consent. Every invention is a
function of the row's number and the words in this file, so that anyone who runs it gets the same rows; nothing is
random. Needs Python 3.9 or newer and nothing else.
"""

import csv
import hashlib
import pathlib
import sys

SEED = "three-partners/1"

# The copy that the files in this folder were made from.
SOURCE_SHA256 = "6bae8fb9d6db2607784e9574054da26944e8a1b6c9ca3f449e20265d2d99c912"

# How likely a client with this work is with each bank, in 100. Invented, and skewed on purpose: three banks whose
# customers were alike would learn little from each other.
BANKS = ("harbour", "hill", "valley")
WEIGHTS = {
    "blue-collar": (20, 20, 60), "services": (30, 25, 45), "housemaid": (25, 25, 50),
    "management": (25, 60, 15), "self-employed": (30, 45, 25), "entrepreneur": (30, 45, 25),
    "student": (70, 20, 10), "technician": (45, 30, 25), "admin.": (50, 25, 25),
    "retired": (20, 30, 50), "unemployed": (35, 25, 40), "unknown": (34, 33, 33),
}

YES = {"yes": "true", "no": "false"}
KNOWN = {"unknown": ""}

COLUMNS = ["customer_id", "mail", "age", "work", "marital", "education", "balance", "mortgage", "loan", "calls",
           "last_offer", "consent", "subscribed"]


def draw(what, row, most):
    """A number from 0 to most - 1 that says nothing but how often it was asked for."""
    digest = hashlib.sha256(f"{SEED}|{what}|{row}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % most


def bank(row, work):
    at = draw("bank", row, 100)
    for name, weight in zip(BANKS, WEIGHTS[work]):
        if at < weight:
            return name
        at -= weight
    raise AssertionError("weights are of 100")


def client(row, record):
    return {
        # RFC 2606, section 3: nobody's domain.
        "mail": f"client{draw('mail', row, 10**6):06}.{row}@example.org",
        "age": record["age"],
        "work": KNOWN.get(record["job"], record["job"].rstrip(".")),
        "marital": record["marital"],
        "education": KNOWN.get(record["education"], record["education"]),
        "balance": record["balance"],
        "mortgage": YES[record["housing"]],
        "loan": YES[record["loan"]],
        "calls": record["campaign"],
        # "unknown" in the source: never called in an earlier campaign.
        "last_offer": "none" if record["poutcome"] == "unknown" else record["poutcome"],
        "consent": "true" if draw("consent", row, 100) < 90 else "false",
        "subscribed": YES[record["y"]],
    }


def main():
    source = pathlib.Path(sys.argv[1])
    folder = pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else pathlib.Path(__file__).parent)
    if hashlib.sha256(source.read_bytes()).hexdigest() != SOURCE_SHA256:
        print(f"note: {source.name} is not the copy that the committed files were made from")
    rows = {name: [] for name in BANKS}
    with open(source, newline="") as file:
        for number, record in enumerate(csv.DictReader(file)):
            rows[bank(number, record["job"])].append(client(number, record))
    for name, clients in rows.items():
        # An order that says nothing of the source's.
        clients.sort(key=lambda row: hashlib.sha256(f"{SEED}|order|{row['mail']}".encode()).digest())
        path = folder / f"{name}.csv"
        with open(path, "w", newline="") as file:
            out = csv.DictWriter(file, COLUMNS, lineterminator="\n")
            out.writeheader()
            for number, row in enumerate(clients):
                out.writerow({"customer_id": f"{name[0].upper()}{name[1].upper()}{10001 + number}", **row})
        yes = sum(row["subscribed"] == "true" for row in clients)
        agreed = sum(row["consent"] == "true" for row in clients)
        print(f"{name:8} {len(clients):5} customers, {agreed:5} consent, {yes:4} subscribed, "
              f"{hashlib.sha256(path.read_bytes()).hexdigest()}")


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit("usage: make_data.py SOURCE.csv [FOLDER]")
    main()
