"""Fits a dense layer to fixed features: multinomial logistic regression by L-BFGS."""
import dataclasses
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from scipy.optimize import minimize

# Stops where a step lowers the objective by less than 1e-6, too little to change a prediction.
OPTIONS = {"maxiter": 500, "ftol": 1e-6, "gtol": 1e-5}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Fit:
    """The optimum for one strength of the penalty, and means over the examples there."""
    strength: float
    kernel: np.ndarray  # float32 [D, C]
    bias: np.ndarray  # float32 [C]
    cross_entropy: float  # weighted
    penalty: float  # strength * sum of squares of the kernel of the standardised features
    accuracy: float  # share of examples whose largest logit is at the largest target
    iterations: int
    passes: int  # over all examples


def fits(features: np.ndarray, targets: np.ndarray, weights: np.ndarray, *,
         strengths: Sequence[float], each: Callable[[], None] = lambda: None) -> Iterator[Fit]:
    """Yields the Fit of each of `strengths`, the strongest first.

    It minimises over the kernel W and the bias b

        mean_i weights_i * cross_entropy(targets_i, softmax(z_i W + b)) + strength * sum(W ** 2)

    where z are the features less their mean, divided by their standard deviation, so that one
    strength suits every feature. The kernel and bias of a Fit are for the features as they are.
    Each search starts where the one before ended.

    Args:
        features: float32 [N, D]; standardised in place, as a copy may not fit into memory.
        targets: float32 [N, C], rows sum to one.
        weights: float [N].
        each: called before each pass over the examples; may raise to stop.
    """
    mean, deviation = features.mean(axis=0), features.std(axis=0)
    deviation[deviation == 0] = 1.0  # a constant feature becomes 0
    features -= mean
    features /= deviation
    problem = _Problem(features, targets, (weights / len(weights)).astype(np.float32))

    solution = np.zeros((features.shape[1] + 1) * targets.shape[1])
    for strength in sorted(strengths, reverse=True):
        def objective(flat: np.ndarray) -> tuple[float, np.ndarray]:
            each()
            return problem.objective(flat, strength)

        result = minimize(objective, solution, jac=True, method="L-BFGS-B", options=OPTIONS)
        solution = result.x
        kernel, bias = problem.layer(solution)
        logarithms = problem.logarithms(kernel, bias)
        yield Fit(strength=strength, kernel=kernel / deviation[:, None],
                  bias=bias - (mean / deviation) @ kernel,
                  cross_entropy=problem.cross_entropy(logarithms),
                  penalty=strength * float(np.square(kernel).sum()),
                  accuracy=float((logarithms.argmax(axis=1) == targets.argmax(axis=1)).mean()),
                  iterations=result.nit, passes=result.nfev)


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Returns the logarithms of the probabilities of float [N, C]."""
    logits = logits - logits.max(axis=1, keepdims=True)
    return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))


@dataclasses.dataclass(frozen=True)
class _Problem:
    """The objective of `fits`; SciPy sees kernel and bias as one float64 vector."""
    features: np.ndarray  # float32 [N, D], standardised
    targets: np.ndarray  # float32 [N, C]
    weights: np.ndarray  # float32 [N], divided by N

    def objective(self, flat: np.ndarray, strength: float) -> tuple[float, np.ndarray]:
        """Returns the value and its gradient."""
        kernel, bias = self.layer(flat)
        logarithms = self.logarithms(kernel, bias)
        of_logits = self.weights[:, None] * (np.exp(logarithms) - self.targets)
        of_kernel = self.features.T @ of_logits + 2 * strength * kernel
        value = self.cross_entropy(logarithms) + strength * float(np.square(kernel).sum())
        gradient = np.vstack([of_kernel, of_logits.sum(axis=0)])
        return value, gradient.ravel().astype(np.float64)

    def layer(self, flat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns kernel and bias."""
        rows = flat.astype(np.float32).reshape(-1, self.targets.shape[1])
        return rows[:-1], rows[-1]

    def logarithms(self, kernel: np.ndarray, bias: np.ndarray) -> np.ndarray:
        return log_softmax(self.features @ kernel + bias)

    def cross_entropy(self, logarithms: np.ndarray) -> float:
        return -float(self.weights @ (self.targets * logarithms).sum(axis=1))
