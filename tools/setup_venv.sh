# Sourced by quickstart.sh and test.sh, from the repository root: makes .venv if there is
# none, installs this project into it with the extras that are wanted (again when its
# requirements changed), and puts it first in PATH.

DEV_EXTRAS='[dev,docs,excel,heic,parquet,search,serve]'

die() {
    echo "error: $*" >&2
    exit 1
}

# Prints the comment that a script begins with, below its first line.
opening_comment() {
    sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$1"
}

find_python() {
    local candidate
    for candidate in python3.11 python3.12 python3.13 python3; do
        # Run it: a pyenv shim may be in PATH without a Python behind it.
        if "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' \
                2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    die "no Python 3.11, 3.12 or 3.13 in PATH (python3 is $(python3 --version 2>/dev/null || echo missing));" \
        "install one, for example with 'apt install python3.11 python3.11-venv'" \
        "or 'pyenv install 3.11'"
}

# Takes the extras to install, such as '[dev]'; '' is the package alone.
setup_venv() {
    local extras=$1 python stamp
    if [ ! -x .venv/bin/pip ]; then
        python=$(find_python)
        echo "== Making .venv with $("$python" --version)"
        "$python" -m venv .venv ||
            die "'$python -m venv .venv' failed; on Debian and Ubuntu it needs the package" \
                "$(basename "$python")-venv"
    fi
    # A stamp has a line for each set of extras installed; '' is part of every line.
    stamp=".venv/.installed-$(cat setup.cfg pyproject.toml | cksum | cut -d ' ' -f 1)"
    if ! grep -qsF -- "$extras" "$stamp"; then
        echo "== Installing fashionclf$extras and what it needs into .venv (the first time: minutes)"
        .venv/bin/pip install --quiet --disable-pip-version-check --editable ".$extras" ||
            die "installation failed, see above; it needs only a package registry:" \
                "check the network, or pip's settings with '.venv/bin/pip config list'"
        echo "$extras" >> "$stamp"
    fi
    export PATH="$PWD/.venv/bin:$PATH"
    export TF_CPP_MIN_LOG_LEVEL=2  # TensorFlow's start-up notes would bury our own output
}
