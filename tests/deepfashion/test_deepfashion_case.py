"""What TFDS asks of every builder, by its own test case."""
import shutil
import tempfile
from pathlib import Path

import pytest
import tensorflow_datasets as tfds

from fashionclf import deepfashion
from tests.helpers.deepfashion_tree import SPLITS, lay

pytest.importorskip("dill", reason="tfds.testing needs it: pip install 'fashionclf[dev]'")


class TestOfTfds(tfds.testing.DatasetBuilderTestCase):
    """Registered, with valid tags; shapes, types, counts; no example in two splits."""
    DATASET_CLASS = deepfashion.Builder
    SPLITS = SPLITS

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.EXAMPLE_DIR = lay(Path(tempfile.mkdtemp()))

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.EXAMPLE_DIR)
        super().tearDownClass()
