"""Runs tools.fault_drill on programs that are forks, of which each saves 5 seconds of CPU.

    FORKS=3 python -m tests.helpers.forked_drill --kills=6

FORKS is the open file of the channel to tests/helpers/forking.py.
"""
from fashionclf import cli
from tests.helpers.programs import ROOT, Program, succeed
from tools import fault_drill


def run(module: str, *words: str) -> None:
    succeed(module, *words, timeout=fault_drill.LIMIT)


def start(module: str, *words: str) -> Program:
    return Program(module, list(words), ROOT, None)


def kill(victim: Program) -> None:
    victim.kill()
    victim.wait(fault_drill.LIMIT)
    victim.close()


if __name__ == "__main__":
    fault_drill.run, fault_drill.start, fault_drill.kill = run, start, kill
    cli.run(fault_drill.main)
