"""Makes the sample data of the brand and the bank: accounts.csv and customers.parquet.

    python3 make_data.py UCI_Credit_Card.csv [FOLDER]

The source is the UCI "Default of credit card clients" table, or any sample of it that has the columns
EDUCATION, MARRIAGE, LIMIT_BAL, BILL_AMT1 and default (PROVENANCE.md says where ours comes from). Those five
stay as they are recorded. Everything else is invented here: who is a customer of which side, and the telephone
numbers, addresses, categories, regions, consents and dates. Every invention is a function of a row's position and
the words in this file, so that anyone who runs it gets the same rows; nothing is random.

No identifier made here can belong to anybody: see `number` and `DOMAINS`.
Needs Python 3.9 or newer and pyarrow.
"""

import base64
import csv
import datetime
import hashlib
import pathlib
import sys

import pyarrow as pa
import pyarrow.parquet as pq

SEED = "brand-bank/1"

# The copy that the files in this folder were made from.
SOURCE_SHA256 = "7d4221fded1651b03f821921e680c001e1c0e40e68de941c159e37de01532878"

# 555-0100 to 555-0199 are set aside for fiction in every area code of the North American plan (ATIS-0300115,
# section 6), which makes 100 numbers for each of these geographic codes of the United States. Codes so young that
# the telephone libraries of 2025 did not know them are left out.
AREAS = """
201 202 203 205 206 207 208 209 210 212 213 214 215 216 217 218 219 220 223 224 225 227 228 229 231 234 235
239 240 248 251 252 253 254 256 260 262 267 269 270 272 276 279 281 283 301 302 303 304 305 307 308 309 310
312 313 314 315 316 317 318 319 320 321 323 324 325 326 327 329 330 331 332 334 336 337 339 341 346 347 350
351 352 353 360 361 363 364 369 380 385 386 401 402 404 405 406 407 408 409 410 412 413 414 415 417 419 423
424 425 430 432 434 435 440 442 443 445 447 448 458 463 464 469 470 475 478 479 480 484 501 502 503 504 505
507 508 509 510 512 513 515 516 517 518 520 530 531 534 539 540 541 551 557 559 561 562 563 564 567 570 571
572 573 574 575 580 582 585 586 601 602 603 605 606 607 608 609 610 612 614 615 616 617 618 619 620 623 626
628 629 630 631 636 640 641 645 646 650 651 656 657 659 660 661 662 667 669 678 680 681 682 686 689 701 702
703 704 706 707 708 712 713 714 715 716 717 718 719 720 724 725 726 727 728 730 731 732 734 737 738 740 743
747 748 754 757 760 762 763 765 769 770 771 772 773 774 775 779 781 785 786 801 802 803 804 805 806 808 810
812 813 814 815 816 817 818 820 821 826 828 830 831 832 835 838 839 840 843 845 847 848 850 854 856 857 858
859 860 862 863 864 865 870 872 878 901 903 904 906 907 908 909 910 912 913 914 915 916 917 918 919 920 925
928 929 930 931 934 936 937 938 940 941 943 945 947 948 949 951 952 954 956 959 970 971 972 973 975 978 979
980 984 985 986 989
""".split()

# London 020 7946 0000-0999 and Leeds 0113 496 0000-0999: Ofcom's numbers for drama use.
DRAMA = [("20", "7946"), ("113", "496")]

# RFC 2606 section 3 and RFC 6761 section 6.5: these domains are nobody's.
DOMAINS = [("example.com", 60), ("example.org", 25), ("example.net", 15)]

WORDS = "amber azure brisk calm clear coral crisp dusky early fresh green happy hazel ivory jolly keen lilac".split()
BIRDS = "avocet bunting curlew dipper egret finch godwit heron ibis jackdaw kite lapwing merlin oriole plover".split()

EDUCATION = {"1": "graduate", "2": "university", "3": "high-school", "4": "other"}  # 0, 5, 6: not documented
MARRIAGE = {"1": "married", "2": "single", "3": "other"}  # 0: not documented

# Invented. What a customer mostly buys leans on the recorded marital status, so the recorded skew carries over.
CATEGORY = {
    "married": [("maternal", 44), ("home", 26), ("grocery", 14), ("fashion", 10), ("electronics", 6)],
    "single": [("maternal", 6), ("home", 10), ("grocery", 16), ("fashion", 38), ("electronics", 30)],
    None: [("maternal", 20), ("home", 25), ("grocery", 25), ("fashion", 15), ("electronics", 15)],
}
# Invented. Invoices of the last year that a customer paid the brand late: somebody who misses a payment to the bank has
# often kept the brand waiting before. The weights lean on the recorded default, so that there is something to learn
# that the bank does not have; how much, they decide and not the source.
LATE = {
    0: [(0, 48), (1, 27), (2, 14), (3, 6), (4, 3), (5, 2)],
    1: [(0, 22), (1, 21), (2, 20), (3, 17), (4, 12), (5, 8)],
}
REGION = [("capital", 28), ("north", 22), ("west", 18), ("south", 14), ("east", 10), ("islands", 8)]

# What somebody types who has no number or address to type, or types it wrongly.
NOT_A_PHONE = ["0000000000", "999-999-9999", "123-456-7890", "n/a", "unknown", "12345", "+1 212 55"]
NOT_A_MAIL = ["not given", "{name}(at)example.com", "@example.com", "{name}@", "{name}@@example.org", "none"]


def pick(what, row, choices):
    """A number below `choices`, or one of the weighted (value, weight) pairs: always the same for (what, row)."""
    digest = hashlib.sha256(f"{SEED}|{what}|{row}".encode()).digest()
    n = int.from_bytes(digest[:8], "big")
    if isinstance(choices, int):
        return n % choices
    n %= sum(weight for _, weight in choices)
    for value, weight in choices:
        if n < weight:
            return value
        n -= weight


class Numbers:
    """Hands out numbers that are set aside for fiction, each one once: (country code, area, exchange, line)."""

    def __init__(self):
        self.us = self.uk = 0

    def next(self):
        # One customer in seventeen is abroad: (0), 011 and a country code that is not the default one occur.
        if (self.us + self.uk) % 17 == 16 and self.uk < 1000 * len(DRAMA):
            k, self.uk = self.uk, self.uk + 1
            area, exchange = DRAMA[k % len(DRAMA)]
            return "44", area, exchange, f"{k // len(DRAMA):04d}"
        k, self.us = self.us, self.us + 1
        if k >= 100 * len(AREAS):
            sys.exit("the source has more clients than there are fictional numbers in AREAS")
        return "1", AREAS[k % len(AREAS)], "555", f"{100 + k // len(AREAS):04d}"


def mails(row):
    """The address a client gives to both sides, and another one; the row number keeps people apart."""
    word = WORDS[pick("word", row, len(WORDS))]
    bird = BIRDS[pick("bird", row, len(BIRDS))]
    domain = pick("domain", row, DOMAINS)
    return f"{word}.{bird}{row}@{domain}", f"{bird}.{row}@{domain}"


def sha(text):
    return hashlib.sha256(text.encode()).hexdigest()


# How each side writes things. Every style here but `double_zero`, `plus_tag` and the hashes means the same
# customer to the profile google-dm/2 with the default region US.


def brand_phone(number, row):
    country, area, exchange, line = number
    return pick("brand phone", row, [
        (f"+{country}{area}{exchange}{line}", 58),
        (f"+{country} {area} {exchange} {line}", 16),
        (f" +{country}{area}{exchange}{line} ", 8),
        (f"+{country}-{area}-{exchange}-{line}", 10),
        (f"1 {area} {exchange} {line}" if country == "1" else f"011{country}{area}{exchange}{line}", 8),
    ])


def bank_phone(number, row):
    country, area, exchange, line = number
    if country != "1":
        return pick("bank phone", row, [
            (f"+{country} (0){area} {exchange} {line}", 60),
            (f"+{country} {area} {exchange} {line}", 25),
            (f"011 {country} {area} {exchange} {line}", 15),
        ])
    return pick("bank phone", row, [
        (f"({area}) {exchange}-{line}", 32),
        (f"{area}-{exchange}-{line}", 24),
        (f"{area} {exchange} {line}", 14),
        (f"{area}.{exchange}.{line}", 6),
        (f"{area}{exchange}{line}", 6),
        (f"1-{area}-{exchange}-{line}", 6),
        (f"+1 {area}-{exchange}-{line}", 12),
    ])


def brand_mail(mail, row):
    name, domain = mail.split("@")
    return pick("brand mail", row, [
        (mail, 72),
        (f"{name.title()}@{domain}", 12),
        (f" {mail}", 6),
        (f"{mail} ", 6),
        (f"{mail}\t", 2),
        (f"{name} @{domain}", 2),
    ])


def bank_mail(mail, row):
    return pick("bank mail", row, [(mail, 50), (mail.upper(), 44), (f"{mail.upper()} ", 6)])


def double_zero(number):
    """00 is how much of the world dials abroad, but not the United States: with that default region it says nothing."""
    return "00" + "".join(number)


def plus_tag(mail):
    """Only Gmail folds the tag away. At any other domain this is another address."""
    name, domain = mail.split("@")
    return f"{name}+shop@{domain}"


class Client:
    """One row of the source, and which identifiers each side holds of it: `brand` and `bank` are (number, mail)."""

    def __init__(self, row, record, numbers):
        self.row, self.record = row, record
        self.number, (self.mail, self.other_mail) = numbers.next(), mails(row)
        self.where = pick("where", row, [("both", 50), ("brand", 25), ("bank", 25)])
        self.brand = self.bank = (self.number, self.mail)
        self.brand_quirk = self.bank_quirk = None
        if self.where == "both":
            # What the two sides share of a common customer.
            self.bond = pick("bond", row, [("both", 60), ("phone", 20), ("mail", 16), ("nothing", 4)])
            self.drift(numbers)
        else:
            self.bond = None
            self.brand = pick("brand gaps", row, [(self.brand, 88), ((None, self.mail), 6), ((self.number, None), 5),
                                                  ((None, None), 1)])
            self.bank = pick("bank gaps", row, [(self.bank, 85), ((None, self.mail), 6), ((self.number, None), 8),
                                                ((None, None), 1)])
        self.spoil()

    def drift(self, numbers):
        number, mail = self.number, self.mail
        if self.bond == "phone":
            self.brand, self.bank = pick("drift", self.row, [
                (((number, None), (number, mail)), 35),
                (((number, mail), (number, None)), 25),
                (((number, self.other_mail), (number, mail)), 20),
                (((number, plus_tag(mail)), (number, mail)), 20),
            ])
        elif self.bond == "mail":
            self.brand, self.bank = pick("drift", self.row, [
                (((None, mail), (number, mail)), 40),
                (((number, mail), (None, mail)), 30),
                (((numbers.next(), mail), (number, mail)), 30),
            ])
        elif self.bond == "nothing":
            self.brand = (numbers.next(), self.other_mail)

    def spoil(self):
        """At most one identifier of a client is spoilt, and only where a second, clean one is at hand on both sides.

        So no match hangs on a matter of taste, such as whether a value that is already hashed may be used.
        """
        if self.bond not in (None, "both"):
            return
        if self.where != "bank" and None not in self.brand:
            self.brand_quirk = pick("brand quirk", self.row, [
                (None, 936), ("double zero", 20), ("bad phone", 18), ("bad mail", 18), ("plus tag", 8)])
        if self.where != "brand" and None not in self.bank and self.brand_quirk is None:
            self.bank_quirk = pick("bank quirk", self.row, [
                (None, 930), ("hashed", 30), ("hashed base64", 10), ("bad phone", 15), ("bad mail", 15)])


def bad(kind, values, client):
    value = values[pick(f"bad {kind}", client.row, len(values))]
    return value.format(name=client.mail.split("@")[0])


def consent(side, row, yes):
    return pick(f"{side} consent", row, [(True, yes), (False, 100 - yes - 6), (None, 6)])


def brand_rows(client):
    """A client's rows in the brand's file: one, or two where the brand has the same person twice."""
    row, record = client.row, client.record
    number, mail = client.brand
    education, marriage = EDUCATION.get(record["EDUCATION"]), MARRIAGE.get(record["MARRIAGE"])
    # The brand sees between 2 and 14 per cent of the client's recorded bill; a bill in credit counts as nothing.
    share = 2 + pick("share", row, 13)
    first = {
        "mobile": number and brand_phone(number, row),
        "mail": mail and brand_mail(mail, row),
        "education": education,
        "marriage": marriage,
        "category": pick("category", row, CATEGORY.get(marriage, CATEGORY[None])),
        "spend": max(0, record["BILL_AMT1"]) * share // 100,
        "consent": consent("brand", row, 84),
        "joined": datetime.date(2019, 1, 1) + datetime.timedelta(days=pick("joined", row, 2800)),
        "late_invoices": pick("late invoices", row, LATE[record["default"]]),
    }
    quirk = client.brand_quirk
    if quirk == "double zero":
        first["mobile"] = double_zero(number)
    elif quirk == "plus tag":
        first["mail"] = plus_tag(mail)
    elif quirk == "bad phone":
        first["mobile"] = bad("phone", NOT_A_PHONE, client)
    elif quirk == "bad mail":
        first["mail"] = bad("mail", NOT_A_MAIL, client)
    if number is None and pick("empty", row, 3) == 0:
        first["mobile"] = ""
    rows = [first]
    if quirk is None and (number or mail) and pick("brand twice", row, 100) < 6:
        again = dict(first, consent=second_consent("brand", row, first["consent"]))
        again["joined"] += datetime.timedelta(days=30 + pick("again", row, 60))
        again["mobile"] = number and brand_phone(number, f"{row} again")
        again["mail"] = mail and brand_mail(mail, f"{row} again")
        if number and mail:
            # Twice hashed can only be told by one who also has the plain value, so it comes with a plain twin.
            again["mobile"], again["mail"] = pick("twin", row, [
                ((again["mobile"], again["mail"]), 40),
                ((None, again["mail"]), 25),
                ((again["mobile"], None), 25),
                ((again["mobile"], sha(sha(mail))), 10),
            ])
        rows.append(again)
    return rows


def bank_rows(client):
    """A client's rows in the bank's file: one, or two where the bank has the same person twice."""
    row, record = client.row, client.record
    number, mail = client.bank
    limit, defaulted = record["LIMIT_BAL"], record["default"]
    first = {
        "tel": bank_phone(number, row) if number else "",
        "email": bank_mail(mail, row) if mail else "",
        "region": pick("region", row, REGION),
        "credit_tier": "C" if defaulted or limit < 50_000 else "A" if limit >= 150_000 else "B",
        "credit_limit": limit,
        "balance": record["BILL_AMT1"],
        "defaulted": defaulted,
        "marketing_ok": consent("bank", row, 82),
    }
    quirk = client.bank_quirk
    if quirk == "hashed":
        first["email"] = sha(mail)
    elif quirk == "hashed base64":
        first["email"] = base64.b64encode(hashlib.sha256(mail.encode()).digest()).decode()
    elif quirk == "bad phone":
        first["tel"] = bad("phone", NOT_A_PHONE, client)
    elif quirk == "bad mail":
        first["email"] = bad("mail", NOT_A_MAIL, client)
    rows = [first]
    if quirk is None and (number or mail) and pick("bank twice", row, 100) < 4:
        again = dict(first, marketing_ok=second_consent("bank", row, first["marketing_ok"]))
        again["tel"] = bank_phone(number, f"{row} again") if number else ""
        again["email"] = bank_mail(mail, f"{row} again") if mail else ""
        if number and mail:
            again["tel"], again["email"] = pick("bank twin", row, [
                ((again["tel"], again["email"]), 50), (("", again["email"]), 25), ((again["tel"], ""), 25)])
        rows.append(again)
    return rows


def second_consent(side, row, was):
    """A person kept twice has mostly answered alike; consent is a matter of the row, not of the person."""
    return pick(f"{side} second consent", row, [(was, 85), (False, 15)])


def order(side, rows):
    """Rows in an order that says nothing about the source's or the other side's, numbered in that order."""
    keyed = [(hashlib.sha256(f"{SEED}|{side} order|{i}".encode()).digest(), row) for i, row in enumerate(rows)]
    return [row for _, row in sorted(keyed, key=lambda pair: pair[0])]


def read(path):
    names = {"default payment next month": "default", "default.payment.next.month": "default"}
    with open(path, newline="") as file:
        for line in csv.DictReader(file):
            line = {names.get(name, name): value for name, value in line.items()}
            yield {
                "EDUCATION": line["EDUCATION"],
                "MARRIAGE": line["MARRIAGE"],
                "LIMIT_BAL": int(float(line["LIMIT_BAL"])),
                "BILL_AMT1": int(float(line["BILL_AMT1"])),
                "default": int(line["default"]),
            }


def write_accounts(path, rows):
    def plain(value):
        return "" if value is None else str(value).lower() if isinstance(value, bool) else value

    with open(path, "w", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(["account_id", *rows[0]])
        for i, row in enumerate(rows):
            out.writerow([f"A{700001 + i}", *map(plain, row.values())])


def write_customers(path, rows):
    text = pa.string()
    schema = pa.schema([
        ("customer_id", text), ("mobile", text), ("mail", text), ("education", text), ("marriage", text),
        ("category", text), ("spend", pa.int64()), ("consent", pa.bool_()), ("joined", pa.date32()),
        ("late_invoices", pa.int64()),
    ])
    rows = [{"customer_id": f"C{100001 + i}", **row} for i, row in enumerate(rows)]
    # Not compressed: every reader of Parquet can open it, whatever codecs it was built with.
    pq.write_table(pa.Table.from_pylist(rows, schema), path, compression="none")


def main():
    source = pathlib.Path(sys.argv[1])
    folder = pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else pathlib.Path(__file__).parent)
    found = hashlib.sha256(source.read_bytes()).hexdigest()
    if found != SOURCE_SHA256:
        print(f"note: {source.name} is not the copy that the committed files were made from ({found})")

    numbers = Numbers()
    clients = [Client(row, record, numbers) for row, record in enumerate(read(source))]
    brand = order("brand", [row for c in clients if c.where != "bank" for row in brand_rows(c)])
    bank = order("bank", [row for c in clients if c.where != "brand" for row in bank_rows(c)])
    write_customers(folder / "customers.parquet", brand)
    write_accounts(folder / "accounts.csv", bank)

    both = [c for c in clients if c.where == "both"]
    print(f"source clients  {len(clients)}")
    print(f"brand           {sum(c.where != 'bank' for c in clients)} clients, {len(brand)} rows")
    print(f"bank            {sum(c.where != 'brand' for c in clients)} clients, {len(bank)} rows")
    print(f"at both         {len(both)}, of whom {sum(c.bond == 'nothing' for c in both)} share no identifier")
    for name in ("customers.parquet", "accounts.csv"):
        print(f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}")
    # The Parquet file's own bytes name the version of the writer; its rows do not.
    rows = "\n".join(repr(list(row.values())) for row in brand)
    print(f"{sha(rows)}  rows of customers.parquet")


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit("usage: make_data.py SOURCE.csv [FOLDER]")
    main()
