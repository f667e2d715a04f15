"""The pages, in the order of the navigation; the first is at `/`."""

from monitoring.console.loop_page import LOOP
from monitoring.console.page import Page

PAGES: tuple[Page, ...] = (LOOP,)
