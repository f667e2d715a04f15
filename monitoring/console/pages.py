"""The pages, in the order of the navigation; the first is at `/`."""

from monitoring.console.drift.page import DRIFT
from monitoring.console.loop_page import LOOP
from monitoring.console.page import Page
from monitoring.console.reviewing.page import REVIEW
from monitoring.console.samples.page import SAMPLES
from monitoring.console.trying.page import TRY
from monitoring.console.versions.page import MODELS

PAGES: tuple[Page, ...] = (LOOP, REVIEW, DRIFT, MODELS, SAMPLES, TRY)
