"""Small tables and folders of images."""

from pathlib import Path

import numpy as np

from nnmat.__main__ import main

QUICK = ["--epochs", "15", "--hidden", "16", "--quiet"]


def flowers(path: Path, rows: int = 90, seed: int = 0) -> Path:
    """Three species that petals tell apart; colours say nothing."""
    rng = np.random.default_rng(seed)
    lines = ["sepal,petal,colour,species"]
    for i in range(rows):
        kind = i % 3
        sepal, petal = 5 + rng.normal(0, 0.4), 1 + 2 * kind + rng.normal(0, 0.3)
        lines.append(f"{sepal:.2f},{petal:.2f},{rng.choice(['blue', 'red'])},{('rose', 'iris', 'lily')[kind]}")
    path.write_text("\n".join(lines) + "\n")
    return path


def houses(path: Path, rows: int = 80) -> Path:
    """Prices by rooms and town; an id that is to be ignored, and a year far from 0."""
    rng = np.random.default_rng(1)
    lines = ["id,rooms,year,town,price"]
    for i in range(rows):
        rooms, town = rng.integers(1, 8), rng.choice(["Rome", "Oslo"])
        price = 50 + 40 * rooms + 60 * (town == "Oslo") + rng.normal(0, 5)
        lines.append(f"h{i},{rooms},{rng.integers(1990, 2020)},{town},{price:.2f}")
    path.write_text("\n".join(lines) + "\n")
    return path


def stripes(folder: Path, each: int = 12) -> Path:
    """Folders `across` and `down` with images of 8 x 8 pixels in colours."""
    from PIL import Image

    rng = np.random.default_rng(2)
    for name, axis in (("across", 0), ("down", 1)):
        (folder / name).mkdir(parents=True)
        for i in range(each):
            A = rng.integers(0, 60, (8, 8, 3), dtype=np.uint8)
            lines = rng.integers(0, 2) + np.arange(0, 8, 2) % 8
            A[(lines % 8, slice(None)) if axis == 0 else (slice(None), lines % 8)] = 220
            Image.fromarray(A).save(folder / name / f"{i}.png")
    return folder


def ran(capsys, *words, code: int = 0) -> str:
    """What a command printed, after it ended with this code; what it said on stderr, if the code is not 0."""
    capsys.readouterr()
    try:
        found = main([str(word) for word in words])
    except SystemExit as end:
        found = end.code
    said = capsys.readouterr()
    assert found == code, said.err
    return said.err if code else said.out
