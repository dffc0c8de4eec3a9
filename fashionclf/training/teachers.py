"""Teachers: finished runs whose probabilities are part of the targets (Hinton et al., 2015)."""
import dataclasses
import functools
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from fashionclf.evaluation.lineage import Lineage
from fashionclf.model import calibration, inference, litert
from fashionclf.model import spec as specs
from fashionclf.model import weights
from fashionclf.pictures import picture_hashes
from fashionclf.records import manifests
from fashionclf.records.input_pipeline import Records
from fashionclf.records.training_set import TrainingSet, list_split
from fashionclf.system import packaged
from fashionclf.system.cache_files import CacheFiles
from fashionclf.training import views
from fashionclf.training.recipe import Recipe
from fashionclf.training.targets import of_labels
from fashionclf.training.views import View


class Teacher:
    """A run as a function from the student's pictures to probabilities of the student's classes."""

    def __init__(self, folder: str | Path, classes: list[str], image_size: int):
        """Reads the description of the run; its weights are loaded when they are needed.

        Raises ValueError if its classes aren't `classes`, in any order.
        """
        self.folder, self._image_size = Path(folder), image_size
        self.spec, self.weights_sha256, self.provenance = specs.read(folder)
        if sorted(self.spec.classes) != sorted(classes):
            difference = manifests.class_difference(self.spec.classes, classes)
            raise ValueError(f"--teacher={folder}: its classes differ from those of the records: "
                             f"{difference}. Give runs trained on these classes")
        self._columns = [self.spec.classes.index(name) for name in classes]

    @functools.cached_property
    def probabilities(self) -> tf.types.experimental.ConcreteFunction:
        """Maps float32 [B, S, S, 3], RGB, 0..255, to float32 [B, C], as Run.predictor does.

        Pictures are resized to the size that the run was trained with.
        """
        pictures = tf.TensorSpec([None, self._image_size, self._image_size, 3], tf.float32)
        return tf.function(self._forward(), input_signature=[pictures]).get_concrete_function()

    def _forward(self) -> Callable[[tf.Tensor], tf.Tensor]:
        run, own = weights.load(self.folder), self.spec.framing.image_size
        logits = inference.with_constants(run.network)

        def forward(images):
            if own != self._image_size:
                images = tf.image.resize(images, [own, own], antialias=True)
            found = tf.nn.softmax(tf.cast(logits(images), tf.float32))
            if self.spec.mirrored:
                mirrored = tf.nn.softmax(tf.cast(logits(images[:, :, ::-1]), tf.float32))
                found = (found + mirrored) / 2
            return tf.gather(_softened(found, self.spec.temperature), self._columns, axis=1)
        return forward

    def cached(self, recipe: Recipe, records: Records, wanted: Sequence[View],
               cache_dir: Path) -> list[np.ndarray]:
        """Returns float32 [N, C] for each view of the trunk cache; computes those that lack.

        They lie in a folder of their own beside the cached features, which it leaves untouched.
        """
        by_litert = (litert.worth(records.examples["train"])
                     and self.spec.framing.image_size == self._image_size)
        made_from = {**views.made_from(recipe, records), "teacher": self.weights_sha256,
                     "teacher_spec": self.spec.as_json(),
                     "runtime": litert.version() if by_litert else "tensorflow"}
        names = {view: f"{view.split}-{view.number:03d}-probabilities.npy" for view in wanted}
        with CacheFiles.opened(cache_dir, made_from) as files:
            missing = [view for view in wanted if not files.hold([names[view]])]
            print(f"teacher {self.folder} in {files.folder}: cached probabilities of "
                  f"{len(wanted) - len(missing)} of {len(wanted)} views, computing {len(missing)}",
                  flush=True)
            compute = self._compute(by_litert=by_litert) if missing else None
            for number, view in enumerate(missing, start=1):
                with files.writing([names[view]], records.examples[view.split],
                                   dtype=np.dtype(np.float32)) as add:
                    views.fill(add, compute, recipe, records, view,
                               title=f"{self.folder.name} {number}/{len(missing)}")
            return [files.array(names[view]) for view in wanted]

    def _compute(self, *, by_litert: bool) -> Callable[[tf.Tensor], list]:
        """Returns pictures -> [probabilities]."""
        if not by_litert:
            return lambda images: [self.probabilities(images)]
        forward, side = self._forward(), self._image_size
        return litert.OnEachCore(lambda images: [forward(images)], (side, side, 3))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Teachers:
    """The teachers of a training, and how their probabilities enter its targets."""
    members: tuple[Teacher, ...]
    share: float  # of the teachers in the target of a labelled picture; the label has the rest
    temperature: float  # softens each teacher's probabilities, see calibration.at_temperature

    @classmethod
    def of(cls, folders: Sequence[str], records: Records, *, share: float,
           temperature: float) -> "Teachers":
        """Raises ValueError if a teacher has other classes than the records."""
        members = [Teacher(folder, records.classes, records.framing.image_size)
                   for folder in folders]
        return cls(members=tuple(members), share=share, temperature=temperature)

    @property
    def facts(self) -> dict:
        """Describes the teachers for model.json."""
        return {"teachers": [
            {"name": packaged.name(str(teacher.folder)), "weights_sha256": teacher.weights_sha256,
             "records_fingerprint": teacher.provenance.get("records_fingerprint")}
            for teacher in self.members],
            "teacher_share": self.share, "teacher_temperature": self.temperature}

    def loaded(self) -> Callable[[tf.Tensor], tf.Tensor]:
        """Returns float32 [B, S, S, 3], RGB, 0..255 -> float32 [B, T, C], not softened."""
        functions = [teacher.probabilities for teacher in self.members]
        return lambda images: tf.stack([function(images) for function in functions], axis=1)

    def mixed(self, labelled: tf.Tensor, labels: tf.Tensor, probabilities: tf.Tensor,
              shares: tf.Tensor | None = None) -> tf.Tensor:
        """Mixes labels and teachers: (1 - share) * labelled + share * mean softened probabilities.

        Args:
            labelled: float32 [B, C], the targets of the labels alone.
            labels: int64 [B]; the target of an unlabelled picture is its teachers' alone.
            probabilities: float32 [B, T, C].
            shares: float32 [B, T], of each teacher in their mean; None for equal ones.
        """
        softened = _softened(probabilities, self.temperature)
        taught = (tf.reduce_mean(softened, axis=1) if shares is None else
                  tf.reduce_sum(shares[:, :, None] * softened, axis=1))
        share = tf.where(labels < 0, 1.0, self.share)[:, None]
        return (1.0 - share) * labelled + share * taught

    def targets(self, recipe: Recipe, records: Records, wanted: Sequence[View], *,
                places: np.ndarray | None, cache_dir: Path) -> list[np.ndarray]:
        """Returns the targets of the training pictures of a trunk cache: float32 [N, C] per view.

        Args:
            places: int [N], of the pictures in the sources of `records` together; None for all.
        """
        labels = list_split(records, "train").labels
        labelled = of_labels(labels, len(records.classes), recipe.label_smoothing)
        # source -> teacher -> view, joined to view -> float32 [N, T, C]
        found = [[teacher.cached(recipe, source, wanted, cache_dir) for teacher in self.members]
                 for source in records.sources]
        probabilities = [np.concatenate([np.stack(taught, axis=1) for taught in view])
                         for view in zip(*(zip(*source) for source in found))]
        return [self.mixed(labelled, labels, view if places is None else view[places],
                           records.teacher_shares).numpy() for view in probabilities]

    def unseen_shares(self, training: TrainingSet) -> np.ndarray:
        """Returns float32 [N, T]: equal shares of the teachers not trained on a picture's garment.

        A teacher was trained on a garment if a picture of it is, byte for byte, among its training
        pictures. Near-duplicates under other garments don't count.

        Raises ValueError if every teacher was trained on a garment, or one carries no hashes.
        """
        unseen = np.empty((len(training.listed.paths), len(self.members)), bool)
        garments = np.unique(training.listed.items.astype(bytes), return_inverse=True)[1]
        for number, teacher in enumerate(self.members):
            lineage = Lineage.of_run(teacher.folder, teacher.provenance)
            if str(teacher.folder) in lineage.unhashed:
                raise ValueError(f"--out_of_fold: {teacher.folder} carries no hashes of its "
                                 "training pictures, so that nobody knows which of these it has "
                                 "seen: train it again")
            copied = picture_hashes.copies(training.hashes["train"], lineage.train)
            unseen[:, number] = ~np.isin(garments, garments[copied])

        lost = ~unseen.any(axis=1)
        if lost.any():
            first = training.listed.paths[lost][0].decode().lstrip("\0")
            raise ValueError(f"--out_of_fold: every teacher was trained on {lost.sum():,} of "
                             f"{len(lost):,} training pictures or their garments, {first} first: "
                             "add teachers that were not, such as one of train --fold=K/N for "
                             "each K, or leave --out_of_fold out")
        return (unseen / unseen.sum(axis=1, keepdims=True)).astype(np.float32)


def _softened(probabilities: tf.Tensor, temperature: float) -> tf.Tensor:
    """Computes calibration.at_temperature in a graph, over the last axis."""
    if temperature == 1:
        return probabilities
    return tf.nn.softmax(tf.math.log(tf.maximum(probabilities, calibration.TINY)) / temperature)
