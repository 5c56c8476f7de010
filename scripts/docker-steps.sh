#!/usr/bin/env bash
# The Dockerfile's steps in a clean folder, as an ordinary user where possible: what the image would hold, it serves.
# Usage: scripts/docker-steps.sh [PORT]
set -euo pipefail
source=$(cd "$(dirname "$0")/.." && pwd)
port=${1:-8059}
work=$(mktemp -d)
trap 'kill "${server:-}" 2>/dev/null || true; rm -rf "$work"' EXIT
cd "$work"
# only what .dockerignore lets into the image
mkdir app && cd app
for part in etl dashboard pyproject.toml README.md requirements.lock package.json package-lock.json .npmrc; do
    cp -r "$source/$part" .
done
mkdir -p scripts data && cp "$source/scripts/assets.py" scripts/ && cp -r "$source/data/templates" data/ 2>/dev/null || true
rm -rf dashboard/assets/vendor && find . -name __pycache__ -prune -exec rm -rf {} +
npm ci --omit=dev --ignore-scripts --no-audit --no-fund --silent
python3 -m venv "$work/python"
"$work/python/bin/pip" install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements.lock
"$work/python/bin/python" scripts/assets.py && rm -rf node_modules
"$work/python/bin/pip" install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
as=(env)
mkdir "$work/home"
if [ "$(id -u)" = 0 ]; then
    chmod 755 "$work"
    if runuser -u nobody -- "$work/python/bin/python" -c "" 2>/dev/null; then
        chown nobody "$work/home"
        as=(runuser -u nobody -- env)
    else
        echo "Only root may run this machine's Python: the steps run as root, which the image does not." >&2
    fi
fi
run=("${as[@]}" ICB_HOME="$work/home" ICB_INBOX_SETTLE_SECONDS=0 PATH="$work/python/bin:$PATH")
"${run[@]}" icb-etl demo --calls recent
# the demo has files that must be refused: then the night ends with 2
{ "${run[@]}" icb-etl nightly 2>/dev/null || [ $? = 2 ]; } | tail -1
"${run[@]}" icb-dashboard serve --host 127.0.0.1 --port "$port" >"$work/serve.log" 2>&1 &
server=$!
for _ in $(seq 60); do
    if python3 -c "import urllib.request as u; u.urlopen('http://127.0.0.1:$port/healthz', timeout=2)" 2>/dev/null; then
        echo "The steps of the Dockerfile work: served on port $port."
        exit 0
    fi
    sleep 1
done
cat "$work/serve.log" >&2
echo "The dashboard did not answer within a minute." >&2
exit 1
