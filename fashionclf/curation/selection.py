"""Which pictures to label next: typical ones of many kinds, of those that the model is unsure of.

k-means makes a cluster for each label that a person can give, and the picture nearest to its
centre stands for it (Hacohen et al., ICML 2022, find such typical pictures best where labels are
few). With a model of the classes, the clusters are of the most uncertain pictures, and weighted by
the uncertainty (Zhdanov, "Diverse mini-batch active learning", 2019): one minus the margin between
the two most probable classes. tools/studies compares this with other ways. Of them, the pictures
that lie farthest from each other (k-center) were worse than random ones on a shop's catalogue:
those are the odd ones.
"""
import warnings

import numpy as np
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits

POOL = 5  # uncertain pictures to choose each from
COMPONENTS = 64  # principal ones of the features, in which clusters are sought
SAMPLE = 10_000  # pictures that these are computed from
SAME = 0.95  # cosine of near-identical pictures: nearest others are above it in 0.8 of 100 cases


def uncertainty(probabilities: np.ndarray) -> np.ndarray:
    """Returns 1 - (highest - second highest) of each row of float [N, C]: [N], 0 to 1."""
    if probabilities.shape[1] < 2:
        return np.ones(len(probabilities), np.float32)
    second, highest = np.partition(probabilities, -2, axis=1)[:, -2:].T
    return 1 - (highest - second)


def choose(features: np.ndarray, count: int, *, uncertain: np.ndarray | None = None,
           garments: np.ndarray | None = None) -> np.ndarray:
    """Chooses up to `count` pictures to label, those that stand for most others first.

    The same input gives the same choice. 100,000 pictures with 1,280 features take 0.6 GB of
    memory, beside `features`.

    Args:
        features: float [N, D]; a row with NaN is not chosen.
        uncertain: float [N], see `uncertainty`; None: no model knows the classes.
        garments: int [N], of which one picture each is chosen; None: each picture is its own.

    Returns:
        Indices of rows: int [K]. K is less than `count` where no other pictures are left, of the
        POOL * count most uncertain ones if a model knows the classes, but unusable ones, those of
        garments chosen already and near-identical ones.
    """
    rows = np.flatnonzero(np.isfinite(features).all(axis=1))
    weights = np.ones(len(rows)) if uncertain is None else uncertain[rows].astype(float)

    # The most uncertain first; of each garment, only its first
    order = np.argsort(-weights, kind="stable")
    if garments is not None:
        order = order[np.sort(np.unique(garments[rows[order]], return_index=True)[1])]
    if uncertain is not None:
        order = order[:POOL * count]
    rows, weights = rows[order], weights[order]

    vectors = features[rows].astype(np.float32, copy=False)
    lengths = np.sqrt(np.einsum("nd,nd->n", vectors, vectors))
    vectors /= np.maximum(lengths, 1e-12)[:, np.newaxis]
    chosen: list[int] = []
    for place in _by_typicality(vectors, weights, count):
        if len(chosen) == count:
            break
        if not (vectors[chosen] @ vectors[place] > SAME).any():
            chosen.append(place)
    return rows[chosen]


def _by_typicality(vectors: np.ndarray, weights: np.ndarray, count: int) -> np.ndarray:
    """Orders rows: the most typical of each cluster, large clusters first, then the second, ...

    Rows that are no more than `count` are left in order.
    """
    if len(vectors) <= count:
        return np.arange(len(vectors))
    sample = vectors[::-(-len(vectors) // SAMPLE)]
    with np.errstate(invalid="ignore"):  # of copies of one picture, which do not vary
        projection = PCA(
            min(COMPONENTS, *sample.shape), svd_solver="covariance_eigh").fit(sample)
    places = projection.transform(vectors)

    # Threads would add in any order. Fewer distinct pictures than clusters do no harm.
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        found = KMeans(count, n_init=1, max_iter=30, random_state=0).fit(
            places, sample_weight=np.maximum(weights, 1e-6))
    distances = ((places - found.cluster_centers_[found.labels_])**2).sum(axis=1)

    # The place of each row in its cluster, by distance
    by_cluster = np.lexsort((distances, found.labels_))
    sizes = np.bincount(found.labels_, minlength=count)
    ranks = np.empty(len(places), int)
    ranks[by_cluster] = np.arange(len(places)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    totals = np.bincount(found.labels_, weights, minlength=count)
    return np.lexsort((-totals[found.labels_], ranks))
