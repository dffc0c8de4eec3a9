"""A program's first lines are its own: TensorFlow's about absent GPUs are dropped, no other is."""
import os
import pty
import subprocess
import sys

import pytest

from fashionclf.system import quiet
from tests.helpers.programs import ROOT, start

START = (b"WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\n"
         b"I0000 00:00:17 304 port.cc:153] oneDNN custom operations are on. You may see slightly\n"
         b"I0000 00:00:17 304 cudart_stub.cc:31] Could not find cuda drivers on your machine, GPU "
         b"will not be used.\n"
         b"E0000 00:00:17 304 cuda_platform.cc:52] failed call to cuInit: INTERNAL: CUDA error: "
         b"Failed call to cuInit: UNKNOWN ERROR (303)\n")
OTHERS = (b"E0000 00:00:17 304 cuda_executor.cc:1] out of memory\n\xff not UTF-8\n\n"
          b"a line that says failed call to cuInit: is not one of TensorFlow's\n"
          b"the last line has no end")


def python(code, tmp_path, **options):
    """Runs `code`, which has `os`, `quiet` and `START` + `OTHERS` as `lines`; standard error."""
    begin = f"import os, sys\nfrom fashionclf.system import quiet\nlines = {START + OTHERS!r}\n"
    environment = dict(os.environ)
    environment.pop("TF_CPP_MIN_LOG_LEVEL", None)
    with open(tmp_path / "stderr", "wb") as stderr:
        subprocess.run([sys.executable, "-c", begin + code], cwd=ROOT, timeout=120,
                       env=environment, **{"stderr": stderr, **options})
    return (tmp_path / "stderr").read_bytes()


@pytest.fixture
def no_device():
    if any(path for pattern in quiet.NVIDIA for path in quiet.glob.glob(pattern)):
        pytest.skip("this machine has an NVIDIA device, where nothing is held back")


@pytest.mark.slow
def test_tensorflow_starts_and_computes_in_silence(tmp_path, no_device):
    code = ("with quiet.tensorflow_start():\n    import tensorflow as tf\n"
            "assert int(tf.constant(1) + 1) == 2")
    assert python(code, tmp_path) == b""


@pytest.mark.slow
def test_the_workers_of_a_build_start_in_silence(tmp_path, no_device):
    (tmp_path / "program.py").write_text(
        "import sys\nimport pandas as pd\nfrom fashionclf.system import workers\n"
        "def work(part):\n"
        "    loaded = 'fashionclf.records.shards' in sys.modules\n"
        "    import tensorflow as tf\n"
        "    return [loaded, int(tf.constant(1) + 1)]\n"
        "if __name__ == '__main__':\n"
        "    run = workers.processes(2, preload=['fashionclf.records.preload'])\n"
        "    print(run(work, [pd.DataFrame({'a': [1]})] * 4, desc='counting'))\n")
    done = start("program", cwd=tmp_path, env={"TF_CPP_MIN_LOG_LEVEL": "2"}, fresh=True)
    assert (done.stdout, done.stderr) == (f"{[[True, 2]] * 4}\n", "")


def test_lines_that_are_not_known_come_out_unchanged(tmp_path, no_device):
    code = "with quiet.tensorflow_start():\n    os.write(2, lines)"
    assert python(code, tmp_path) == OTHERS


def test_they_come_out_before_the_traceback_of_a_block_that_raises(tmp_path, no_device):
    code = ("with quiet.tensorflow_start():\n    os.write(2, lines + b'\\n')\n"
            "    print('and Python', file=sys.stderr)\n    1 / 0")
    shown = python(code, tmp_path)
    assert shown.startswith(OTHERS + b"\nand Python\nTraceback")
    assert b"ZeroDivisionError" in shown


def test_standard_error_is_itself_again_after_the_block(tmp_path, no_device):
    code = ("with quiet.tensorflow_start():\n    pass\n"
            "os.write(2, lines[:10]); print('more', file=sys.stderr)")
    assert python(code, tmp_path) == START[:10] + b"more\n"


@pytest.mark.parametrize("before", [
    "quiet.NVIDIA = ['/dev/nul?']", "os.environ['TF_CPP_MIN_LOG_LEVEL'] = '0'"],
    ids=["a device", "asked for"])
def test_nothing_is_held_back_where_there_is_a_device_or_all_is_asked_for(tmp_path, before):
    code = f"{before}\nwith quiet.tensorflow_start():\n    os.write(2, lines); os._exit(0)"
    assert python(code, tmp_path) == START + OTHERS


@pytest.mark.parametrize("opened, line_end", [(os.pipe, b"\n"), (pty.openpty, b"\r\n")],
                         ids=["pipe", "terminal"])
def test_it_works_on_a_pipe_and_on_a_terminal(tmp_path, no_device, opened, line_end):
    out, stderr = opened()
    python("with quiet.tensorflow_start():\n    os.write(2, lines)", tmp_path, stderr=stderr)
    os.close(stderr)
    assert os.read(out, 4096) == OTHERS.replace(b"\n", line_end)
    os.close(out)


def test_it_works_where_standard_error_is_closed():
    code = ("from fashionclf.system import quiet\n"
            "with quiet.tensorflow_start():\n    pass\nprint('done')")
    done = subprocess.run(["bash", "-c", '"$0" -c "$1" 2>&-', sys.executable, code], cwd=ROOT,
                          check=True, timeout=60, stdout=subprocess.PIPE)
    assert done.stdout == b"done\n"
