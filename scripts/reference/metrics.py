"""Golden values of the metrics, in double, from scikit-learn, scikit-image and SciPy.

    python scripts/reference/metrics.py        rewrites Tests/golden/metrics/{maps,scores,ssim}.json

Needs numpy, scipy, scikit-learn and scikit-image. PRO follows the steps of Bergmann et al. (CVPR 2019) as MVTec's public
evaluation takes them: regions by 8-connectivity, one global order of all scores, cumulative sums, the last of equal scores
kept, a trapezoid that is cut at the limit by linear interpolation.
"""

import json
import pathlib

import numpy as np
from scipy import ndimage
from skimage.metrics import structural_similarity
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "Tests/golden/metrics"
LIMITS = [0.05, 0.3, 1.0]


def mix(seed, count):
    """Floats in [0, 1) that the tests can make again: SplitMix64, 24 bits each."""
    with np.errstate(over="ignore"):
        z = np.uint64(seed) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z ^= z >> np.uint64(31)
    return ((z >> np.uint64(40)).astype(np.float64) / 2**24).astype(np.float32)


def regions(masks):
    labels = []
    for mask in masks:
        label, count = ndimage.label(mask, np.ones((3, 3), int))
        labels += [(label, count)]
    return labels


def pro(maps, masks, limit):
    scores, good, overlap, total = [], [], [], 0
    for scored, (label, count) in zip(maps, regions(masks)):
        share = np.zeros(scored.shape)
        for region in range(1, count + 1):
            share[label == region] = 1 / np.sum(label == region)
        total += count
        scores += [scored.ravel()]
        good += [(label == 0).ravel()]
        overlap += [share.ravel()]
    scores, good, overlap = map(np.concatenate, (scores, good, overlap))
    order = np.argsort(scores, kind="stable")[::-1]
    rate, found = np.cumsum(good[order]) / good.sum(), np.cumsum(overlap[order]) / total
    last = np.append(np.diff(scores[order]) != 0, True)
    x, y = np.r_[0, rate[last], 1], np.r_[0, found[last], 1]
    cut = np.searchsorted(x, limit, side="right")
    return float(np.trapezoid(np.r_[y[:cut], np.interp(limit, x, y)], np.r_[x[:cut], limit]) / limit)


def best_f1(labels, scores):
    precision, recall, _ = precision_recall_curve(labels, scores)
    return float(np.max(2 * precision * recall / np.maximum(precision + recall, 1e-30)))


def classification(scores, labels):
    return {
        "auroc": float(roc_auc_score(labels, scores)),
        "average_precision": float(average_precision_score(labels, scores)),
        "best_f1": best_f1(labels, scores),
    }


def maps_case(name, maps, masks, threshold):
    """masks: None for a good image."""
    maps = [np.asarray(m, np.float32) for m in maps]
    full = [np.zeros(s.shape, np.uint8) if m is None else np.asarray(m, np.uint8) for s, m in zip(maps, masks)]
    labels, scores = (np.concatenate([v.ravel() for v in values]) for values in (full, maps))
    overlaps = [
        float(np.mean(scored[label == region] >= np.float32(threshold)))
        for scored, (label, count) in zip(maps, regions(full))
        for region in range(1, count + 1)
    ]
    return {
        "name": name,
        "images": [
            {
                "width": s.shape[1],
                "height": s.shape[0],
                "map": [float(v) for v in s.ravel()],
                "mask": None if m is None else [int(v) for v in np.asarray(m).ravel()],
            }
            for s, m in zip(maps, masks)
        ],
        **classification(scores, labels > 0),
        "pro": [pro(maps, full, limit) for limit in LIMITS],
        "threshold": float(np.float32(threshold)),
        "overlaps": overlaps,
    }


def random_images(seed, count, size, digits=None):
    maps, masks = [], []
    for i in range(count):
        height, width = size
        noise = mix(seed * 1000 + i, height * width).reshape(size)
        blob = ndimage.gaussian_filter(mix(seed * 1000 + 500 + i, height * width).reshape(size).astype(float), 1.2)
        mask = (blob > np.quantile(blob, 0.9)) if i % 3 else np.zeros(size)
        score = noise + 0.5 * mask
        maps += [np.round(score, digits) if digits is not None else score]
        masks += [mask.astype(np.uint8) if i % 3 else None]
    return maps, masks


def all_maps():
    example = [
        [[[0.9, 0.2, 0.1, 0.8, 0.3], [0.4, 0.1, 0.1, 0.5, 0.1]], [[0.6, 0.1, 0.1, 0.1, 0.1], [0.1] * 5]],
        [[[1, 0, 0, 1, 1], [0] * 5], None],
    ]
    yield "the worked example", *example, 0.5
    yield "the worked example without its good image", example[0][:1], example[1][:1], 0.25
    corner = np.zeros((6, 7), np.uint8)
    corner[0, 0] = corner[5, 6] = corner[0, 6] = 1
    corner[3:6, 0] = 1
    noise = mix(3, 42).reshape(6, 7)
    yield "every score the same", [np.full((6, 7), 0.25)], [corner], 0.25
    yield "regions in the corners", [noise + corner], [corner], 1.2
    yield "everything wrong", [1 - corner.astype(float)], [corner], 0.5
    yield "perfect", [corner.astype(float)], [corner], 1
    diagonal = np.eye(6, dtype=np.uint8)
    diagonal[0, 5] = 1
    yield "joined by corners", [mix(5, 36).reshape(6, 6)], [diagonal], 0.5
    spiral = np.array([[1, 1, 1, 1, 1], [0, 0, 0, 0, 1], [1, 1, 1, 0, 1], [1, 0, 0, 0, 1], [1, 1, 1, 1, 1]])
    comb = np.array([[1, 0, 1, 0, 1], [1, 0, 1, 0, 1], [1, 1, 1, 0, 0], [0, 0, 0, 0, 1], [1, 0, 0, 1, 0]])
    yield "a spiral and a comb", [mix(6, 25).reshape(5, 5), mix(7, 25).reshape(5, 5)], [spiral, comb], 0.5
    yield "an empty mask", [noise, noise * 0.5], [corner, np.zeros((6, 7))], 0.5
    yield "negative scores, and both zeros", [np.round(noise * 8 - 4) * np.float32(-0.0 + 1)], [corner], -1
    huge = np.where(corner, np.float32(3e38), -np.float32(1e-38)) * (0.5 + noise / 2)
    yield "scores of all sizes", [huge], [corner], 1e38
    yield "random", *random_images(1, 7, (19, 23)), 0.9
    yield "random, many ties", *random_images(2, 6, (16, 16), 1), 0.9
    yield "random, one digit more", *random_images(3, 4, (24, 18), 2), 0.9


def all_scores():
    labels = lambda seed, n: (mix(seed, n) > 0.6).astype(int)
    yield "perfect", np.array([0.1, 0.2, 0.8, 0.9]), np.array([0, 0, 1, 1])
    yield "reversed", np.array([0.9, 0.8, 0.2, 0.1]), np.array([0, 0, 1, 1])
    yield "all ties", np.full(9, 0.5), np.array([0, 1, 0, 0, 1, 1, 0, 0, 0])
    yield "one of each, tied", np.array([1.0, 1.0]), np.array([1, 0])
    yield "random", mix(11, 200) + 0.3 * labels(12, 200), labels(12, 200)
    yield "random, ties", np.round(mix(13, 150) + 0.3 * labels(14, 150), 1), labels(14, 150)
    yield "negative", -mix(15, 60), labels(16, 60)


def ssim_case(name, a, b):
    """a, b: [height, width, channels]."""
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 1.0}
    _, full = structural_similarity(a.astype(float), b.astype(float), channel_axis=2, full=True, **options)
    inner = full[5:-5, 5:-5]
    places = [(0, 0, 0), (inner.shape[0] - 1, inner.shape[1] - 1, inner.shape[2] - 1), (inner.shape[0] // 2, 0, 0)]
    return {
        "name": name,
        "height": a.shape[0],
        "width": a.shape[1],
        "channels": a.shape[2],
        "mean": float(inner.mean()),
        "places": [list(map(int, p)) for p in places],
        "values": [float(inner[p]) for p in places],
    }


def all_ssim():
    """The tests make the same images from the case's number: see SSIMTests."""
    shapes = [(11, 11, 1), (12, 30, 1), (43, 37, 3), (75, 64, 3), (40, 40, 1), (40, 40, 1)]
    for i, (height, width, channels) in enumerate(shapes):
        a = mix(100 + i, height * width * channels).reshape(channels, height, width)
        b = (a + np.float32(0.25) * mix(200 + i, a.size).reshape(a.shape)) * np.float32(0.8)
        if i == 4:
            a, b = np.full_like(a, 0.75), np.full_like(a, 0.5)  # flat
        if i == 5:
            a = np.float32(0.9375) + a / 1024  # bright, almost flat: the variances are lost in single precision
            b = a + np.float32(0.0009765625) * mix(200 + i, a.size).reshape(a.shape)
        yield ssim_case(f"case {i}", a.transpose(1, 2, 0), b.transpose(1, 2, 0))


def write(name, cases):
    lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
    (FOLDER / f"{name}.json").write_text(f"[\n{lines}\n]\n")


FOLDER.mkdir(parents=True, exist_ok=True)
write("maps", [maps_case(*case) for case in all_maps()])
write(
    "scores",
    [
        {"name": n, "scores": [float(v) for v in np.float32(s)], "labels": l.tolist(), **classification(np.float32(s), l)}
        for n, s, l in all_scores()
    ],
)
write("ssim", list(all_ssim()))
