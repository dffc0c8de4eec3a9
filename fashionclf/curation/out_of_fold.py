"""Probabilities of pictures from a model that has seen neither them nor others of their garments.

A linear model is fitted to features on all folds but one and predicts that one, in turn.
"""
import warnings

import numpy as np
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from fashionclf.system.progress import progress_bar

FOLDS = 5
FEWEST = 3  # garments of a class, each of which is predicted by two others at least
COMPONENTS = 256  # of the features
INVERSE_L2 = 2.0  # C of the model, for features whose mean square norm is 1
MOST_STEPS = 200  # of its optimizer


def folds(labels: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Draws a fold for each of N pictures, int [N]: a group is in one, classes are spread evenly.

    The draw depends on the order of the rows. There are fewer folds than FOLDS if no class has as
    many pictures.
    """
    drawn = np.empty(len(labels), int)
    splitter = StratifiedGroupKFold(min(FOLDS, np.bincount(labels).max()), shuffle=True,
                                    random_state=0)
    with warnings.catch_warnings():  # of classes with fewer pictures than folds
        warnings.simplefilter("ignore", UserWarning)
        for fold, (_, held_out) in enumerate(splitter.split(labels, labels, groups)):
            drawn[held_out] = fold
    return drawn


def reduced(features: np.ndarray) -> np.ndarray:
    """Reduces float [N, D] to standardized features' principal components, float32 [N, K].

    No label is looked at, so that pictures of all folds are reduced together. It makes the fits
    five times faster and changes no ranking that we measured.
    """
    standard = StandardScaler().fit_transform(np.asarray(features, np.float32))
    components = PCA(min(COMPONENTS, *standard.shape), svd_solver="covariance_eigh")
    return components.fit_transform(standard)


def probabilities(features: np.ndarray, labels: np.ndarray, fold: np.ndarray,
                  num_classes: int) -> np.ndarray:
    """Predicts each of N pictures by the other folds: float64 [N, C], rows add up to 1.

    A class that the other folds lack has probability 0; its own pictures are NaN.

    Args:
        features: `reduced`; labels: int [N], 0-based, of two classes or more.
    """
    found = np.zeros((len(labels), num_classes))
    for number in progress_bar(np.unique(fold), desc="predicting by the other folds", unit="folds"):
        held_out = fold == number
        model = fitted(features[~held_out], labels[~held_out])
        found[np.ix_(held_out, model.classes_)] = model.predict_proba(features[held_out])
        found[held_out & ~np.isin(labels, model.classes_)] = np.nan
    return found


def fitted(features: np.ndarray, labels: np.ndarray) -> LogisticRegression:
    """Fits the linear model to `reduced` features."""
    mean_square = float(np.square(features).sum(axis=1).mean())
    model = LogisticRegression(C=INVERSE_L2 / mean_square, max_iter=MOST_STEPS, tol=1e-3)

    # Its matrices are small: threads would wait for each other, on a busy machine for minutes.
    with threadpool_limits(1):
        return model.fit(features, labels)
