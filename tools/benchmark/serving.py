"""Loads a server on this machine and attacks it: throughput, latency, statuses, memory.

    python -m tools.benchmark.serving --pictures=data/clothing_cc0/img

starts `fashionclf serve` and prints three tables: requests a second and the latency, by the number
of clients that ask at once; the status that each hostile request got, while a client goes on asking
for good pictures; the server's memory over --endurance requests. Each answer is compared with the
one that its picture had alone. Takes about three minutes on two idle cores. The exit code is 1 if
an answer was lost or wrong, a status was not the expected one, or the server ended badly.
"""
import contextlib
import http.client
import io
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
from absl import flags
from PIL import Image

from fashionclf import cli
from fashionclf.serving.server_limits import Limits
from tools import markdown
from tools.benchmark import hostile

FLAGS = flags.FLAGS

cli.define_model_flags(batch_size=False)
cli.path_flag("pictures", None, "Folder of JPEG files that are sent (default: drawn ones of "
              "600 x 800 pixels).")
flags.DEFINE_list("clients", ["1", "2", "4", "8", "16", "32"], "Numbers of clients at once.")
flags.DEFINE_integer("requests", 160, "Requests for each number of clients.", lower_bound=1)
flags.DEFINE_integer("endurance", 10_000, "Requests while the memory is watched, by 8 clients; "
                     "0 leaves this out.", lower_bound=0)
flags.DEFINE_integer("max_batch", 8, "See serve.", lower_bound=1)

NUM_PICTURES = 64
RECEIVE_S = 3  # of the server; slow senders are attacks
ENDURING = 8  # clients


class Server(NamedTuple):
    """A server and the address that it listens on."""
    process: subprocess.Popen
    address: tuple[str, int]

    def resident_mb(self) -> float:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1000


class Load(NamedTuple):
    """What a number of requests took."""
    seconds: float
    latencies: np.ndarray  # seconds, of each request
    wrong: int  # answers that were lost, or another picture's


FAULTS: list[str] = []  # what was not as it must be


def main(_: list[str]) -> int:
    pictures = photographs(FLAGS.pictures)
    with serving() as server:
        expected = [ask_once(server.address, picture) for picture in pictures]

        print(markdown.table(["clients", "requests/s", "p50, ms", "p99, ms", "lost or wrong"],
                             load_rows(server, pictures, expected)), end="\n\n", flush=True)
        rows, good = attack_rows(server, pictures[0], expected[0])
        print(markdown.table(["attack", "status", "expected", "s"], rows))
        print(f"\nmeanwhile: {good}\n", flush=True)
        if FLAGS.endurance:
            print(markdown.table(["requests", "resident, MB", "lost or wrong"],
                                 endurance_rows(server, pictures, expected)), flush=True)

        server.process.send_signal(signal.SIGTERM)
        ended = server.process.wait(60)
        print(f"\nexit code after SIGTERM: {ended}")
    for fault in FAULTS:
        print(f"error: {fault}", file=sys.stderr)
    return int(bool(ended or FAULTS))


def photographs(folder: str | None) -> list[bytes]:
    """Returns the JPEG files that are sent: of a folder, else drawn."""
    if folder:
        files = sorted(Path(folder).rglob("*.jpg"))
        if not files:
            raise ValueError(f"--pictures={folder}: contains no .jpg")
        step = -(-len(files) // NUM_PICTURES)
        return [file.read_bytes() for file in files[::step]]

    rng, drawn = np.random.default_rng(0), []
    for _ in range(NUM_PICTURES):
        encoded = io.BytesIO()
        pixels = rng.integers(0, 256, (24, 18, 3), dtype=np.uint8)
        Image.fromarray(pixels).resize((600, 800)).save(encoded, "jpeg")
        drawn.append(encoded.getvalue())
    return drawn


@contextlib.contextmanager
def serving() -> Iterator[Server]:
    """Runs `fashionclf serve` on a free port; kills it if it runs at the end."""
    command = [sys.executable, "-m", "fashionclf.serve", f"--run={FLAGS.run}", "--port=0",
               f"--engine={FLAGS.engine}", f"--max_batch={FLAGS.max_batch}",
               f"--receive_s={RECEIVE_S}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            line = process.stdout.readline()
            port = re.search(r":(\d+)/ serves ", line)
            if not port:
                raise ValueError("the server did not start, see above")
            print(f"{line.split(' (')[0]}; {os.cpu_count()} cores\n", flush=True)
            address = ("127.0.0.1", int(port[1]))
            while not _listens(address):
                time.sleep(0.05)
            yield Server(process, address)
        finally:
            process.kill()


def _listens(address: tuple[str, int]) -> bool:
    with contextlib.suppress(ConnectionRefusedError):
        http.client.HTTPConnection(*address).connect()
        return True
    return False


def ask(connection: http.client.HTTPConnection, picture: bytes) -> dict:
    connection.request("POST", "/predict", picture, {"Content-Type": "image/jpeg"})
    answer = connection.getresponse()
    return {"status": answer.status, **json.loads(answer.read())}


def ask_once(address: tuple[str, int], picture: bytes) -> dict:
    with contextlib.closing(http.client.HTTPConnection(*address, timeout=60)) as connection:
        return ask(connection, picture)


def same(answer: dict, expected: dict) -> bool:
    """Whether an answer is that of its picture; one network on all cores rounds otherwise."""
    return answer["status"] == 200 and answer["label"] == expected["label"] and abs(
        answer["probability"] - expected["probability"]) < 1e-4


def load(server: Server, pictures: list[bytes], expected: list[dict], *, clients: int,
         requests: int) -> Load:
    """Sends pictures in turn, by several clients at once that each keep their connection."""
    numbers = iter(range(requests))
    latencies, wrong = [], []

    def client() -> None:
        connection = http.client.HTTPConnection(*server.address, timeout=60)
        for number in numbers:  # taking the next is atomic
            began, k = time.perf_counter(), number % len(pictures)
            try:
                right = same(ask(connection, pictures[k]), expected[k])
            except (OSError, http.client.HTTPException):
                right = False
                connection.close()
            latencies.append(time.perf_counter() - began)
            if not right:
                wrong.append(number)
        connection.close()

    began = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        for done in [pool.submit(client) for _ in range(clients)]:
            done.result()
    if wrong:
        FAULTS.append(f"{len(wrong)} answers with {clients} clients")
    return Load(time.perf_counter() - began, np.array(latencies), len(wrong))


def load_rows(server: Server, pictures: list[bytes], expected: list[dict]) -> Iterator[list]:
    load(server, pictures, expected, clients=8, requests=len(pictures))  # warms up
    for clients in map(int, FLAGS.clients):
        taken = load(server, pictures, expected, clients=clients, requests=FLAGS.requests)
        middle, last = 1000 * np.quantile(taken.latencies, [0.5, 0.99])
        yield [clients, f"{FLAGS.requests / taken.seconds:.1f}", f"{middle:.0f}", f"{last:.0f}",
               taken.wrong]


def attack_rows(server: Server, picture: bytes, expected: dict) -> tuple[list[list], str]:
    """Returns a row per attack, and how a good picture fared meanwhile and after."""
    limits, rows, over = Limits(), [], threading.Event()
    good: list[tuple[float, bool]] = []

    def ask_on() -> None:
        while not over.wait(0.05):
            began = time.perf_counter()
            try:
                right = same(ask_once(server.address, picture), expected)
            except OSError:
                right = False
            good.append((time.perf_counter() - began, right))

    asking = threading.Thread(target=ask_on, daemon=True)
    asking.start()
    for attack in hostile.attacks(
            picture, picture_bytes=limits.max_picture_bytes,
            request_bytes=limits.max_request_bytes, pictures=limits.max_pictures):
        began = time.perf_counter()
        status, _ = hostile.answer(server.address, attack)
        rows.append([attack.name, status, attack.status, f"{time.perf_counter() - began:.1f}"])
        if status != attack.status:
            FAULTS.append(attack.name)
    over.set()
    asking.join()

    seconds, right = zip(*good)
    if not all(right):
        FAULTS.append("good pictures during attacks")
    return rows, (f"{sum(right)} of {len(good)} good pictures were answered, the slowest in "
                  f"{max(seconds):.2f} s")


def endurance_rows(server: Server, pictures: list[bytes], expected: list[dict]) -> Iterator[list]:
    """Yields a row before and after each tenth of the requests."""
    part = -(-FLAGS.endurance // 10)
    yield [0, f"{server.resident_mb():.1f}", ""]
    for number in range(1, 11):
        taken = load(server, pictures, expected, clients=ENDURING, requests=part)
        yield [f"{number * part:,}", f"{server.resident_mb():.1f}", taken.wrong]


if __name__ == "__main__":
    cli.run(main)
