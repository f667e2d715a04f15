"""The page of what went wrong: what it was, and what to do."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from monitoring.console.desk import Desk
from monitoring.console.errors import HINTS, TITLES, status_of
from monitoring.console.rendering import render


def trouble(desk: Desk, request: Request, error: Exception) -> Response:
    """A known error as a page, or for htmx as the sentence that the page shows at its top."""
    status = status_of(error)
    is_fragment = "hx-request" in request.headers
    text = render(
        "trouble_line" if is_fragment else "trouble",
        title=TITLES.get(status, "That cannot be done"),
        sentence=str(error),
        hint=HINTS.get(status, ""),
        status=status,
        address=desk.here.console_address,
    )
    headers = {"HX-Retarget": "#notice", "HX-Reswap": "innerHTML"} if is_fragment else {}
    return HTMLResponse(text, status, headers)
