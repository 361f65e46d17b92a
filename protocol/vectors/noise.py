"""Writes noise.json: what tests of protocol/src/noise/ are held against.

    pip install dp-accounting==0.6.0 mpmath==1.3.0 opendp
    python3 noise.py > noise.json

Three oracles, none of which the product depends on: the formulas in 60 and more decimal digits (mpmath), the
privacy loss distributions of dp-accounting, and samples of OpenDP's discrete Gaussian and Laplace mechanisms.
The last come from the machine's randomness and so differ from run to run; everything else is reproducible.
"""

import collections
import json
import random
import sys
from importlib.metadata import version

import opendp.prelude as dp
from dp_accounting.pld import privacy_loss_distribution as pld
from mpmath import ceil, erfc, exp, floor, log, mp, mpf, sqrt

mp.dps = 80


def epsilon(rho, delta):
    """CKS20, Proposition 12: the smallest over all alpha."""
    ln = log(1 / delta)
    low, high = mpf(10) ** -30, sqrt(ln / rho)
    for _ in range(400):
        above = (low + high) / 2
        low, high = (above, high) if rho * above**2 + log(1 + above) < ln else (low, above)
    alpha = 1 + low
    return alpha * rho + log(1 - 1 / alpha) + (ln - log(alpha)) / low


def conversions(draw):
    rows = []
    for nano, delta in [(5_000_000, "1e-6"), (20_000_000, "1e-6"), (125_000_000, "1e-6")] + [
        (int(10 ** draw.uniform(0, 10.5)), f"1e-{draw.randint(1, 18)}") for _ in range(40)
    ]:
        value = epsilon(mpf(nano) / 10**9, mpf(delta))
        rows.append({"nano_rho": nano, "delta": delta, "pico_epsilon_up": max(0, int(ceil(value * 10**12)))})
    return rows


def limits():
    rows = []
    for text in ["0.01", "0.1", "0.5", "1", "2.5", "8", "20"]:
        for delta in ["1e-5", "1e-6", "5e-7", "1e-9", "1e-15"]:
            low, high = 0, 40 * 10**9
            while high - low > 1:
                nano = (low + high) // 2
                fits = epsilon(mpf(nano) / 10**9, mpf(delta)) <= mpf(text)
                low, high = (nano, high) if fits else (low, nano)
            rows.append({"epsilon": text, "delta": delta, "nano_rho": low})
    return rows


def gaussian_pmf(num, den):
    """P(X = 0), P(X = 1), ... of sigma^2 = num/den, until nothing is left."""
    variance = mpf(num) / den
    last = int(ceil(sqrt(variance * 2 * 300))) + 1
    weights = [exp(-mpf(j * j) / (2 * variance)) for j in range(last)]
    total = weights[0] + 2 * sum(weights[1:])
    return [weight / total for weight in weights]


def laplace_pmf(epsilon, sensitivity):
    p = exp(-mpf(epsilon) / sensitivity)
    return [(1 - p) / (1 + p) * p**j for j in range(int(200 * sensitivity / mpf(epsilon)))]


def half_width(pmf, one_miss_in):
    covered, h = pmf[0], 0
    while covered < 1 - mpf(1) / one_miss_in:
        h += 1
        covered += 2 * pmf[h]
    return h


def of_two(pmf):
    both = pmf[:0:-1] + pmf
    middle = len(pmf) - 1
    sums = []
    for s in range(min(len(pmf), 400)):
        sums.append(sum(both[j] * both[middle + s - (j - middle)] for j in range(s, len(both))))
    return sums


def tables():
    rows = []
    for num, den in [(1, 10), (1, 2), (7, 3), (20_529, 1000), (100, 1), (2025, 1)]:
        pmf = gaussian_pmf(num, den)
        step = 1 if len(pmf) < 200 else 23
        shares = [floor((p if j == 0 else 2 * p) * 2**128) for j, p in enumerate(pmf)]
        rows.append({
            "num": num,
            "den": den,
            "step": step,
            "magnitudes": [f"{int(share):x}" for share in shares[::step] if share > 0],
            "half_widths": [half_width(pmf, miss) for miss in (20, 40, 60)],
        })
        if len(pmf) < 500:
            rows[-1]["half_widths_of_two"] = [half_width(of_two(pmf), miss) for miss in (20, 40, 60)]
    return rows


def laplaces():
    rows = []
    for text, sensitivity in [("1", 1), ("0.1", 1), ("0.5", 3), ("20", 1), ("2.5", 10)]:
        pmf = laplace_pmf(text, sensitivity)
        rows.append({
            "epsilon": text,
            "sensitivity": sensitivity,
            "half_widths": [half_width(pmf, miss) for miss in (20, 40, 60)],
            "half_widths_of_two": [half_width(of_two(pmf), miss) for miss in (20, 40, 60)],
        })
    return rows


def compositions(draw):
    """Mechanisms with how often each is used, and the epsilon that tight accounting gives, rounded up."""
    rows = [([("gaussian", "8.6766", 100)], "1e-6"), ([("laplace", "0.1", 100)], "1e-6")]
    for _ in range(20):
        mechanisms = [
            ("gaussian", f"{10 ** draw.uniform(0, 1.7):.3f}", draw.randint(1, 40))
            if draw.random() < 0.6
            else ("laplace", f"{10 ** draw.uniform(-2, 0):.3f}", draw.randint(1, 20))
            for _ in range(draw.randint(1, 4))
        ]
        rows.append((mechanisms, draw.choice(["1e-5", "1e-6", "1e-9"])))
    found = []
    for mechanisms, delta in rows:
        loss = None
        for kind, parameter, count in mechanisms:
            if kind == "gaussian":
                one = pld.from_discrete_gaussian_mechanism(float(parameter))
            else:
                one = pld.from_discrete_laplace_mechanism(float(parameter))
            one = one.self_compose(count) if count > 1 else one
            loss = one if loss is None else loss.compose(one)
        value = loss.get_epsilon_for_delta(float(delta))
        found.append({
            "mechanisms": [{"kind": k, "parameter": p, "count": c} for k, p, c in mechanisms],
            "delta": delta,
            "micro_epsilon": int(ceil(mpf(value) * 10**6)),
        })
    return found


def others_samples():
    dp.enable_features("contrib")
    space = dp.vector_domain(dp.atom_domain(T=int)), dp.l2_distance(T=float)
    rows = []
    for kind, scale in [("gaussian", 4.5), ("gaussian", 0.75), ("laplace", 10.0), ("laplace", 2.0)]:
        if kind == "gaussian":
            mechanism = dp.m.make_gaussian(*space, scale=scale)
        else:
            mechanism = dp.m.make_laplace(space[0], dp.l1_distance(T=int), scale=scale)
        counts = collections.Counter()
        for _ in range(20):
            counts.update(mechanism([0] * 10_000))
        rows.append({"kind": kind, "scale": str(scale), "counts": {str(x): counts[x] for x in sorted(counts)}})
    return rows


def main():
    assert abs(erfc(mpf("1.959963984540054235524594430520551527955") / sqrt(2)) - mpf(1) / 20) < mpf(10) ** -38
    draw = random.Random(20_240_601)
    json.dump(
        {
            "oracles": {name: version(name) for name in ("dp-accounting", "mpmath", "opendp")},
            "conversions": conversions(draw),
            "limits": limits(),
            "gaussians": tables(),
            "laplaces": laplaces(),
            "compositions": compositions(draw),
            "others_samples": others_samples(),
        },
        sys.stdout,
        indent=1,
    )
    print()


main()
