"""Nine plays of Shakespeare as one text."""

import hashlib

from ...errors import DataError, FileFormatError
from ..images.idx import Unpacking
from ..places import EMBEDDED as DATA
from ..places import places

SHA256 = "035ad7eba0b5edbf9cf4aa14fb19215b4f1a0027aee16fe3393d79591863f350"  # of the unpacked file
MOST = 1 << 22  # bytes: the text has 1.2 million
FILE = "plays.txt"
EMBEDDED = DATA / "shakespeare"


def shakespeare() -> str:
    """The text of nine plays: 1,150,837 characters, 76 of them distinct, all ASCII.

    The file `plays.txt` (packed, `plays.txt.gz`, or not) is taken from `$NNMAT_DATA/shakespeare` or `$NNMAT_DATA` if
    that variable is set, else from `data/shakespeare` of the checkout, else from the cache
    `~/.cache/nnmat/data/shakespeare`. Raises `DataError` if it is in none of them, `FileFormatError` if it is damaged.
    """
    folders, _ = places("shakespeare", EMBEDDED)
    found = [path for folder in folders for path in (folder / f"{FILE}.gz", folder / FILE) if path.is_file()]
    if not found:
        tried = "\n".join(f"  {folder}: not there" for folder in folders)
        raise DataError(
            f"shakespeare: expected the file {FILE}.gz in one of these places, found it in none:\n{tried}\n"
            f"Copy data/shakespeare/{FILE}.gz of nnmat's repository to one of them."
        )
    path = found[0]
    content = path.read_bytes()
    if path.suffix == ".gz":
        content = Unpacking(content, f"shakespeare: expected {path}").read(MOST)
    if (digest := hashlib.sha256(content).hexdigest()) != SHA256:
        raise FileFormatError(
            f"shakespeare: expected content with SHA-256 {SHA256} in {path}, got {digest}. Fetch it again."
        )
    return content.decode("ascii")
