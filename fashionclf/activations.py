"""What a phase trains on where the layers below are frozen: their output, instead of pictures."""
import dataclasses

import numpy as np
import tensorflow as tf

from fashionclf import input_pipeline
from fashionclf.input_pipeline import Pictures


@dataclasses.dataclass(frozen=True)
class Activations:
    """What a phase trains on in place of Pictures: the same examples in the same order.

    Attributes:
        pictures: what the activations were computed from.
        enters: the layer that takes them in.
        views: split -> float16 arrays [N, ...], one a view, in the order of the records.
        rows: split -> path -> place in these arrays.
    """
    pictures: Pictures
    enters: str
    views: dict[str, list[np.ndarray]]
    rows: dict[str, dict[bytes, int]]

    @property
    def examples(self) -> dict[str, int]:
        return self.pictures.examples

    def training(self, *, epoch: int, batch_size: int, seed: int, skip_batches: int = 0,
                 context: tf.distribute.InputContext | None = None) -> tf.data.Dataset:
        """As input_pipeline.training, but "image" is float32 [B, ...], the activations.

        Each example goes through its views from epoch to epoch, and a batch holds many views.
        """
        context = context or tf.distribute.InputContext()
        ds = input_pipeline.shuffled(
            self.pictures.records_dir, ("path", "label"), batch_size=batch_size, seed=seed,
            skip_batches=skip_batches, context=context)
        ds = ds.batch(context.get_per_replica_batch_size(batch_size), drop_remainder=True)
        return self._looked_up(ds, "train", epoch).prefetch(2)

    def evaluation(self, split: str, *, batch_size: int) -> tf.data.Dataset:
        """As input_pipeline.evaluation, but "image" is float32 [B, ...], the activations."""
        ds = input_pipeline.in_order(self.pictures.records_dir, split, ("path", "label", "item"))
        return self._looked_up(ds.batch(batch_size), split, epoch=0).prefetch(2)

    def _looked_up(self, ds: tf.data.Dataset, split: str, epoch: int) -> tf.data.Dataset:
        views, rows = self.views[split], self.rows[split]

        def look_up(paths: np.ndarray) -> np.ndarray:
            places = [rows[path] for path in paths]
            return np.stack([views[(epoch + place) % len(views)][place] for place in places]
                            ).astype(np.float32)

        def with_activations(batch: dict) -> dict:
            found = tf.numpy_function(look_up, [batch["path"]], tf.float32, stateful=False)
            return {**batch, "image": tf.ensure_shape(found, [None, *views[0].shape[1:]])}
        return ds.map(with_activations)
