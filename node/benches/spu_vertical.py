"""A peer of the vertical case: logistic regression of two parties in SecretFlow's SPU, protocol Cheetah.

    unshare -n sh -c 'ip link set lo up; python spu_vertical.py --rows 100000 --features 20,20 --rounds 10'

Two processes on this machine, linked by SPU's own TCP; in a network namespace of their own, so that the bytes of the loop
are theirs alone (headers included). Prints one JSON object: seconds and bytes from the first share sent to the weights
opened, processor seconds of both parties together, peak memory of the larger, AUC on fresh rows beside the exact fit's.

Every round is full-batch, and each side divides its gradient by its own (X'X/4 + 1): block Newton.
`--sgd BATCH` instead makes `--rounds` passes in batches with a plain step, as SecretFlow's own SS-SGD does.

Needs spu 0.9.5 (it brings jax 0.4.34 and numpy 1.26) and scikit-learn.
"""

import argparse
import json
import multiprocessing
import os
import pickle
import resource
import time

import numpy as np

PORTS = (9931, 9932)


def data(rows, widths, seed=7):
    """(x of A, x of B, labels, all of them for as many fresh rows): columns in 0..1, labels drawn from a known model."""
    random = np.random.default_rng(seed)
    x = random.random((2 * rows, sum(widths)))
    weights = random.normal(0, 1.5, x.shape[1])
    score = (x - 0.5) @ weights
    y = (random.random(2 * rows) < 1 / (1 + np.exp(-score))).astype(float)
    return x[:rows], y[:rows], x[rows:], y[rows:]


def loop_bytes():
    """Bytes that the loopback device has sent since it came up: both directions, headers included."""
    line = next(line for line in open("/proc/net/dev") if line.strip().startswith("lo:"))
    return int(line.split()[9])


def sigmoid(t):
    """Three segments, the approximation that SecretFlow's own SS-SGD takes (t1)."""
    import jax.numpy as jnp

    return jnp.select([t < -4, t > 4], [0.0, 1.0], 0.5 + t * 0.125)


def model(rows, rounds, batch, step):
    """The computation that both parties run on shares."""
    import jax.numpy as jnp

    def newton(xa, xb, y, ha, hb):
        wa, wb = jnp.zeros((xa.shape[1], 1)), jnp.zeros((xb.shape[1], 1))
        for _ in range(rounds):
            residual = sigmoid(xa @ wa + xb @ wb) - y
            wa = wa - ha @ ((xa.T @ residual + wa) / rows)
            wb = wb - hb @ ((xb.T @ residual + wb) / rows)
        return jnp.concatenate([wa, wb])

    def sgd(xa, xb, y, ha, hb):
        x = jnp.concatenate([xa, xb], axis=1)
        w = jnp.zeros((x.shape[1], 1))
        for _ in range(rounds):
            for at in range(0, x.shape[0] - batch + 1, batch):
                part = x[at : at + batch]
                residual = sigmoid(part @ w) - y[at : at + batch]
                w = w - (step / batch) * (part.T @ residual)
        return w

    return sgd if batch else newton


def packed(share):
    return pickle.dumps((share.meta, list(share.share_chunks)))


def unpacked(share, text):
    share.meta, share.share_chunks = pickle.loads(text)
    return share


def party(rank, options, start, answer):
    import spu
    from spu import libspu
    from spu.utils import frontend

    widths = [int(width) for width in options.features.split(",")]
    x, y, _, _ = data(options.rows, widths)
    # The intercept is A's constant column.
    own = [np.hstack([np.ones((len(x), 1)), x[:, : widths[0]]]), x[:, widths[0] :]][rank].astype(np.float32)
    # Each side's inverse is its own secret; times the rows, so that it keeps its bits in fixed point.
    inverse = (len(x) * np.linalg.inv(own.T @ own / 4 + np.eye(own.shape[1]))).astype(np.float32)
    mine = {"x": own, "h": inverse} | ({"y": y[:, None].astype(np.float32)} if rank == 0 else {})
    shapes = [(len(x), widths[0] + 1), (len(x), widths[1]), (len(x), 1), (widths[0] + 1,) * 2, (widths[1],) * 2]
    names = ["xa", "xb", "y", "ha", "hb"]

    config = libspu.RuntimeConfig(protocol=libspu.ProtocolKind.CHEETAH, field=libspu.FieldType.FM64)
    config.fxp_fraction_bits = 18
    began = time.perf_counter()
    executable, _ = frontend.compile(
        frontend.Kind.JAX,
        model(options.rows, options.rounds, options.sgd, options.step),
        [np.zeros(shape, np.float32) for shape in shapes],
        {},
        names,
        [libspu.Visibility.VIS_SECRET] * len(names),
        lambda outputs: [f"out{at}" for at in range(len(outputs))],
        static_argnums=(),
        copts=libspu.CompilerOptions(),
    )
    compiled = time.perf_counter() - began

    described = libspu.link.Desc()
    described.recv_timeout_ms = 3_600_000
    for at, port in enumerate(PORTS):
        described.add_party(f"party{at}", f"127.0.0.1:{port}")
    link = libspu.link.create_brpc(described, rank)
    runtime, io = spu.Runtime(link, config), spu.Io(2, config)

    start.wait()
    bytes_before, cpu_before, began = loop_bytes(), time.process_time(), time.perf_counter()
    held_by = {"xa": 0, "xb": 1, "y": 0, "ha": 0, "hb": 1}
    for name, owner in held_by.items():
        if owner == rank:
            shares = io.make_shares(mine[name[0]], libspu.Visibility.VIS_SECRET)
            link.send(1 - rank, packed(shares[1 - rank]))
            runtime.set_var(name, shares[rank])
        else:
            runtime.set_var(name, unpacked(libspu.Share(), link.recv(owner)))
    shared = time.perf_counter() - began
    runtime.run(executable)
    own_share = runtime.get_var("out0")
    shares = []
    for text in link.all_gather(packed(own_share).hex()):
        shares.append(unpacked(libspu.Share(), bytes.fromhex(text)))
    weights = io.reconstruct(shares)
    ended = time.perf_counter() - began
    answer.put(
        {
            "rank": rank,
            "compile_seconds": compiled,
            "share_seconds": shared,
            "seconds": ended,
            "cpu_seconds": time.process_time() - cpu_before,
            "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
            "loop_bytes": loop_bytes() - bytes_before,
            "weights": np.asarray(weights).ravel().tolist(),
        }
    )
    link.stop_link()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--features", default="20,20")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--sgd", type=int, default=0, metavar="BATCH")
    parser.add_argument("--step", type=float, default=0.5)
    options = parser.parse_args()

    spawn = multiprocessing.get_context("spawn")
    start, answers = spawn.Barrier(2), spawn.Queue()
    parties = [spawn.Process(target=party, args=(rank, options, start, answers)) for rank in (0, 1)]
    [one.start() for one in parties]
    results = sorted((answers.get() for _ in parties), key=lambda result: result["rank"])
    [one.join() for one in parties]

    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score

    train_x, train_y, test_x, test_y = data(options.rows, [int(width) for width in options.features.split(",")])
    weights = np.array(results[0]["weights"])
    central = LogisticRegression(C=1.0, solver="newton-cholesky").fit(train_x, train_y)
    both = {
        "rows": options.rows,
        "features": options.features,
        "rounds": options.rounds,
        "algorithm": f"sgd, batches of {options.sgd}" if options.sgd else "block Newton",
        "seconds": round(max(result["seconds"] for result in results), 2),
        "share_seconds": round(max(result["share_seconds"] for result in results), 2),
        "compile_seconds": round(max(result["compile_seconds"] for result in results), 2),
        "cpu_seconds": round(sum(result["cpu_seconds"] for result in results), 2),
        "loop_bytes": max(result["loop_bytes"] for result in results),
        "peak_rss_mb": max(result["peak_rss_mb"] for result in results),
        "auc": round(roc_auc_score(test_y, test_x @ weights[1:]), 5),
        "auc_central": round(roc_auc_score(test_y, central.decision_function(test_x)), 5),
        "load": os.getloadavg()[0],
    }
    print(json.dumps(both))


if __name__ == "__main__":
    main()
