"""A derivation: the record of how a gradient was found, line by line, each with the law that justifies it."""

from ...checks import counted
from ..checking.verify import check
from ..notation.text import Writer
from ..pages.derivation_page import cell, page
from ..records.exchange import parts_of, record_text
from ..records.programs import numpy_code, python_code
from ..records.record import Record
from ..records.report import latex_report, report

LINKS = 20  # gradients of the chain that are shown at the prompt


class Derivation(Record):
    """The gradient of `function` by `wrt`: `gradient`, the `chain` of gradients that leads there, and all `steps`."""

    def check(self, trials: int = 3, seed: int = 0) -> float:
        """Check every line at `trials` random points in float64; the largest relative error.

        Raises UnverifiedError with the step and the counterexample.
        """
        return check(self, trials, seed)

    def __repr__(self) -> str:
        """The chain: the gradient of each quantity in terms of those before it."""
        w = Writer()
        w.know(self.root)
        links = self.chain if len(self.chain) <= LINKS else [*self.chain[:LINKS], self.chain[-1]]
        rows = [f"{w.gradient_of(f'{link.name} f')} = {Writer().write(link.local)}" for link in links]
        if len(links) < len(self.chain):
            rows.insert(-1, f"... {len(self.chain) - len(links)} more")
        return "\n".join(rows)

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

    def to_json(self) -> str:
        """The whole record as JSON, every line as code; `nnmat verify` judges it without this package's laws.

        Raises NotDerivable for a function of one's own, which nobody else knows.
        """
        return record_text(self)

    @classmethod
    def from_json(cls, text: str) -> "Derivation":
        """The derivation that `to_json` wrote. Raises RecordError for a text that is none or that was changed."""
        return cls(**parts_of(text))

    def to_html(self, trials: int = 3, seed: int = 0) -> str:
        """The derivation as a page of HTML with MathML that needs no network; every line is checked first.

        Raises UnverifiedError as `check` does.
        """
        return page(self, self.evidence(trials, seed))

    def evidence(self, trials: int = 3, seed: int = 0) -> str:
        """Every line checked now, and what came out, in words."""
        error = self.check(trials, seed)
        return (
            f"{counted(len(self.steps), 'step')} checked at {counted(trials, 'random point')}, "
            f"largest relative error {error:.1e}"
        )

    def _repr_html_(self) -> str:
        return cell(self)

    def _repr_latex_(self) -> str:
        return self.to_latex()
