"""torchvision's EfficientNet-B0 with the weights and the arithmetic of the Keras one."""
import functools
from pathlib import Path

import numpy as np
import torch
import torchvision
from torch import nn

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
TOLERANCE = 1e-3  # of pooled features, relative to their largest
STRIDES = 32  # side of the input for each pixel of the last map


class KerasPadding(nn.Sequential):
    """A convolution of stride 2 on maps of even side, padded as Keras does: less at the start."""

    def __init__(self, conv: nn.Conv2d):
        margin = conv.kernel_size[0] // 2
        conv.padding = (0, 0)
        super().__init__(nn.ZeroPad2d((margin - 1, margin, margin - 1, margin)), conv)


def build(arrays: Path, num_classes: int, *, dropout: float) -> nn.Module:
    """Builds the network in channels-last layout and inference mode, with a random dense layer.

    Takes float32 [B, 3, S, S], normalized, S a multiple of STRIDES; gives logits [B, num_classes].

    Args:
        arrays: file of trunk_arrays.

    Raises:
        ValueError: the weights don't fit, or the pooled features differ from Keras'.
    """
    norm = functools.partial(nn.BatchNorm2d, eps=1e-3)  # Keras' epsilon; torchvision's is 1e-5
    model = torchvision.models.efficientnet_b0(
        weights=None, norm_layer=norm, num_classes=num_classes, dropout=dropout)
    with np.load(arrays) as found:
        content = dict(found)
    pictures, features = content.pop("pictures"), content.pop("features")
    if pictures.shape[1] % STRIDES:
        raise ValueError(f"side {pictures.shape[1]}: this conversion needs a multiple of {STRIDES}")

    _fill(model.features, content)
    _pad_as_keras(model.features)
    model = model.eval().to(memory_format=torch.channels_last)
    _check(model, pictures, features)
    return model


def _fill(trunk: nn.Module, arrays: dict[str, np.ndarray]) -> None:
    """Both networks list their layers from the input to the output, so order pairs them."""
    convs = [x for x in trunk.modules() if isinstance(x, nn.Conv2d)]
    norms = [x for x in trunk.modules() if isinstance(x, nn.BatchNorm2d)]
    kernels = [name.rpartition("/")[0] for name in arrays if name.endswith("/kernel")]
    gammas = [name.rpartition("/")[0] for name in arrays if name.endswith("/gamma")]
    if (len(convs), len(norms)) != (len(kernels), len(gammas)):
        raise ValueError(f"{len(kernels)} kernels and {len(gammas)} normalizations for "
                         f"{len(convs)} and {len(norms)}: these are not EfficientNetB0's weights")

    for conv, name in zip(convs, kernels):
        axes = (2, 3, 0, 1) if "dwconv" in name else (3, 2, 0, 1)
        _set(conv.weight, arrays[f"{name}/kernel"].transpose(axes), name)
        if conv.bias is not None:
            _set(conv.bias, arrays[f"{name}/bias"], name)

    for norm, name in zip(norms, gammas):
        for own, theirs in [(norm.weight, "gamma"), (norm.bias, "beta"),
                            (norm.running_mean, "moving_mean"),
                            (norm.running_var, "moving_variance")]:
            _set(own, arrays[f"{name}/{theirs}"], name)


def _set(own: torch.Tensor, value: np.ndarray, name: str) -> None:
    if own.shape != value.shape:
        raise ValueError(f"{name} is {value.shape}, not {tuple(own.shape)}: "
                         "these are not EfficientNetB0's weights")
    with torch.no_grad():
        own.copy_(torch.from_numpy(np.ascontiguousarray(value)))


def _pad_as_keras(module: nn.Module) -> None:
    for name, child in module.named_children():
        if isinstance(child, nn.Conv2d) and child.stride == (2, 2):
            setattr(module, name, KerasPadding(child))
        else:
            _pad_as_keras(child)


def difference(model: nn.Module, pictures: np.ndarray, features: np.ndarray) -> float:
    """Returns the largest difference from Keras' pooled features, as a share of their largest.

    Args:
        pictures: float32 [N, S, S, 3], RGB, 0..255.
        features: float32 [N, 1280], what Keras pools from them.
    """
    normalized = (pictures / 255 - IMAGENET_MEAN) / IMAGENET_STD
    batch = torch.from_numpy(normalized.astype(np.float32)).permute(0, 3, 1, 2)
    with torch.no_grad():
        found = model.features(batch).mean(dim=(2, 3)).numpy()
    return float(np.abs(found - features).max() / np.abs(features).max())


def _check(model: nn.Module, pictures: np.ndarray, features: np.ndarray) -> None:
    found = difference(model, pictures, features)
    if not found <= TOLERANCE:
        raise ValueError(f"pooled features differ from Keras' by {found:.2g} of the largest, more "
                         f"than {TOLERANCE}: another torchvision? Its layers must be those of "
                         "0.29")
    print(f"pooled features are Keras' within {found:.1e} of the largest", flush=True)
