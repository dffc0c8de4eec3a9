#!/usr/bin/env bash
# Checks everything: linter, order of imports, all tests. What follows goes to pytest:
#
#     bash tools/test.sh                          up to half an hour on two CPU cores
#     bash tools/test.sh -m 'not slow'            about two minutes
#     bash tools/test.sh -n 2 --dist=loadfile     two files of tests at a time
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source tools/setup_venv.sh
setup_venv

echo "== flake8"
flake8 fashionclf tools tests
echo "== isort"
isort --check-only --quiet fashionclf tools tests || die "imports are out of order; run 'isort .'"
echo "== pytest"
python -m pytest "$@"
