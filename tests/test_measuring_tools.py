"""The tools behind the README's figures do what they say, on a few small numbers."""
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def said(code):
    """What code prints in a process of its own: two tools' flags don't go into one."""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, text=True, capture_output=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_table_of_leakage_says_by_how_much_a_random_split_flatters():
    shown = said("""if True:
        import pandas as pd
        from tools import measure_leakage
        rows = [("stratified", 0, 0.9, 0.8), ("grouped", 0, 0.7, 0.5),
                ("stratified", 1, 0.8, 0.8), ("grouped", 1, 0.8, 0.7)]
        print(measure_leakage.table(pd.DataFrame(
            rows, columns=["split", "seed", "accuracy", "macro F1"])))""")
    assert "| grouped | 1 | 0.800 | 0.700 |" in shown
    assert ("accuracy: stratified 0.850, grouped 0.750; flattered by 0.100 "
            "(standard error 0.100 over 2 seeds)") in shown


def test_look_alikes_are_counted_among_all_pairs_and_shown():
    shown = said("""if True:
        import numpy as np
        from tools import measure_look_alikes as tool
        looks = np.array(["0" * 64, "f" * 64, "0" * 63 + "1", "0" * 62 + "ff"])
        print(tool.copies_table([("grey", np.array([0, 2, 30, 40]))], 32))
        print(tool.pairs_text(["a", "b", "c", "d"], looks, 7))""")
    assert "| grey | 16 | 38 | 40 | 75.0% |" in shown
    assert "2 of 6 pairs of pictures are within 7 bits" in shown
    assert "the nearest pair is 1 bits apart" in shown
    assert shown.splitlines()[-2:] == ["    1 a c", "    7 c d"]
