"""What things are called where they are printed: Greek letters, functions, operators, numbers, settings of windows."""

from collections.abc import Iterable
from fractions import Fraction

_WORDS = """alpha beta gamma delta epsilon zeta eta theta kappa lambda mu nu xi pi rho sigma tau phi chi psi omega
Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega"""
GREEK = dict(zip(_WORDS.split(), "αβγδεζηθκλμνξπρστφχψωΓΔΘΛΞΠΣΦΨΩ", strict=True))
SHORT = {"lam", "lamda", "lmbda", "eps"}  # what people write for lambda and epsilon

# Operators whose names are others than those of their nodes: in code, which `parse` reads, and in formulas.
IN_CODE = {"adj": "adjugate", "lse": "logsumexp", "norm": "frobenius", "mpow": "power", "mpow_frechet": "power_frechet"}
IN_FORMULAS = {"trace": "Tr", "lse": "logsumexp", "diagm": "Diag", "diag": "diagonal", "mpow_frechet": "power_frechet"}

# Elementwise functions that formulas do not call by their names.
IN_TEXT = {"sigmoid": "σ", "Phi": "Φ", "phi": "φ", "sqrt": "√"}
IN_LATEX = {
    **{name: rf"\{name}" for name in ("exp", "log", "tanh", "sin", "cos", "tan", "arctan", "sinh", "cosh")},
    **{"sigmoid": r"\sigma", "softplus": r"\zeta", "Phi": r"\Phi", "phi": r"\varphi"},
}

# The options of a convolution: what each is if it is not said, which is also the least that it can be.
USUAL = {"stride": 1, "padding": 0, "dilation": 1}


def is_greek(name: str) -> bool:
    """A small Greek letter, by itself or in its usual spellings, with an index or without: alpha, λ2, mu_1, lam."""
    stem = name.partition("_")[0].rstrip("0123456789")
    return stem in SHORT or (stem[:1].islower() and (stem in GREEK or stem in GREEK.values()))


def printed(name: str) -> str:
    """What two names have in common that look alike where they are printed: `lambda` and `λ`, `x1` and `x_1`."""
    stem = name.rstrip("0123456789")
    digits = name[len(stem) :]
    if stem.endswith("_") and digits:
        stem = stem[:-1]
    first, line, rest = stem.partition("_")
    return GREEK.get(first, first) + line + rest + digits


def options(setting: Iterable[tuple[int, int]]) -> list[str]:
    """The options of a convolution that are not the usual ones, as they are written: `stride=2`, `padding=(1, 0)`."""
    pairs = zip(USUAL.items(), setting, strict=True)
    return [f"{word}={p[0] if p[0] == p[1] else p}" for (word, usual), p in pairs if p != (usual, usual)]


def decimal(value: Fraction) -> str:
    """A number with many digits as people write it, 2e-20; empty if there are few, or no float is this number."""
    try:
        written = repr(float(value))
    except OverflowError:  # a product of numbers that float64 holds, and not this one
        return ""
    long = value.denominator > 10**6 or abs(value) >= 10**16
    return written if long and Fraction(written) == value else ""
