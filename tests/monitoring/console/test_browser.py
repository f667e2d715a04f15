"""The pages in a real browser: complete without a network, accessible, and used by a person."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.access.approvals import want_approval
from infra.database import open_database
from infra.settings import settings
from tests.conftest import ROOT
from tests.monitoring.console.filled import fill
from tests.monitoring.console.running import desk_here, running

pytestmark = [pytest.mark.browser, pytest.mark.slow]

AXE = Path(__file__).with_name("vendor") / "axe.min.js"  # axe-core 4.14.1
PAGES = ("/", "/drift", "/models")
SETTLED_MS = 60_000


@pytest.fixture(scope="module")
def address(
    tmp_path_factory: pytest.TempPathFactory,
    migrated_mlflow: Path,
    make_detector: Callable[..., Path],
    free_port: Callable[[], int],
) -> Iterator[str]:
    """A console with a past and a winner that waits."""
    state = tmp_path_factory.mktemp("browsed")
    shutil.copy(migrated_mlflow, state / "mlflow.db")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ANTIPHON_STATE_DIR", str(state))
        patch.setenv("ANTIPHON_ENDPOINT", "none")
        patch.setenv("ANTIPHON_PARAMS_FILE", str(ROOT / "params.yaml"))
        patch.setenv("ANTIPHON_CONSOLE_PORT", str(free_port()))
        fill(make_detector, tmp_path_factory.mktemp("detectors"))
        engine = open_database(settings().database_url)
        want_approval(engine, 1, 2, "the EER falls by 3 points", "cycle x")
        with running(desk_here()) as served:
            yield served


@pytest.fixture
def complaints() -> list[str]:
    """What the browser asked for elsewhere, and what it complained of."""
    return []


@pytest.fixture
def page(browser: Any, address: str, complaints: list[str]) -> Iterator[Any]:
    """A browser window at the console."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    opened = context.new_page()
    opened.on("console", lambda message: complaints.append(message.text))
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on(
        "request",
        lambda request: (
            None
            if request.url.startswith((address, "data:", "blob:"))
            else complaints.append(request.url)
        ),
    )
    opened.goto(address)
    yield opened
    context.close()


def open_page(page: Any, address: str, path: str) -> None:
    """Go to a page and wait for its parts."""
    page.goto(address + path)
    wait = {"/": "text=there is none", "/drift": ".curves canvas >> nth=2", "/models": "#det"}[path]
    page.wait_for_selector(wait, timeout=SETTLED_MS)
    if path == "/drift":
        page.wait_for_selector("#groups button", timeout=SETTLED_MS)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_accessible_and_asks_nobody_else(
    page: Any, address: str, scheme: str, complaints: list[str]
) -> None:
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    faults = []
    for path in PAGES:
        open_page(page, address, path)
        # the browser's own protocol runs it, whatever the policy of the page says
        page.evaluate(AXE.read_text("utf-8"))
        violations = page.evaluate("axe.run({resultTypes: ['violations']})")["violations"]
        faults += [(path, v["id"], [n["html"][:120] for n in v["nodes"]]) for v in violations]
    assert faults == []
    assert complaints == []


@pytest.mark.parametrize("width", [820, 390])
def test_nothing_is_wider_than_a_tablet_or_a_telephone(page: Any, address: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 1180})
    for path in PAGES:
        open_page(page, address, path)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path


def test_the_theme_is_switched_and_stays(page: Any, address: str) -> None:
    page.emulate_media(color_scheme="light")
    ground = "getComputedStyle(document.documentElement).backgroundColor"
    assert page.evaluate(ground) == "rgb(255, 255, 255)"
    page.click("#theme")
    page.goto(address + "/models")
    assert page.evaluate(ground) == "rgb(20, 24, 28)"


def test_an_action_is_asked_about_and_done_by_keyboard(page: Any) -> None:
    page.focus("text=Pause automatic promotion …")
    page.keyboard.press("Enter")
    assert page.locator("dialog[open]").count() == 1
    page.keyboard.press("Escape")
    assert page.locator("dialog[open]").count() == 0
    page.keyboard.press("Enter")
    page.fill("#pause-reason", "a new codec")
    page.keyboard.press("Enter")
    page.wait_for_selector("#notice >> text=Automatic promotion is paused")
    page.click("text=Resume automatic promotion …")
    page.click("dialog[open] button[type=submit]")
    page.wait_for_selector("#notice >> text=Promotions are automatic again")


def test_a_group_of_the_map_is_chosen_and_sent_to_review(page: Any, address: str) -> None:
    open_page(page, address, "/drift")
    page.locator("#groups button").first.press("Enter")
    chosen = page.locator("#chosen-list li").count()
    assert chosen > 0
    page.locator("#chosen-list audio").first.evaluate("sound => sound.play()")
    page.wait_for_function("document.querySelector('#chosen-list audio').duration > 0.4")
    page.click("#chosen button[type=submit]")
    page.wait_for_selector("#notice >> text=for review")
    words = page.inner_text("#notice").split()
    assert int(words[0]) == chosen
