"""Commands run: errors as one line that says what to try, and exit codes.

0 done; 1 the data, a file or the machine does not allow it; 2 wrong usage; 130 stopped by Ctrl-C.
"""

import argparse
import os
import re
import sys

from ... import errors
from ...training.interruption import TrainingInterrupted

ERRORS = (*(getattr(errors, name) for name in errors.__all__), OSError, MemoryError)

# What messages tell those who write Python, and the same on the command line.
SPOKEN = [
    (r"^(table|Table\.\w+|image_folder|read_images|load|save|fit|split|Sequential|nnmat\.[\w.]+|write): ", ""),
    (r"make the table with a rule: fill='(\w+)', or fill=\{[^}]*\}", r"train with --fill \1"),
    (r"make the table with unknown='zeros'", "pass --unknown zeros, which takes them as none of the known ones"),
    (r", or make the table with dtype=np\.float64", ""),
    (r"make the table with ", "pass "),
    (r"fill=\{'[^']*': '(\w+)'\}", r"--fill \1"),
    (r"\b(ignore|categories)=\['([^']*)'\]", r"--\1 '\2'"),
    (r"\b(fill|unknown|task)='(\w+)'", r"--\1 \2"),
    (r"\bof (ignore|categories)=", r"of --\1"),
    (r"\bmissing_values=", "--missing"),
    (r"\b(delimiter|decimal|encoding)=", r"--\1 "),
    (r"\bheader=True\b", "--header yes"),
    (r"\bheader=False\b", "--header no"),
    (
        r"\bexpected test as .*such that both parts have a sample\b",
        "expected --validation as a share that leaves a sample in both parts",
    ),
    (r"--delimiter , now", "--delimiter, now"),
    (r"got \w*Error: cannot identify image file <[^>]*>", "got something else"),
    (r"to be an image that Pillow reads, got \w*Error: ", "to be an image that Pillow reads, got "),
    (r"\btest = ", "--validation "),
    (r"a smaller size, or lazy=True, which reads them batch by batch", "a smaller --size"),
    (r"(The first layer at fault.*?)\.? Usual causes:.*$", r"\1. Try a smaller --lr."),
    (r"above most_bytes = ", "above "),
]


def run(options: argparse.Namespace) -> int:
    """Do what was asked for; the exit code."""
    who = f"nnmat {options.command}"
    if options.command != "predict" and hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")  # names of columns, where a terminal lacks their letters
    try:
        code = options.work(options)
        sys.stdout.flush()
        return code or 0
    except TrainingInterrupted as stopped:
        print(f"\n{who}: stopped.", file=sys.stderr)
        return 128 + stopped.signal
    except KeyboardInterrupt:
        print(f"\n{who}: stopped by Ctrl-C.", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except UnicodeEncodeError as error:
        sign = error.object[error.start]
        print(
            f"{who}: error: {sign!r} does not exist in {error.encoding}. Set PYTHONIOENCODING=utf-8.", file=sys.stderr
        )
        return 2
    except ERRORS as error:
        print(f"{who}: error: {spoken(error)}", file=sys.stderr)
        return 2 if isinstance(error, errors.ConfigError) else 1


def spoken(error: BaseException) -> str:
    """The message of an error as one line, with options as the command line has them."""
    if isinstance(error, MemoryError):
        return f"there is not enough memory ({error}). Take fewer rows, or a smaller --size of images"
    text = " ".join(str(error).split())
    for python, line in SPOKEN:
        text = re.sub(python, line, text)
    return text
