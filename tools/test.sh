#!/usr/bin/env bash
# Checks everything: linter, order of imports, all tests, on all cores (as most of a slow test is
# the start of its programs). What follows goes to pytest:
#
#     bash tools/test.sh                 all, as CI runs them
#     bash tools/test.sh -m 'not slow'   about two minutes
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source tools/setup_venv.sh
setup_venv

echo "== flake8"
flake8 fashionclf tools tests
echo "== isort"
isort --check-only --quiet fashionclf tools tests || die "imports are out of order; run 'isort .'"
echo "== pytest"
python -m pytest --numprocesses=auto --maxprocesses=4 --dist=loadfile "$@"
