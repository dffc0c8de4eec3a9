"""The contenders: the command of each, the marks of its stages, and its scores."""
import dataclasses
import json
import shutil
import subprocess
import sys
from pathlib import Path

from fashionclf.records import manifests
from fashionclf.system import files
from tools.benchmark import folders, machine, timed
from tools.benchmark.job import Job

NAMES = ("fashionclf", "fashionclf_uncached", "keras", "pytorch")
OURS = ("fashionclf", "fashionclf_uncached")
STAGES = ("head", "fine-tune", "test")
TORCH_CURE = "pip install 'fashionclf[benchmark]' (in a checkout: pip install -e '.[benchmark]')"
# glibc returns each large tensor to the system and asks for it again: on two CPU cores PyTorch
# spent a quarter of its CPU time on that. Its tuning guide advises an allocator that keeps them.
ALLOCATOR = {"MALLOC_MMAP_THRESHOLD_": "4000000000", "MALLOC_TRIM_THRESHOLD_": "20000000000"}

# In a process of its own: TensorFlow and PyTorch together end it with a segmentation fault.
CONVERT = ("import sys, pathlib; from tools.benchmark import trunk_arrays; trunk_arrays.write("
           "sys.argv[1], pathlib.Path(sys.argv[2]), image_size=int(sys.argv[3]))")


@dataclasses.dataclass(frozen=True)
class Round:
    """The input of all contenders in a round.

    Attributes:
        number: from 0; the seed too.
        records: folder of build_tfrecords.
        weights: .weights.h5 file of the trunk, or "none".
        output: the benchmark's folder.
        recipe: a name for `job` where a contender has several in a round.
    """
    number: int
    records: Path
    weights: str
    output: Path
    job: Job
    recipe: str = ""

    def stem(self, contender: str) -> str:
        """Returns the start of the names of a contender's files."""
        return "_".join(filter(None, [contender, self.recipe, str(self.number)]))


def chosen(names: list[str], among: tuple[str, ...] = NAMES, *,
           flag: str = "--contenders") -> list[str]:
    """Returns the contenders to run; without names all that are installed, with a note on others.

    Args:
        flag: that gave the names.

    Raises:
        ValueError: a name isn't known, or can't run here.
    """
    unknown = sorted(set(names) - set(among))
    if unknown:
        raise ValueError(f"{flag}: {unknown[0]!r} is none of {', '.join(among)}")

    without = f"PyTorch is not installed: {TORCH_CURE}"
    if machine.installed("torch") and machine.installed("torchvision"):
        return names or list(among)
    if "pytorch" in names:
        raise ValueError(f"{flag}: cannot run pytorch: {without}")
    if names:
        return names
    print(f"left out: pytorch, as {without}", flush=True)
    return [name for name in among if name != "pytorch"]


def run(name: str, this: Round) -> dict:
    """Runs a contender from start to exit in a process of its own.

    Returns:
        contender, round, seconds (see timed.run), accuracy and macro_f1 of the test split.
    """
    logs = this.output / "logs"
    logs.mkdir(exist_ok=True)

    command, marks, scores = _ours(name, this) if name in OURS else _plain(name, this)
    seconds = timed.run([sys.executable, "-m", *command], marks=marks,
                        log=logs / f"{this.stem(name)}.log",
                        environment=ALLOCATOR if name == "pytorch" else {})
    return {"contender": name, "round": this.number, "seconds": seconds, **scores()}


def fingerprints(folders: list[Path]) -> str:
    """Returns what tells these records from others, wherever they lie."""
    return ", ".join(manifests.read(folder)["fingerprint"][:12] for folder in folders)


def digest(weights: str) -> str:
    """Returns the start of the sha256 of a weights file.

    Raises:
        FileNotFoundError: there is no such file.
    """
    if weights == "none":
        return weights
    if not Path(weights).is_file():
        raise FileNotFoundError(f"--weights={weights}: no such file; it takes a .weights.h5 of "
                                "EfficientNetB0(include_top=False), or none")
    return files.sha256(Path(weights))[:12]


def _job_flags(this: Round) -> list[str]:
    """Returns the flags that all contenders take."""
    job = this.job
    return [f"--seed={this.number}", f"--head_epochs={job.head_epochs}",
            f"--fine_tune_epochs={job.fine_tune_epochs}", f"--image_size={job.image_size}",
            f"--batch_size={job.batch_size}"]


def _ours(name: str, this: Round):
    # What an interrupted run left would save time, and so would its cache.
    run_dir, job = this.output / "runs" / this.stem(name), this.job
    cache = run_dir.with_name(run_dir.name + "_cache")
    for folder in (run_dir, cache):
        shutil.rmtree(folder, ignore_errors=True)

    views = job.cache_views if name == "fashionclf" else 0
    command = ["fashionclf.train", "--flagfile=configs/slides_model2.cfg",
               f"--records={this.records}", f"--weights={this.weights}", f"--run={run_dir}",
               f"--cache_views={views}", f"--cache_dir={cache}", *_job_flags(this)]
    head, fine_tune = job.head_epochs, job.fine_tune_epochs
    marks = {"head": r"head 1/|trunk cache", "fine-tune": rf"head {head}/{head}: loss",
             "test": rf"fine_tune {fine_tune}/{fine_tune}: loss"}

    def scores() -> dict:
        found = json.loads((run_dir / "report" / "metrics.json").read_text())
        return {"accuracy": found["top1"], "macro_f1": found["macro_f1"]}

    return command, marks, scores


def _plain(name: str, this: Round):
    pictures = folders.export(this.records, this.output / f"pictures_{this.number}")
    result = this.output / "runs" / f"{this.stem(name)}.json"
    result.parent.mkdir(exist_ok=True)

    recipe, weights = (("keras_recipe", this.weights) if name == "keras"
                       else ("torch_recipe", _arrays(this)))
    command = [f"tools.benchmark.{recipe}", f"--weights={weights}", f"--pictures={pictures}",
               f"--result={result}", *_job_flags(this)]
    marks = {stage: f"== {stage}" for stage in STAGES}
    return command, marks, lambda: json.loads(result.read_text())


def _arrays(this: Round) -> Path:
    """Converts once, outside the clock: PyTorch users have weights in their own format."""
    file = this.output / "trunk.npz"
    if not file.is_file():
        subprocess.run([sys.executable, "-c", CONVERT, this.weights, str(file),
                        str(this.job.image_size)], check=True)
    return file
