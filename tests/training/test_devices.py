"""Several devices train to what one trains to: each picture draws its own augmentation."""
import contextlib
import json
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from fashionclf.model import weights
from tests.helpers.checks import assert_same, succeed
from tests.helpers.programs import Program, begin, wait_until
from tests.helpers.tiny import make_records, make_spec, save_run

SMALL = ["--architecture=baseline_cnn", "--weights=none", "--image_size=32", "--batch_size=12",
         "--head_epochs=2", "--fine_tune_epochs=2", "--ema_momentum=0.9", "--beta_2=0.999",
         "--mixup=0"]  # which mixes the pictures of one replica


@pytest.mark.slow
def test_two_mirrored_devices_train_to_the_weights_of_one(tmp_path):
    records, trained = make_records(tmp_path, per_class={"train": 8, "validation": 2}), []
    teacher = save_run(tmp_path / "teacher", make_spec()).folder
    for devices in (1, 2):
        run = tmp_path / str(devices)
        run.mkdir()
        succeed("tests.helpers.train_on_devices", records, run, devices, teacher)
        with np.load(run / "weights.npz") as arrays:
            trained.append(list(arrays.values()))
    assert_same(*trained, atol=1e-5)


@contextlib.contextmanager
def workers(count: int, records: Path, run: Path, *more: str) -> Iterator[list[Program]]:
    """Runs `python -m fashionclf.train` once for each worker; the first is the chief."""
    ports = []
    for _ in range(count):
        with socket.socket() as probe:
            probe.bind(("localhost", 0))
            ports.append(probe.getsockname()[1])
    cluster = {"worker": [f"localhost:{port}" for port in ports]}
    command = ["fashionclf.train", f"--records={records}", f"--run={run}",
               "--strategy=multi_worker", *SMALL, *more]
    configs = [json.dumps({"cluster": cluster, "task": {"type": "worker", "index": index}})
               for index in range(count)]
    with contextlib.ExitStack() as begun:
        yield [begun.enter_context(begin(*command, env={"TF_CONFIG": config}))
               for config in configs]


def train_with_workers(count: int, records: Path, run: Path, *more: str) -> None:
    with workers(count, records, run, *more) as begun:
        for worker in begun:
            assert worker.wait(timeout=300) == 0, worker.outputs()


def train_alone(records: Path, run: Path, *more: str) -> None:
    succeed("fashionclf.train", f"--records={records}", f"--run={run}", *SMALL, *more)


def assert_same_weights(one: Path, other: Path) -> None:
    assert_same(*(weights.load(run).network.get_weights() for run in (one, other)), atol=1e-5)


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """Records, and the run of one process on them."""
    folder = tmp_path_factory.mktemp("alone")
    records = make_records(folder, per_class={"train": 16, "validation": 2, "test": 4})
    train_alone(records, folder / "run")
    return records, folder / "run"


@pytest.mark.slow
def test_three_workers_train_to_the_weights_and_metrics_of_one(tmp_path, alone):
    records, one = alone
    train_with_workers(3, records, tmp_path / "run")
    assert_same_weights(one, tmp_path / "run")
    expected, found = (json.loads((run / "report/metrics.json").read_text())
                       for run in (one, tmp_path / "run"))
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name] == close_to(value), name


def close_to(value):
    """What equals a value of a JSON file up to rounding errors."""
    if isinstance(value, dict):
        return {name: close_to(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return list(map(close_to, value))
    return pytest.approx(value, abs=1e-5) if isinstance(value, float) else value


@pytest.mark.slow
def test_the_death_of_a_worker_stops_the_others_and_all_together_go_on(tmp_path, alone):
    records, one = alone
    run = tmp_path / "run"
    with workers(2, records, run, "--checkpoint_every_steps=1") as (chief, other):
        wait_until(lambda: list(run.glob("checkpoints/fine_tune/*.index")), chief)
        other.kill()
        outputs = chief.communicate(timeout=120)
        assert chief.returncode == 1 and "another worker" in "".join(outputs), outputs
    train_with_workers(2, records, run, "--checkpoint_every_steps=1")
    assert_same_weights(one, run)


@pytest.mark.slow
def test_two_workers_train_on_one_trunk_cache_to_the_weights_of_one(tmp_path, alone):
    records, _ = alone
    flags = ["--architecture=efficientnet_b0", "--cache_views=2", "--warmup_steps=1",
             "--head=solved", "--unfreeze_from=block7a"]
    train_alone(records, tmp_path / "one", *flags)
    shutil.rmtree(f"{records}.trunk_cache")
    train_with_workers(2, records, tmp_path / "run", *flags)
    assert len(list(Path(f"{records}.trunk_cache").iterdir())) == 1
    assert_same_weights(tmp_path / "one", tmp_path / "run")
