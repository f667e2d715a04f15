"""Calls of the database in threads of their own: a slow one takes no thread that scoring needs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from sqlalchemy.exc import SQLAlchemyError

from infra.errors import UnreachableError, reason_of
from serving.errors import NotReadyError

log = logging.getLogger(__name__)

_threads = ThreadPoolExecutor(8, thread_name_prefix="database")
Row = TypeVar("Row")


async def in_database(what: str, call: Callable[[], Row]) -> Row:
    """The result of a call that waits for the database.

    Raises NotReadyError, which says that `what` is not possible now, where the database is away.
    """
    try:
        return await asyncio.get_running_loop().run_in_executor(_threads, call)
    except (UnreachableError, SQLAlchemyError) as error:
        log.warning("%s: %s", what, reason_of(error))
        raise NotReadyError(f"{what} now, try again later") from error
