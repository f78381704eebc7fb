"""How fast a drive answers: from an act to its picture, through the server, on one core.

    python benchmarks/driving.py [--acts 200] [--browser]

The server runs with one thread, bound to one core; the client, on another, sends the next act when
the last picture has come. With `--browser` the client is the page in headless Chromium, as fast as
it will go: its own figures, key to pixel. `svg` has its published sizes and fresh weights, which
take as long as trained ones, and computes in bfloat16; the others compute in float32. Writes
results/bench-driving.json.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import foreframe
from foreframe import models, pretrained

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "tests"))
import clients  # noqa: E402 - the tests' clients are the benchmark's


def published_svg(folder: Path) -> Path:
    """Write svg at its published sizes, with the clips of the pretrained push model."""
    shutil.copytree(pretrained.folder("push") / "clips", folder / "clips")
    spec = foreframe.load(pretrained.folder("push")).spec
    notes = {"recipe": "svg-bair", "step": 0, "validation_psnr": None, "n_past": 2, "horizon": 10}
    models.save(models.build("svg", spec, {}), "svg", {}, folder, notes)
    return folder


async def answered(port: int, name: str, samples: int, acts: int) -> dict[str, float]:
    """Milliseconds from act to picture."""
    async with clients.Client.at(port) as client:
        head, _ = await client.begin(name, samples=samples)
        how: dict[str, Any] = (
            {"row": head["row"]} if name == "dance" else {"action": [0.05, 0.02, 0.0, 0.0]}
        )
        times = []
        for _ in range(acts):
            began = time.perf_counter()
            await client.act(**how)
            times.append((time.perf_counter() - began) * 1e3)
    ms = np.percentile(times[5:], (50, 99))
    return {
        "ms": round(ms[0], 2),
        "p99_ms": round(ms[1], 2),
        "frames_per_second": round(1000 / ms[0], 1),
    }


def on_the_page(port: int, name: str, samples: int, seconds: float) -> dict[str, Any]:
    """What the page itself says after running for a while at its fastest."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page()
        page.goto(f"http://localhost:{port}/")
        page.wait_for_selector("body[data-step='0']")
        page.select_option("#model", name)
        page.keyboard.press(str(samples))
        page.evaluate("document.getElementById('pace').value = 60")
        page.click("#run")
        time.sleep(seconds)
        found = {
            "frames_per_second": page.inner_text("#rate"),
            "key to pixel": page.inner_text("#latency"),
        }
        browser.close()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--acts", type=int, default=200)
    parser.add_argument("--browser", action="store_true")
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "bench-driving.json")
    options = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    os.environ["OMP_NUM_THREADS"] = "1"
    found: dict[str, Any] = {"machine": foreframe.info(), "load": os.getloadavg()[0]}
    with tempfile.TemporaryDirectory() as folder:
        for run in (None, published_svg(Path(folder) / "svg")):
            os.sched_setaffinity(0, cores[:1])  # what is started now inherits it
            with clients.played(
                Path(folder) / "log", *([str(run), "--precision", "bfloat16"] if run else [])
            ) as port:
                os.sched_setaffinity(0, cores[1:] or cores)
                for name in [run.name] if run else pretrained.names():
                    for samples in (1, 4, 9):
                        row = asyncio.run(answered(port, name, samples, options.acts))
                        if options.browser:
                            row["page"] = on_the_page(port, name, samples, 4.0)
                        found[f"{name}, {samples}"] = row
                        print(f"{name:<8}{samples} futures  {row}", flush=True)
    options.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
