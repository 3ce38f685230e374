"""A derivation: the record of how a gradient was found, line by line, each with the law that justifies it."""

from ..checking.verify import check
from ..pages.derivation_page import fragment, page
from ..records.programs import numpy_code, python_code
from ..records.record import Record
from ..records.report import latex_report, report


class Derivation(Record):
    """The gradient of `function` by `wrt`: `gradient`, the `chain` of gradients that leads there, and all `steps`."""

    def check(self, trials: int = 3, seed: int = 0) -> float:
        """Check every line at `trials` random points in float64; the largest relative error.

        Raises UnverifiedError with the step and the counterexample.
        """
        return check(self, trials, seed)

    def __str__(self) -> str:
        return report(self)

    def to_text(self, full: bool = False) -> str:
        """The derivation as text; `full` shows each simplification as a line of its own."""
        return report(self, full=full)

    def to_latex(self, full: bool = False) -> str:
        """The derivation as LaTeX, an align* environment for each stage."""
        return latex_report(self, full=full)

    def to_python(self) -> str:
        """The gradient as code, which `parse` reads back: quantities first, what is repeated under a name."""
        return python_code(self)

    def to_numpy(self) -> str:
        """The gradient as a Python function of arrays, with NumPy alone."""
        return numpy_code(self)

    def to_html(self, trials: int = 3, seed: int = 0) -> str:
        """The derivation as a page of HTML with MathML that needs no network; every line is checked first.

        Raises UnverifiedError as `check` does.
        """
        return page(self, self.evidence(trials, seed))

    def evidence(self, trials: int = 3, seed: int = 0) -> str:
        """Every line checked now, and what came out, in words."""
        error = self.check(trials, seed)
        return f"{len(self.steps)} steps checked at {trials} random points, largest relative error {error:.1e}"

    def _repr_html_(self) -> str:
        return fragment(self)

    def _repr_latex_(self) -> str:
        return self.to_latex()
