"""The steps of docs/kernels.md: what the page defines is measured, and computes what the kernels do."""

import numpy as np

import nnmat_kernels
from bench import kernels, ladder


def test_the_steps_of_the_ladder_are_right():
    """The page's own functions; each is one of its steps, from the loops to the kernels."""
    for case in ladder.cases():
        arrays = case.arrays(np.random.default_rng(0))
        exact = kernels.results(case.call(kernels.twins(), *kernels.copies(arrays, np.float64)))
        assert kernels.largest_error(kernels.results(case.call(nnmat_kernels, *arrays)), exact) < 1e-5
    page = ladder.defined()
    names = [*ladder.PRODUCTS.values(), *ladder.CONVOLUTIONS.values(), *ladder.FUNCTIONS.values()]
    compiled = [value for value in page.values() if hasattr(value, "py_func")]
    assert all(any(value is page[name] for name in names) for value in compiled)  # no step is forgotten
