"""The page /docs in a browser: it describes every operation, and sends a recording."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from serving.api.operations import OPERATIONS

pytestmark = pytest.mark.browser
Start = Callable[..., Any]


def test_the_page_describes_the_api_and_sends_a_recording(
    browser: Any, start: Start, recording: bytes, tmp_path: Path
) -> None:
    endpoint = start(token="let-me-in")
    (tmp_path / "call.wav").write_bytes(recording)
    context = browser.new_context(http_credentials={"username": "any", "password": "let-me-in"})
    page = context.new_page()
    troubles: list[str] = []
    page.on("console", lambda message: troubles.append(message.text))
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("request", lambda sent: sent.url.startswith(url) or troubles.append(sent.url))
    url = str(endpoint.client.base_url)
    page.goto(f"{url}/docs")
    troubles.clear()  # the browser was asked for the password first
    assert page.locator("main section").count() == len(OPERATIONS) + 1  # and the sockets
    page.fill("#token", "let-me-in")
    form = page.locator("#score form")
    form.locator("[data-file]").set_input_files(tmp_path / "call.wav")
    form.locator("[name=source]").fill("page")
    form.locator("button").click()
    form.locator("output pre").wait_for()
    shown = form.locator("output").inner_text()
    assert shown.startswith("200 OK")
    assert '"model_version": 1' in shown
    page.set_viewport_size({"width": 390, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    assert troubles == []
    context.close()
