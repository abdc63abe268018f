"""Run docs/examples/own_cifar10.py by each method and keep its figures: docs/data/own-cifar10.json.

    TPZOO_DATA=DIR python benchmarks/own_cifar10.py [bp] [ldrl]

DIR holds cifar10.npz (x_train, y_train, x_test, y_test). About two and ten minutes on one core.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
SCRIPT, FILE = ROOT / "docs" / "examples" / "own_cifar10.py", ROOT / "docs" / "data" / "own-cifar10.json"


def main(methods: list[str]) -> None:
    """Run the script by each of ``methods`` on one thread."""
    found = json.loads(FILE.read_text("utf-8")) if FILE.is_file() else {}
    for method in methods or ["bp", "ldrl"]:
        began = time.perf_counter()
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        done = subprocess.run(
            [sys.executable, str(SCRIPT), method], capture_output=True, text=True, check=True, env=environment
        )
        errors = [float(each) for each in re.findall(r"test error ([\d.]+) %", done.stdout)]
        found[method] = {"test_errors": errors, "seconds": round(time.perf_counter() - began)}
        print(method, found[method], flush=True)
        FILE.write_text(json.dumps(found, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
