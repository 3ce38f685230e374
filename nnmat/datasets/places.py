"""Where the files of the embedded data sets are looked for."""

import os
from pathlib import Path

from ..errors import DataError

EMBEDDED = Path(__file__).resolve().parents[2] / "data"


def places(name: str, embedded: Path) -> tuple[list[Path], Path | None]:
    """The folders to look in for a data set, best first, and the one to download to, if there is any."""
    if chosen := os.environ.get("NNMAT_DATA"):
        folder = Path(os.path.expanduser(chosen))
        if str(folder).startswith("~"):
            raise DataError(
                f"{name}: expected NNMAT_DATA as a folder, got {chosen!r}, and this user has no home folder. "
                "Give a full path."
            )
        return [folder / name, folder], folder / name
    caches = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    if caches.startswith("~"):  # no HOME, and the system does not know the user
        return [embedded], None
    cache = Path(caches) / "nnmat" / "data" / name
    return [embedded, cache], cache
