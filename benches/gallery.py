"""The picture of a gallery in the docs: `python benches/gallery.py docs/images/gallery.jpg`.

Plants scratches in photographs that come inside scikit-image, has them completed by the model of street
letters in ``models/``, and photographs the gallery in Chromium (by Playwright), as a desk and a phone show
it.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from damage import scratches
from detect import as_picture, photograph
from PIL import Image
from playwright.sync_api import sync_playwright

from inpaintx.pictures import Picture, write_picture

NAMES = ("astronaut.png", "camera.png", "chelsea.png", "coffee.png", "moon.png", "rocket.jpg")
MODEL = Path(__file__).parents[1] / "models" / "street.safetensors"
DESK, PHONE = (1000, 720), (360, 720)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("picture", type=Path, help="JPEG to write")
    path: Path = parser.parse_args().picture
    with TemporaryDirectory() as folder:
        page = completed(Path(folder))
        desk = Image.open(BytesIO(seen(page, DESK, "light")))
        phone = Image.open(BytesIO(seen(page, PHONE, "dark")))
    both = Image.new("RGB", (DESK[0] + 20 + PHONE[0], DESK[1]), "white")
    both.paste(desk, (0, 0))
    both.paste(phone, (DESK[0] + 20, 0))
    both.save(path, "JPEG", quality=80, optimize=True)


def completed(folder: Path) -> Path:
    """Photographs with scratches, completed; gives the first page."""
    for number, name in enumerate(NAMES):
        values, truth = scratches(photograph(name), np.random.default_rng(number))
        stem = Path(name).stem
        for place, picture in (
            ("scans", as_picture(values)),
            ("masks", Picture(np.where(truth, 255, 0).astype(np.uint8))),
        ):
            (folder / place).mkdir(exist_ok=True)
            write_picture(picture, folder / place / f"{stem}.png")
    command = [sys.executable, "-m", "inpaintx", "complete", "scans", "--model", str(MODEL.resolve())]
    command += ["--mask", "masks", "--mask-grow", "2", "--out", "repaired", "--gallery", "gallery.html"]
    subprocess.run(command, cwd=folder, check=True)
    return folder / "gallery.html"


def seen(page: Path, size: tuple[int, int], scheme: str) -> bytes:
    """A screenshot, PNG."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        context = browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme="dark" if scheme == "dark" else "light",
        )
        tab = context.new_page()
        tab.goto(page.as_uri())
        tab.evaluate("Promise.all([...document.images].map((i) => (i.loading = 'eager', i.decode())))")
        picture = tab.screenshot()
        browser.close()
    return picture


if __name__ == "__main__":
    main()
