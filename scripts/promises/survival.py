"""The rows of the evidence about processes that are killed or forked. The tests assert the bars; here they are many."""

import re
from collections.abc import Callable

from promises.row import Row, run


def kills() -> Row:
    """kill -9 at 200 random moments of a run that writes checkpoints every three steps."""
    command = "python -m pytest -q -s tests/outside/test_kills.py"
    text = run(command, NNMAT_KILLS="200").stdout
    found = re.search(
        r"killed: (\d+) times at (\d+) steps, (\d+) files whole, (\d+) runs resumed to the same bits, "
        r"at most (\d+) of (\d+) steps lost",
        text,
    )
    if found is None:
        raise OSError("evidence: the killed runs printed no figures")
    times, _, files, _, lost, every = map(int, found.groups())
    bar = "200 times: every file loads whole, resumed to the same bits, no more lost than promised"
    holds = times >= 200 and files > 0 and lost <= every
    return Row("kill -9 at random moments", bar, found[0], holds, f"NNMAT_KILLS=200 {command}")


def forks() -> Row:
    """200 forked children: pool, Process, joblib, preloaded workers, nested; on OpenMP and workqueue layers."""
    command = "python -m pytest -q -s tests/outside/test_forks.py"
    found = re.search(r"forked: (\d+) children on .*", run(command, NNMAT_FORKS="200").stdout)
    if found is None:
        raise OSError("evidence: the forked children printed no figures")
    bar = "200 children of five kinds on two threading layers: none hangs, same bits"
    return Row("forked children", bar, found[0], int(found[1]) >= 200, f"NNMAT_FORKS=200 {command}")


ROWS: dict[str, Callable[[], Row | list[Row]]] = {"kills": kills, "forks": forks}
