#!/usr/bin/env bash
# Make .venv from the lock, and fetch the browser bundle that makes pages fast. Usage: setup.sh PYTHON run|test
set -euo pipefail
cd "$(dirname "$0")/.."
python=$1 purpose=$2
if [ "$purpose" = test ]; then lock=requirements-dev.lock npm_flags=(); else lock=requirements.lock npm_flags=(--omit=dev); fi
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    { echo "Python 3.11 or newer is needed; \`$python\` is older. Try: make PYTHON=python3.12 $purpose" >&2; exit 1; }
[ -x .venv/bin/python ] || "$python" -m venv .venv ||
    { echo "Could not make a virtual environment. On Debian: apt-get install python3-venv" >&2; exit 1; }
# uv, itself from the lock, installs the rest in a tenth of pip's time; where it cannot, pip does
uv=$(mktemp) && trap 'rm -f "$uv"' EXIT
awk '/^uv==/ { keep = 1 } /^[^ ]/ && !/^uv==/ { keep = 0 } keep' requirements-dev.lock >"$uv"
pip=(.venv/bin/python -m pip --disable-pip-version-check)
"${pip[@]}" install --quiet --require-hashes --no-deps -r "$uv" &&
    .venv/bin/uv pip install --quiet --python .venv/bin/python --require-hashes --no-deps -r "$lock" ||
    "${pip[@]}" install --quiet --require-hashes --no-deps -r "$lock"
"${pip[@]}" install --quiet --no-deps --no-build-isolation -e .
if command -v npm >/dev/null; then
    npm ci "${npm_flags[@]}" --silent --no-audit --no-fund --ignore-scripts ||
        echo "npm failed: pages will use Dash's own, larger bundle" >&2
    .venv/bin/python scripts/assets.py
else
    echo "npm is missing: pages will use Dash's own, larger bundle" >&2
fi
