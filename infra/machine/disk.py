"""What a disk refuses, as a sentence; and whether the state folder can be written to."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from pathlib import Path

_PROBE_BYTES = 64 * 1024

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_REASONS = {
    errno.ENOSPC: "there is no space left on the disk",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "a file may not become so large here",
    errno.EROFS: "the file system can only be read",
    errno.EACCES: "this user has no permission",
    errno.EPERM: "this user has no permission",
    errno.ENOTDIR: "a folder expected, a part of the path is a file",
    errno.EISDIR: "a file expected, this is a folder",
    errno.EEXIST: "something else is there already",
    errno.ENOENT: "no such file or folder",
    errno.ENAMETOOLONG: "the name is too long",
}
# what a person mends by another path or by permissions; all other errors are outages
_MENDABLE = tuple(_REASONS.keys() - _FULL)


def disk_sentence(error: OSError) -> str:
    """The file that an error of the operating system is about, and what is wrong with it."""
    number = error.errno or 0
    reason = _REASONS.get(number) or (
        os.strerror(number) if number else " ".join(str(error).split())
    )
    place = error.filename2 or error.filename
    if isinstance(place, bytes):
        place = os.fsdecode(place)
    return f"{place}: {reason}" if place is not None else reason


def is_mendable(error: OSError) -> bool:
    """Whether another path or permission mends it; else the disk, or what it hangs on, is out."""
    return error.errno in _MENDABLE


def require_space(folder: Path, wanted: int) -> None:
    """Raise OSError where the disk of a folder has fewer than so many bytes left."""
    if shutil.disk_usage(folder).free < wanted:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))


def require_state_folder(folder: Path) -> None:
    """Create the state folder, and raise OSError where it cannot be written to.

    Called before a server starts in it: some wait for minutes on a disk that is full.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".probe-") as probe:
            probe.write(os.urandom(_PROBE_BYTES))
            probe.flush()
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(folder)) from error
