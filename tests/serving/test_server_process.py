"""`fashionclf serve` as a process: how it starts, what it refuses to start, and how it stops."""
import configparser
import dataclasses
import re
import signal
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from fashionclf.serving.server_limits import Limits
from tests.helpers.programs import ROOT, begin, start, start_code, wait_until
from tests.helpers.serving import Client, drawn
from tests.helpers.tiny import make_spec, save_run

pytest.importorskip("fastapi", reason="needs pip install 'fashionclf[serve]'")

TOKEN = "0123456789abcdef"
REQUIREMENTS = ROOT / "docker/requirements.txt"
RED = drawn((200, 30, 20))


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    return save_run(tmp_path_factory.mktemp("served") / "run", make_spec()).folder


def ready(server) -> Client:
    """Waits until a server answers at the address that it prints."""
    wait_until(lambda: "Ctrl-C" in server.outputs()[0], server)
    line = server.outputs()[0]
    port = re.match(r"http://(?:127\.0\.0\.1|0\.0\.0\.0):(\d+)/ serves \S+ by tensorflow ", line)
    client = Client(("127.0.0.1", int(port[1])))
    wait_until(lambda: _answers(client), server)
    return client


def _answers(client: Client) -> bool:
    try:
        return client.ask("/healthz")[0] == 200
    except ConnectionError:
        return False


@pytest.mark.slow
def test_a_stop_answers_what_is_in_flight_and_takes_no_more(run_dir):
    with begin("fashionclf.serve", f"--run={run_dir}", "--port=0") as server:
        client = ready(server)
        with socket.create_connection(client.address) as connection:
            connection.sendall(b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
                               % len(RED) + RED[:5])
            wait_until(lambda: "in_flight 2.0" in client.ask("/metrics")[1], server)
            server.send_signal(signal.SIGTERM)
            wait_until(lambda: not _answers(client), server)
            connection.sendall(RED[5:])
            assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
        assert server.wait(30) == 0
        assert server.outputs()[1] == ""


@pytest.mark.slow
def test_after_the_grace_it_ends_and_a_second_signal_ends_it_at_once(run_dir):
    for signals, grace, code, answer in [
            ([signal.SIGINT], 1, 0, b"HTTP/1.1 503 "),
            ([signal.SIGTERM, signal.SIGTERM], 100, -signal.SIGTERM, b"")]:
        with begin("fashionclf.serve", f"--run={run_dir}", "--port=0",
                   f"--grace_s={grace}") as server:
            client = ready(server)
            with socket.create_connection(client.address) as connection:
                connection.sendall(b"POST /predict HTTP/1.1\r\nHost: x\r\n"
                                   b"Content-Length: 9\r\n\r\n")
                wait_until(lambda: "in_flight 2.0" in client.ask("/metrics")[1], server)
                for number in signals:
                    server.send_signal(number)
                    threading.Event().wait(0.5)
                assert server.wait(30) == code
                assert connection.recv(13) == answer


@pytest.mark.slow
def test_others_need_the_token_of_a_file_and_the_log_has_their_requests(run_dir, tmp_path):
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    with begin("fashionclf.serve", f"--run={run_dir}", "--port=0", "--host=0.0.0.0",
               f"--token_file={tmp_path / 'token'}", "--access_log") as server:
        client = ready(server)
        assert client.ask("/predict", RED)[0] == 401
        with ThreadPoolExecutor(8) as pool:
            answers = pool.map(lambda _: client.ask("/predict", RED, authorization=f"Bearer {TOKEN}"
                                                    ), range(40))
            assert {status for status, *_ in answers} == {200}
        server.send_signal(signal.SIGTERM)
        assert server.wait(30) == 0
        lines = server.outputs()[0].splitlines()
        assert sum('"POST /predict HTTP/1.1" 200' in line for line in lines) == 40
        assert TOKEN not in "".join(server.outputs())


@pytest.mark.slow
@pytest.mark.parametrize("words, variable, error", [
    (["--host=0.0.0.0"], "", "--host=0.0.0.0 opens the server to others, who then need a token"),
    (["--host=::"], "", "'openssl rand -hex 32' makes one"),
    (["--host=0.0.0.0"], "short", "FASHIONCLF_TOKEN: a token has at least 16 ASCII characters"),
    (["--host=127.0.0.1"], "with a blank inside it", "and no blank"),
    (["--token_file=absent"], "", "No such file or directory: 'absent'"),
    (["--host=192.0.2.1"], TOKEN, "--host=192.0.2.1 --port=8000: cannot assign requested address"),
    (["--max_connections=99999999"], "", "'ulimit -n' allows "),
    (["--max_waiting=3"], "", "--max_waiting=3 is less than --max_pictures=64")])
def test_what_cannot_be_served_is_one_line(words, variable, error):
    done = start("fashionclf.serve", *words, env={"FASHIONCLF_TOKEN": variable})
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
    assert error in done.stderr


@pytest.mark.slow
def test_a_taken_port_is_named():
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = start("fashionclf.serve", f"--port={port}")
    assert (done.returncode, done.stderr) == (1, f"error: --host=127.0.0.1 --port={port}: address "
                                              "already in use; choose another\n")


def test_the_documented_limits_are_the_defaults():
    rows = re.findall(r"^\| `--(\w+)` \| ([\d,]+) \|", (ROOT / "docs/serve.md").read_text(),
                      re.MULTILINE)
    assert {name: float(value.replace(",", "")) for name, value in rows} == dataclasses.asdict(
        Limits())


def test_the_requirements_of_the_image_have_the_bounds_of_setup_cfg():
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    known = setup["options"]["install_requires"].split("\n")[1:]
    extra = setup["options.extras_require"]["serve"].split("\n")[1:]
    lines = [line for line in REQUIREMENTS.read_text().splitlines() if line[0] != "#"]
    assert lines == sorted(lines) and set(lines) <= {*known, *extra} and set(extra) <= set(lines)


@pytest.mark.slow
def test_serving_an_export_imports_nothing_that_the_image_lacks(tmp_path):
    if not (ROOT / "saved_models/fashion_b0/exports/model.tflite").is_file():
        pytest.skip("needs the released model's export")
    lines = [line for line in REQUIREMENTS.read_text().splitlines() if line[0] != "#"]
    code = """if True:
        import importlib.metadata as metadata, re, sys
        from packaging.requirements import Requirement

        def closure(names):
            found, left = set(), list(names)
            while left:
                name = re.sub("[-_.]+", "-", left.pop()).lower()
                if name in found:
                    continue
                found.add(name)
                for line in metadata.requires(name) or []:
                    wanted = Requirement(line)
                    if wanted.marker is None or wanted.marker.evaluate({"extra": ""}):
                        left.append(wanted.name)
            return found

        allowed = closure(sys.argv[1:]) | {"fashionclf", "setuptools"}
        owners = metadata.packages_distributions()
        lacking = {module for module, names in owners.items()
                   if not allowed & {re.sub("[-_.]+", "-", name).lower() for name in names}}
        assert {"tensorflow", "keras", "pandas", "h5py"} <= lacking

        class Lacking:
            def find_spec(self, name, path=None, target=None):
                if name.partition(".")[0] in lacking:
                    raise ModuleNotFoundError(name, name=name)
        sys.meta_path.insert(0, Lacking())

        from fashionclf import serve
        from fashionclf.deployment import engines
        from fashionclf.serving import server, server_app
        from fashionclf.serving.server_limits import Limits
        engine = engines.load("saved_models/fashion_b0")
        server_app.build(engine, Limits(), model="x")
        print(engine.name)"""
    done = start_code(code, *(re.match(r"[\w-]+", line)[0] for line in lines))
    assert (done.returncode, done.stdout.splitlines()[-1:]) == (0, ["litert"]), done.stderr


@pytest.mark.slow
def test_the_load_test_loses_nothing_and_finds_each_status_as_it_must_be(run_dir):
    done = start("tools.benchmark.serving", f"--run={run_dir}", "--clients=1,4", "--requests=20",
                 "--endurance=20", fresh=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    rows = re.findall(r"^\| (.+) \|$", done.stdout, re.MULTILINE)
    assert [row.split(" | ")[0] for row in rows[1:3]] == ["1", "4"]
    assert "exit code after SIGTERM: 0" in done.stdout
