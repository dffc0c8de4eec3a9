"""What imagededup finds among the copies that tools.benchmark.duplicates has planted.

    python3 -m venv data/imagededup && data/imagededup/bin/pip install imagededup
    data/imagededup/bin/python tools/benchmark/imagededup_copies.py data/planted/planted.json

runs its PHash with its default threshold (10 of 64 bits) in an environment of its own, and prints
the same shares. Its CNN downloads weights: add `cnn` where there is a network (default: a cosine of
0.9).
"""
import json
import sys

import numpy as np
from imagededup.methods import CNN, PHash


def main(file: str, method: str = "phash") -> None:
    with open(file, encoding="utf-8") as stream:
        planted = json.load(stream)
    finder = CNN() if method == "cnn" else PHash(verbose=False)
    originals = encoded(finder, planted["files"])

    print("| copy | found | joined with others |\n|---|---|---|")
    for name, paths in planted["copies"].items():
        copies = encoded(finder, paths)
        duplicates = finder.find_duplicates(encoding_map=originals | copies)
        own = [planted["files"][number] for number in planted["chosen"]]
        found = np.mean([original in duplicates[copy] for original, copy in zip(own, paths)])
        # A pair of two copies is named by both
        others = sum((other not in copies or other > copy) and other != original
                     for original, copy in zip(own, paths) for other in duplicates[copy])
        print(f"| {name} | {found:.1%} | {others} |", flush=True)
    pairs = finder.find_duplicates(encoding_map=originals)
    print(f"\n{sum(map(len, pairs.values())) // 2:,} pairs of originals are joined")


def encoded(finder, paths: list[str]) -> dict:
    """Returns path -> hash or features."""
    return {path: finder.encode_image(image_file=path) for path in paths}


if __name__ == "__main__":
    main(*sys.argv[1:])
