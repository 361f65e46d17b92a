"""What a central fit would reach, for comparison: nobody here could make it, because nobody has all three files.

    python3 central.py

Fits the same encoding as the node (numbers by the contract's bounds, a column for each value) on 75 of 100 customers
and measures on the rest, by ten different splits. Needs numpy and scikit-learn.
"""

import csv
import pathlib

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split

BANKS = ("harbour", "hill", "valley")
BOUNDS = {"age": (18, 90), "balance": (-2000, 20000), "calls": (1, 10)}
VALUES = {
    "work": ["admin", "blue-collar", "entrepreneur", "housemaid", "management", "retired", "self-employed",
             "services", "student", "technician", "unemployed"],
    "marital": ["divorced", "married", "single"],
    "education": ["primary", "secondary", "tertiary"],
    "last_offer": ["none", "failure", "other", "success"],
    "mortgage": ["false", "true"],
    "loan": ["false", "true"],
}


def encoded(row):
    numbers = [(min(max(float(row[name]), low), high) - low) / (high - low) for name, (low, high) in BOUNDS.items()]
    return numbers + [float(row[name] == value) for name, values in VALUES.items() for value in values]


def read(name):
    with open(pathlib.Path(__file__).parent / f"{name}.csv", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["consent"] == "true"]
    return np.array([encoded(row) for row in rows]), np.array([row["subscribed"] == "true" for row in rows])


def main():
    data = {name: read(name) for name in BANKS}
    found = {name: [] for name in (*BANKS, "together")}
    for split in range(10):
        parts = {name: train_test_split(*data[name], test_size=0.25, random_state=split) for name in BANKS}
        test_x = np.concatenate([part[1] for part in parts.values()])
        test_y = np.concatenate([part[3] for part in parts.values()])
        train = {name: (part[0], part[2]) for name, part in parts.items()}
        train["together"] = tuple(np.concatenate([train[name][i] for name in BANKS]) for i in (0, 1))
        for name, (x, y) in train.items():
            model = LogisticRegression(C=1.0, max_iter=1000).fit(x, y)
            found[name].append(roc_auc_score(test_y, model.decision_function(test_x)))
    for name, values in found.items():
        print(f"{name:9} AUC {np.mean(values):.3f} on everybody's held-out customers, "
              f"{min(values):.3f} to {max(values):.3f}")


if __name__ == "__main__":
    main()
