"""What one imports."""

import subprocess
import sys

from tests.extras import needs

pytestmark = needs("sklearn")

WITHOUT = """
import sys
import nnmat
assert "sklearn" not in sys.modules  # only who asks for estimators loads it
sys.modules["sklearn"] = None
try:
    import nnmat.sklearn
except nnmat.MissingExtraError as error:
    print(error)
"""


def test_without_scikit_learn_it_says_what_to_install():
    said = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True, check=True).stdout
    assert said.startswith("nnmat.sklearn: expected sklearn to be installed, it is not.")
    assert "pip install 'nnmat[sklearn]'" in said


def test_the_public_names():
    import nnmat.sklearn

    assert all(hasattr(nnmat.sklearn, name) for name in nnmat.sklearn.__all__)
