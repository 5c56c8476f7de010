"""Put the browser bundles that npm fetched where Dash serves them; never committed."""

import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BUNDLES = ("plotly.js-cartesian-dist-min/plotly-cartesian.min.js",)


def main() -> None:
    """Copy each bundle that is there."""
    target = ROOT / "dashboard" / "assets" / "vendor"
    target.mkdir(parents=True, exist_ok=True)
    for bundle in BUNDLES:
        source = ROOT / "node_modules" / bundle
        if source.is_file():
            shutil.copyfile(source, target / source.name)


if __name__ == "__main__":
    main()
