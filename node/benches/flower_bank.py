"""A peer of the horizontal case: logistic regression over four parts of the bank data by FedAvg in Flower.

    python flower_bank.py FOLDER [--skewed] [--rounds 30]

FOLDER is learn_central.py's, and so are the encoding, the cuts and the central fit. Every node starts from the average of
the round before and takes one step of L-BFGS on its own rows (scikit-learn with `warm_start` and `max_iter=1`, as Flower's
own example for scikit-learn does); its penalty is a quarter of the central one, so that the four together minimise what
the central fit minimises. Flower's simulation: the nodes are Ray's workers on this machine, without TLS; nothing hides a
node's weights from the server. Prints one JSON object: seconds a round (median of the rounds after the first), processor
seconds a round (their mean, all processes), the same in one process without Flower, and AUC.

Needs flwr[simulation] 1.41.0, scikit-learn and pandas.
"""

import argparse
import json
import os
import time
import warnings
from pathlib import Path

os.environ["FLWR_TELEMETRY_ENABLED"] = "0"
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"

import numpy as np
import pandas as pd
from flwr.app import ArrayRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp
from flwr.serverapp import Grid, ServerApp
from flwr.serverapp.strategy import FedAvg
from flwr.simulation import run_simulation
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from learn_central import PARTS, encode, measure, parts


def load(options):
    """Each part's (x, y), the test rows' (x, y), and the central fit's AUC."""
    table = pd.read_csv(options.folder / "bank.csv")
    features = json.loads((options.folder / "bank.json").read_text())["features"]
    train, test = table[table.split == "train"], table[table.split == "test"]
    cut = [(encode(part, features), part.y.to_numpy()) for part in parts(train, features, options.skewed)]
    return cut, (encode(test, features), test.y.to_numpy()), measure(train, test, features)["auc"]


def tree_cpu():
    """Processor seconds of this process and all below it (Ray's daemons and workers are)."""
    parents, spent = {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has ended
        parents[int(folder.name)] = int(fields[1])
        spent[int(folder.name)] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    below = {os.getpid()}
    while more := {pid for pid, parent in parents.items() if parent in below} - below:
        below |= more
    return sum(spent.get(pid, 0) for pid in below)


def local_step(weights, intercept, x, y):
    model = LogisticRegression(C=PARTS, max_iter=1, warm_start=True)
    model.classes_, model.coef_, model.intercept_ = np.array([0, 1]), weights, intercept
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # one step does not converge, and is not meant to
        model.fit(x, y)
    return model.coef_, model.intercept_


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--skewed", action="store_true")
    parser.add_argument("--rounds", type=int, default=30)
    options = parser.parse_args()
    cut, (test_x, test_y), central = load(options)

    client = ClientApp()

    @client.train()
    def train(message: Message, context: Context):
        x, y = cut[context.node_config["partition-id"]]
        weights, intercept = local_step(*message.content["arrays"].to_numpy_ndarrays(), x, y)
        answer = {"arrays": ArrayRecord([weights, intercept]), "metrics": MetricRecord({"num-examples": len(y)})}
        return Message(content=RecordDict(answer), reply_to=message)

    server, auc, times, spent = ServerApp(), {}, [], []

    def evaluate(round_, arrays):
        weights, _ = arrays.to_numpy_ndarrays()
        auc[round_] = round(roc_auc_score(test_y, test_x @ weights.ravel()), 5)
        times.append(time.perf_counter())
        spent.append(tree_cpu())
        return MetricRecord({"auc": auc[round_]})

    @server.main()
    def serve(grid: Grid, context: Context):
        strategy = FedAvg(fraction_evaluate=0.0, min_train_nodes=PARTS, min_available_nodes=PARTS)
        start = ArrayRecord([np.zeros((1, test_x.shape[1])), np.zeros(1)])
        strategy.start(grid, start, num_rounds=options.rounds, evaluate_fn=evaluate)

    began = time.perf_counter()
    run_simulation(server, client, num_supernodes=PARTS, backend_config={"client_resources": {"num_cpus": 0.5}})
    seconds = time.perf_counter() - began

    # The same rounds in one process: what of a round is arithmetic.
    alone, weights, intercept = (time.perf_counter(), time.process_time()), np.zeros((1, test_x.shape[1])), np.zeros(1)
    for _ in range(options.rounds):
        steps = [local_step(weights, intercept, x, y) for x, y in cut]
        shares = np.array([len(y) for _, y in cut]) / sum(len(y) for _, y in cut)
        weights, intercept = (sum(share * step[at] for share, step in zip(shares, steps)) for at in (0, 1))
    alone = time.perf_counter() - alone[0], time.process_time() - alone[1]

    rounds = np.diff(times)
    print(json.dumps({
        "cut": "skewed" if options.skewed else "even",
        "rounds": options.rounds,
        "seconds": round(seconds, 2),
        "first_round_seconds": round(rounds[0], 3),
        "round_seconds": round(float(np.median(rounds[1:])), 4),
        "round_cpu_seconds": round((spent[-1] - spent[1]) / (options.rounds - 1), 4),
        "round_seconds_one_process": round(alone[0] / options.rounds, 4),
        "round_cpu_seconds_one_process": round(alone[1] / options.rounds, 4),
        "auc": {round_: auc[round_] for round_ in (1, 4, 10, 20, 30) if round_ in auc},
        "auc_one_process": round(roc_auc_score(test_y, test_x @ weights.ravel()), 5),
        "auc_central": central,
        "load": os.getloadavg()[0],
    }))


if __name__ == "__main__":
    main()
