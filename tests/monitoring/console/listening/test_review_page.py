"""Review in a real browser: keys, two reviewers, a killed console, hostile words, axe."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select, update

from flows.places import engine
from infra.access.scopes import Scope
from infra.access.tokens import create_token
from infra.database import reading, session
from infra.review.history import history
from infra.tables import FieldSample, LabelRevision
from tests.conftest import ROOT
from tests.monitoring.console.listening.field import keep, tone

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PATIENCE_MS = 60_000
AXE = Path(__file__).parents[1] / "vendor" / "axe.min.js"
HOSTILE = '<img src=x onerror="window.hit=1"><script>window.hit=1</script>{{7*7}} \u202egnp.exe'


@contextmanager
def opened(browser: Any, address: str, token: str | None = None, **options: Any) -> Iterator[Any]:
    """The page Review of a person; what the browser complains of is in `complaints`."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, **options)
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.complaints = []
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.on("console", lambda message: page.complaints.append(f"{message.text} {message.location}"))
    page.goto(f"{address}/review")
    if token:
        page.fill("#token", token)
        page.click("button[type=submit]")
    yield page
    context.close()


def wait_for_clip(page: Any, number: int | None = None) -> int:
    """Until a recording is shown and can be heard; its number."""
    page.wait_for_selector("#clip:not([hidden])")
    if number is not None:
        until(
            page,
            f"document.querySelector('#clip-title').textContent.startsWith('Recording {number},')",
        )
    until(page, "document.querySelector('[data-part=tiles]').dataset.drawn !== undefined")
    return int(page.inner_text("#clip-title").split(",")[0].removeprefix("Recording "))


def until(page: Any, condition: str) -> None:
    """Wait for a condition; Playwright's own waiting evaluates text, which the policy forbids."""
    wait_until(lambda: bool(page.evaluate(condition)))


def labels() -> list[tuple[int, str, str | None]]:
    """Sample, reviewer and label of every revision, in order."""
    columns = (LabelRevision.sample_id, LabelRevision.reviewer, LabelRevision.label)
    with reading(engine()) as transaction:
        rows = transaction.execute(select(*columns).order_by(LabelRevision.id))
        return [(sample_id, reviewer, label) for sample_id, reviewer, label in rows]


def wait_until(is_so: Callable[[], bool], patience_s: float = 120.0) -> None:
    deadline = time.monotonic() + patience_s
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_fifty_calls_need_fifty_keys_and_one_takes_an_answer_back(
    console: str, browser: Any
) -> None:
    keep([tone(200.0 + 40 * number, 0.6) for number in range(6)])
    with opened(browser, console) as page:
        first = wait_for_clip(page)
        for key in "1234":
            shown = page.inner_text("#clip-title")
            page.keyboard.press(key)
            until(page, f"document.querySelector('#clip-title').textContent !== '{shown}'")
        wait_until(lambda: len(labels()) == 4)
        assert [label for _, _, label in labels()] == ["bonafide", "spoof", "unsure", "unusable"]
        assert [sample_id for sample_id, _, _ in labels()] == [first + n for n in range(4)]
        until(page, "document.querySelector('#revealed').textContent.includes('unusable')")
        assert "version 1" in page.inner_text("#revealed")
        page.keyboard.press("Control+z")
        wait_for_clip(page, first + 3)
        assert labels()[-1][2] is None
        page.keyboard.press("2")
        for number in (4, 5):
            wait_for_clip(page, first + number)
            page.keyboard.press("1")
        page.wait_for_selector("#empty:not([hidden])")
        wait_until(lambda: len(labels()) == 8)
        assert "0 waiting" in page.inner_text("#progress")
        assert page.complaints == []


def test_the_playhead_follows_the_sound_at_any_speed_and_stays_in_the_loop(
    console: str, browser: Any
) -> None:
    keep([tone(300.0, 3.0, channels=2)])
    with opened(browser, console) as page:
        wait_for_clip(page)
        page.select_option("[data-part=speed]", "2")
        page.evaluate("document.activeElement.blur()")
        page.keyboard.press("Space")
        until(page, "document.querySelector('.head').style.left > '40%'")
        page.keyboard.press("Space")
        assert page.inner_text("[data-part=play]") == "Play"
        share, time_s = shown_position(page)
        assert abs(3.0 * share - time_s) < 0.01
        page.keyboard.press("ArrowLeft")
        page.keyboard.press("a")
        start = shown_position(page)[1]
        page.keyboard.press("ArrowRight")
        page.keyboard.press("b")
        end = shown_position(page)[1]
        page.keyboard.press("Space")
        highest = 0.0
        for _ in range(25):
            highest = max(highest, shown_position(page)[1])
            page.wait_for_timeout(60)  # together longer than the loop lasts
        page.keyboard.press("Space")
        assert start - 0.02 <= shown_position(page)[1] <= highest <= end + 0.15
        page.keyboard.press("x")
        assert page.input_value("[data-part=channel]") == "0"
        until(page, "document.querySelector('[data-part=time]').textContent.endsWith('0:03.00')")
        page.keyboard.press("2")
        wait_until(lambda: len(labels()) == 1)


def shown_position(page: Any) -> tuple[float, float]:
    """The place of the playhead as a share of the picture, and the time beside it."""
    left, text = page.evaluate(
        "[document.querySelector('.head').style.left, "
        "document.querySelector('[data-part=time]').value]"
    )
    minutes, seconds = text.split(" / ")[0].split(":")
    return float(left.removesuffix("%")) / 100, 60 * int(minutes) + float(seconds)


def test_keys_are_dead_in_fields_and_can_be_changed(console: str, browser: Any) -> None:
    keep([tone(300.0), tone(400.0)])
    with opened(browser, console) as page:
        number = wait_for_clip(page)
        page.click("summary")
        page.fill("#attack", "A1")
        page.focus("#attack")
        page.keyboard.type("23")
        assert page.input_value("#attack") == "A123"
        assert labels() == []
        page.evaluate("document.activeElement.blur()")
        page.keyboard.press("?")
        page.click("[aria-label='Change the key of: Spoof']")
        page.keyboard.press("1")
        assert "taken by “Bona fide”" in page.inner_text("#keys-note")
        page.click("[aria-label='Change the key of: Spoof']")
        page.keyboard.press("f")
        page.keyboard.press("Escape")
        page.reload()
        assert wait_for_clip(page) == number
        assert page.inner_text("[data-act=spoof] kbd") == "f"
        page.keyboard.press("2")
        page.keyboard.press("f")
        wait_until(lambda: labels() == [(number, labels_by(), "spoof")])


def labels_by() -> str:
    return labels()[0][1] if labels() else ""


def test_regions_and_reasons_come_with_the_answer(console: str, browser: Any) -> None:
    keep([tone(300.0, 2.0)])
    with opened(browser, console) as page:
        number = wait_for_clip(page)
        box = page.locator("[data-part=track]").bounding_box()
        page.mouse.move(box["x"] + box["width"] / 4, box["y"] + 40)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 40, steps=4)
        page.mouse.up()
        page.click("summary")
        page.click("[data-act=region-spoof]")
        page.check("[value='odd rhythm']")
        page.fill("#other-reason", HOSTILE[:100])
        page.fill("#attack", "A07")
        page.click("[data-act=spoof]")
        page.wait_for_selector("#empty:not([hidden])")
        wait_until(lambda: bool(labels()))
        (revision,) = history(engine(), number)
        (region,) = revision.regions
        assert abs(region["start_s"] - 0.5) < 0.02
        assert abs(region["end_s"] - 1.0) < 0.02
        assert region["label"] == "spoof"
        assert revision.reasons == ["odd rhythm", HOSTILE[:100]]
        assert revision.attack_id == "A07"


def test_two_reviewers_at_once_never_have_the_same_recording(console: str, browser: Any) -> None:
    keep([tone(200.0 + 30 * number, 0.5) for number in range(12)])
    tokens = {
        name: create_token(engine(), name, [Scope.REVIEW], "a test") for name in ("ada", "berta")
    }
    with (
        opened(browser, console, tokens["ada"]) as ada,
        opened(browser, console, tokens["berta"]) as berta,
    ):
        people = {"ada": ada, "berta": berta}
        for page in people.values():
            wait_for_clip(page)
        for _ in range(12):
            for page in people.values():
                if page.is_visible("#clip"):
                    page.keyboard.press("2")
                    page.wait_for_timeout(40)
        for page in people.values():
            page.wait_for_selector("#empty:not([hidden])")
        wait_until(lambda: len(labels()) >= 12)
    judged = [sample_id for sample_id, _, _ in labels()]
    assert len(judged) == len(set(judged)) == 12
    assert {reviewer for _, reviewer, _ in labels()} == {"ada", "berta"}


def test_a_client_cannot_say_anything_that_a_page_obeys(console: str, browser: Any) -> None:
    keep([tone(300.0), tone(400.0)], source=HOSTILE, speaker_id=HOSTILE)
    with session(engine()) as transaction:
        transaction.execute(update(FieldSample).values(comment=HOSTILE, claimed_attack_id=HOSTILE))
    with opened(browser, console) as page:
        wait_for_clip(page)
        page.keyboard.press("1")
        page.wait_for_selector("#revealed dl")
        assert "<img src=x" in page.inner_text("#revealed")
        page.click("#revealed a")
        page.wait_for_selector("h1 code")
        assert "<img src=x" in page.inner_text("main")
        page.goto(f"{console}/samples")
        assert "<script>" in page.inner_text("tbody")
        assert page.evaluate("window.hit") is None
        assert page.complaints == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_screen_reader_and_a_tablet_find_nothing_amiss(
    console: str, browser: Any, scheme: str
) -> None:
    keep([tone(300.0), tone(400.0)])
    size = {"width": 820, "height": 1180}
    # the content security policy stops scripts of tests as it stops others'
    with opened(browser, console, color_scheme=scheme, bypass_csp=True) as page:
        page.set_viewport_size(size)
        wait_for_clip(page)
        page.keyboard.press("1")
        page.wait_for_selector("#revealed dl")
        page.click("summary")
        assert faults(page) == []
        page.keyboard.press("?")
        assert faults(page) == []
        request = page.locator("#revealed a").get_attribute("href")
        for path in ("/samples", request, "/try"):
            page.goto(console + path)
            assert faults(page) == [], path
            assert page.evaluate("document.documentElement.scrollWidth") <= size["width"], path


def faults(page: Any) -> list[str]:
    """What axe finds, by the rules of WCAG 2.2 AA."""
    page.add_script_tag(path=str(AXE))
    violations = page.evaluate(
        "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa',"
        "'best-practice']}).then(r => r.violations.map(v => v.id + ': ' +"
        "v.nodes.map(n => n.html).join(' ').slice(0, 300)))"
    )
    return list(violations)


def playwright_error() -> type[Exception]:
    """Imported late: the tests are skipped where it is not installed."""
    from playwright.sync_api import Error

    return Error


@contextmanager
def own_console(port: int) -> Iterator[Callable[[], None]]:
    """A console in a process of its own; what it gives kills it, and starts another."""
    running: list[subprocess.Popen[bytes]] = []
    restarts: list[threading.Thread] = []

    def start() -> None:
        if running:
            running.pop().wait()
        running.append(subprocess.Popen([sys.executable, "-m", "flows.servers.console"]))
        wait_until(lambda: _answers(port))

    def kill_and_start() -> None:
        os.kill(running[0].pid, signal.SIGKILL)
        restarts.append(threading.Thread(target=start))
        restarts[-1].start()

    start()
    try:
        yield kill_and_start
    finally:
        for thread in restarts:
            thread.join()
        running[0].kill()
        running[0].wait()


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/healthz", trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


def test_a_console_that_is_killed_neither_loses_nor_doubles_a_label(
    state: Path,
    browser: Any,
    monkeypatch: pytest.MonkeyPatch,
    free_port: Callable[[], int],
) -> None:
    assert state.is_dir()
    port = free_port()
    monkeypatch.setenv("ANTIPHON_CONSOLE_PORT", str(port))
    monkeypatch.setenv("ANTIPHON_PARAMS_FILE", str(ROOT / "params.yaml"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    keep([tone(200.0 + 30 * number, 0.5) for number in range(5)])
    with own_console(port) as kill, opened(browser, f"http://127.0.0.1:{port}") as page:
        first = wait_for_clip(page)
        kills = ["before", "after"]

        def interrupt(route: Any) -> None:
            """Kill it before it reads the first answer, and after it stored the second."""
            now = kills[0] if kills else "never"
            if now == "never":
                route.continue_()
                return
            if now == "after":
                try:
                    assert route.fetch().status == 200
                except playwright_error():  # it has not started yet; the page tries again
                    route.abort()
                    return
            kills.pop(0)
            kill()
            route.abort()

        page.route("**/review/answer", interrupt)
        page.keyboard.press("2")
        assert "Your answer is kept" in page.wait_for_selector("#delivery p").inner_text()
        assert labels() == []
        wait_for_clip(page, first + 1)  # it was loaded before: the work goes on
        page.keyboard.press("1")
        until(page, "!document.querySelector('#delivery p')")
        wait_for_clip(page, first + 2)
        page.keyboard.press("2")
        until(page, "document.querySelector('#last-said').textContent.includes('spoof')")
        wait_until(lambda: len(labels()) == 3)
        assert kills == []
    assert [(sample_id, label) for sample_id, _, label in labels()] == [
        (first, "spoof"),
        (first + 1, "bonafide"),
        (first + 2, "spoof"),
    ]
