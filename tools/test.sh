#!/usr/bin/env bash
# Checks everything: linter, order of imports, all tests, two at a time. Arguments go to
# pytest:
#
#     bash tools/test.sh                    11 to 19 minutes on two CPU cores
#     bash tools/test.sh -m 'not slow'      about a minute
#     bash tools/test.sh -m drill           the full drills and studies, left out of the others
#     bash tools/test.sh -n 0               one after the other
#
# The first call installs fashionclf and the developers' tools into .venv (3.1 GB), from a
# package registry.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source tools/setup_venv.sh
case "${1-}" in
    -h | --help) opening_comment tools/test.sh; exit ;;
esac
setup_venv "$DEV_EXTRAS"

echo "== flake8"
flake8 fashionclf tools tests
echo "== isort"
isort --check-only --quiet fashionclf tools tests || die "imports are out of order; run 'isort .'"
echo "== pytest"
python -m pytest --numprocesses=2 --dist=worksteal "$@"
