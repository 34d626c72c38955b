"""The page in a real browser, on a service of its own; skipped where there is no Chromium."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from inpaintx.letters.chars import CharsOptions, render_chars

if not all(map(find_spec, ("fastapi", "playwright", "axe_playwright_python"))):
    collect_ignore_glob = ["test_*.py"]  # `make test-here` fetches nothing
else:
    from painter import PATIENCE, Open, Painter, started
    from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
MOST_MEGAPIXELS = 1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="module")  # while it runs, nothing else can run an event loop
def browser() -> Iterator[Browser]:
    """A Chromium without a window."""
    if CHROMIUM is None:
        pytest.skip("no Chromium on the path: install the package chromium to test the page")
    with sync_playwright() as playwright:
        # Without a sandbox, which a container's root can't have; it opens our own page only.
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def said(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the service says on stderr."""
    return tmp_path_factory.mktemp("service") / "stderr"


@pytest.fixture(scope="session")
def service(said: Path) -> Iterator[str]:
    """The address of a page that people use, on a machine without a display."""
    nothing = {"DISPLAY": "", "WAYLAND_DISPLAY": ""}
    limits = ("--megapixels", str(MOST_MEGAPIXELS))
    with started("--browser", *limits, environment=nothing, errors=said) as address:
        yield address


@pytest.fixture(scope="module")
def scripts(browser: Browser, service: str) -> Iterator[Page]:
    """The page of which nothing is seen: its modules are called one by one."""
    page = browser.new_page(viewport={"width": 300, "height": 200})
    page.goto(service)
    yield page
    page.close()


@pytest.fixture
def open_page(browser: Browser, service: str) -> Iterator[Open]:
    """Opens the page for one more person: ``open_page(**options of the browser's context)``.

    At the end, none of their pages may have had a problem with itself, or asked anyone else for anything.
    """
    contexts: list[BrowserContext] = []
    problems: list[str] = []

    def opened(**options: object) -> Painter:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **options})
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        page = context.new_page()
        watch(page, problems)
        return Painter(page, service)

    yield opened
    for context in contexts:
        context.close()
    assert not problems


def watch(page: Page, problems: list[str]) -> None:
    """Notes what goes wrong in a page; that a request is refused is the page's business, and told by it."""
    page.on("pageerror", lambda error: problems.append(str(error)))
    refused = "Failed to load resource"
    page.on(
        "console",
        lambda said: said.type == "error" and refused not in said.text and problems.append(said.text),
    )
    page.on(
        "request",
        lambda request: (
            re.match(r"http://127\.0\.0\.1:|blob:|about:", request.url)
            or problems.append(f"asked for {request.url}")
        ),
    )


@pytest.fixture
def painter(open_page: Open) -> Painter:
    """One person at a desk."""
    return open_page()


@pytest.fixture(scope="session")
def letters(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A few letters, 64×64, gray, in one folder."""
    folder = tmp_path_factory.mktemp("letters")
    rendered = render_chars(CharsOptions(count=12), tmp_path_factory.mktemp("rendered"))
    return [path.rename(folder / f"letter{number}.png") for number, path in enumerate(rendered)]


@pytest.fixture(scope="session")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A JPEG that lies on its side: 60×90 upright."""
    path = tmp_path_factory.mktemp("photo") / "photo.jpg"
    y, x = np.indices((60, 90))
    samples = np.dstack([x * 2, y * 3, (x + y) % 256]).astype(np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6  # turned a quarter clockwise when it is shown
    Image.fromarray(samples).save(path, quality=95, exif=exif)
    return path
