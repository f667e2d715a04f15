"""The page in a real browser: whole without a network, calm, and not cut on paper."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from models.printable import printable
from tests.flows.evidence.examples import HOSTILE, verdict_of

pytestmark = [pytest.mark.browser, pytest.mark.slow]

A4_PX = 703  # what 15 mm and 14 mm of margin leave of A4's width, at 96 dpi


@pytest.fixture
def complaints() -> list[str]:
    """What the browser asked for elsewhere, and what it complained of."""
    return []


@pytest.fixture
def page(browser: Any, written: Path, complaints: list[str]) -> Iterator[Any]:
    """The page from the disk, without a network, on a laptop's screen."""
    place = (written / "index.html").as_uri()
    context = browser.new_context(viewport={"width": 1366, "height": 768}, offline=True)
    opened = context.new_page()
    opened.on("console", lambda message: complaints.append(message.text))
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on(
        "request",
        lambda request: (
            None if request.url.startswith(("data:", place)) else complaints.append(request.url)
        ),
    )
    opened.goto(place)
    yield opened
    context.close()


def test_nothing_is_asked_for_and_nothing_complained_of(page: Any, complaints: list[str]) -> None:
    assert page.evaluate("document.images.length") == 3
    assert page.evaluate("[...document.images].every(i => i.complete && i.naturalWidth > 100)")
    assert complaints == []


def test_no_name_has_done_anything(page: Any) -> None:
    assert page.title().startswith("reject: run rrrr")
    shown = page.inner_text("body")
    for name in HOSTILE:  # what a terminal or a line of text would obey is shown escaped
        assert re.sub(r"\s+", "", printable(name)) in re.sub(r"\s+", "", shown)


def test_the_decision_is_seen_without_scrolling(page: Any) -> None:
    box = page.locator(".decision").bounding_box()
    assert box["y"] + box["height"] < 400
    assert page.locator(".decision strong").inner_text() == "REJECT"
    assert page.locator("#reason").inner_text() == verdict_of().reason
    assert page.locator("tbody.check").count() == len(verdict_of().checks)


@pytest.mark.parametrize("width", [1366, 1024, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_wider_than_the_screen(page: Any, width: int, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 768})
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_text_can_be_read_on_its_ground_in_both_schemes(page: Any) -> None:
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        for place in (".decision strong", "#reason", "caption", "td.fails", "td.undecided", "dd"):
            contrast = page.locator(place).first.evaluate(CONTRAST)
            assert contrast >= 4.5, (scheme, place)  # WCAG 2.2 AA


def test_on_paper_nothing_is_cut_and_all_is_there(page: Any, tmp_path: Path) -> None:
    page.emulate_media(media="print")
    page.set_viewport_size({"width": A4_PX, "height": 1000})
    wide = page.evaluate(
        f"[...document.querySelectorAll('body *')].filter("
        f"e => e.getBoundingClientRect().right > {A4_PX} + 1).map(e => e.outerHTML.slice(0, 80))"
    )
    assert wide == []
    tall = page.evaluate("[...document.querySelectorAll('tr')].map(e => e.offsetHeight)")
    assert max(tall) < 150  # no column was squeezed to a letter
    assert page.locator(".decision strong").evaluate("e => getComputedStyle(e).color") == BLACK
    path = tmp_path / "page.pdf"
    page.pdf(path=str(path), prefer_css_page_size=True)
    data = path.read_bytes()
    assert data.startswith(b"%PDF")
    assert 3 <= len(re.findall(rb"/Type\s*/Page\b", data)) <= 12


BLACK = "rgb(0, 0, 0)"
CONTRAST = """element => {
  const light = colour => {
    const [r, g, b] = colour.match(/[\\d.]+/g).map(Number).map(v => v / 255)
      .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ink = light(getComputedStyle(element).color);
  const ground = light(getComputedStyle(document.documentElement).backgroundColor);
  return (Math.max(ink, ground) + 0.05) / (Math.min(ink, ground) + 0.05);
}"""
