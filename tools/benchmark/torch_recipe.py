"""Model 2 as a competent user of PyTorch would write it: torchvision, transforms, a DataLoader.

    python -m tools.benchmark.torch_recipe --pictures=DIR --weights=FILE --result=FILE

Channels-last, pictures decoded to tensors, one worker process a core. On two CPU cores the head
trained at 31 to 36 pictures a second without workers, 35 to 36 with one, 36 to 37 with two.
--weights is what tools.benchmark.trunk_arrays wrote. TensorFlow is not loaded.
"""
import math
import os
from pathlib import Path

import numpy as np
import torch
from absl import app, flags
from sklearn.metrics import accuracy_score
from torch import nn
from torch.utils.data import DataLoader
from torchvision.datasets import ImageFolder
from torchvision.io import ImageReadMode, decode_image
from torchvision.transforms import v2

from tools.benchmark import job, plain, torch_network

FLAGS = flags.FLAGS
flags.DEFINE_integer("workers", len(os.sched_getaffinity(0)), "Processes that load pictures; 0 "
                     "loads them in the process that trains.")

TRAINED_BLOCKS = slice(6, 9)  # of torchvision's `features`: block6, block7 and the last convolution
PREDICTED = 32  # pictures of a batch that nothing is learnt from


def main(_: list[str]) -> None:
    torch.manual_seed(FLAGS.seed)
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    train = loader("train", augmentation(), batch_size=FLAGS.batch_size, shuffle=True,
                   drop_last=True)
    validation, test = loader("validation", []), loader("test", [])
    model = torch_network.build(Path(FLAGS.weights), len(train.dataset.classes),
                                dropout=job.DROPOUT)

    # The benchmark times the stages by these lines.
    print("== head", flush=True)
    model.requires_grad_(False)
    model.classifier.requires_grad_(True)
    fit(model, train, validation, FLAGS.head_epochs, job.HEAD_LEARNING_RATE)

    print("== fine-tune", flush=True)
    for module in model.features[TRAINED_BLOCKS].modules():
        if isinstance(module, nn.Conv2d):  # BatchNorm stays frozen
            module.requires_grad_(True)
    fit(model, train, validation, FLAGS.fine_tune_epochs, job.FINE_TUNE_LEARNING_RATE)

    print("== test", flush=True)
    plain.write_scores(*predict(model, test))


def loader(split: str, changes: list[nn.Module], **more) -> DataLoader:
    """Returns batches of float32 [B, 3, S, S], normalized, channels last, and int64 [B]."""
    transform = v2.Compose([
        v2.Resize((FLAGS.image_size, FLAGS.image_size)), *changes,
        v2.ToDtype(torch.float32, scale=True),
        v2.Normalize(torch_network.IMAGENET_MEAN, torch_network.IMAGENET_STD)])
    pictures = ImageFolder(f"{FLAGS.pictures}/{split}", transform, allow_empty=True,
                           loader=lambda file: decode_image(file, mode=ImageReadMode.RGB))

    training = bool(changes)
    return DataLoader(pictures, num_workers=FLAGS.workers,
                      persistent_workers=training and FLAGS.workers > 0,
                      **{"batch_size": PREDICTED, **more})


def augmentation() -> list[nn.Module]:
    """All geometry in one resampling, as torchvision offers it."""
    return [v2.RandomHorizontalFlip(),
            v2.RandomAffine(job.ROTATION, translate=(job.SHIFT, job.SHIFT),
                            scale=(1 - job.ZOOM, 1 + job.ZOOM),
                            interpolation=v2.InterpolationMode.BILINEAR),
            v2.ColorJitter(brightness=job.BRIGHTNESS, contrast=job.CONTRAST)]


def fit(model: nn.Module, train: DataLoader, validation: DataLoader, epochs: int,
        learning_rate: float) -> None:
    """Trains what requires a gradient; validates after each epoch."""
    trained = [p for p in model.parameters() if p.requires_grad]
    groups = [{"params": [p for p in trained if p.ndim > 1], "weight_decay": 2 * job.L2},
              {"params": [p for p in trained if p.ndim == 1], "weight_decay": 0.0}]
    optimizer = torch.optim.Adam(groups, lr=learning_rate)
    total = epochs * len(train)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: rate(step, total))

    for epoch in range(epochs):
        model.classifier.train()  # the trunk stays in inference mode
        losses = []
        for images, labels in train:
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(
                model(images.contiguous(memory_format=torch.channels_last)), labels)
            loss.backward()
            optimizer.step()
            schedule.step()
            losses.append(loss.item())

        labels, predicted = predict(model, validation)
        print(f"epoch {epoch + 1}/{epochs}: loss {np.mean(losses):.3f}, validation accuracy "
              f"{accuracy_score(labels, predicted):.3f}", flush=True)


def rate(step: int, total: int) -> float:
    """Returns the factor of the learning rate: a linear rise, then half a cosine down to 0."""
    warmup = job.warmup_steps(total)
    if step < warmup:
        return step / warmup
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, total - warmup)))


def predict(model: nn.Module, pictures: DataLoader) -> tuple[np.ndarray, np.ndarray]:
    """Returns labels and predicted classes, int64 [N] each."""
    model.eval()
    labels, predicted = [], []
    with torch.inference_mode():
        for images, truth in pictures:
            logits = model(images.contiguous(memory_format=torch.channels_last))
            labels.append(truth.numpy())
            predicted.append(logits.argmax(dim=1).numpy())
    return np.concatenate(labels), np.concatenate(predicted)


if __name__ == "__main__":
    app.run(main)
