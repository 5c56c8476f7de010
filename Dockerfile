# One image, two uses: `web` serves, `night` loads (see compose.yaml). scripts/docker-steps.sh runs these steps
# in a clean folder, for places without a Docker daemon.
FROM node:20-bookworm-slim AS bundles
WORKDIR /bundles
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund

FROM python:3.11-slim-bookworm
WORKDIR /app
RUN useradd --create-home --uid 10001 switchboard && mkdir /home/switchboard/data && chown switchboard /home/switchboard/data
COPY requirements.lock ./
RUN python -m pip install --no-cache-dir --require-hashes --no-deps -r requirements.lock
COPY pyproject.toml README.md ./
COPY etl etl
COPY dashboard dashboard
COPY data/templates data/templates
COPY scripts/assets.py scripts/assets.py
COPY --from=bundles /bundles/node_modules node_modules
RUN python scripts/assets.py && rm -rf node_modules && python -m pip install --no-cache-dir --no-deps --no-build-isolation -e .
USER switchboard
ENV ICB_HOME=/home/switchboard/data PYTHONUNBUFFERED=1
VOLUME /home/switchboard/data
EXPOSE 8050
HEALTHCHECK --interval=30s --timeout=5s CMD python -c "import urllib.request as u; u.urlopen('http://127.0.0.1:8050/healthz', timeout=4)"
CMD ["icb-dashboard", "serve", "--host", "0.0.0.0", "--port", "8050"]
