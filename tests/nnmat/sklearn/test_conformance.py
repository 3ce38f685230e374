"""scikit-learn's own checks of estimators, all of them, none expected to fail and none skipped."""

import os
import subprocess
import sys

import pytest

from tests.extras import needs

pytestmark = [needs("sklearn", "pandas"), pytest.mark.once]

PROGRAM = """
import warnings
warnings.simplefilter("ignore")
from sklearn.utils.estimator_checks import check_estimator
from nnmat.sklearn import CNNClassifier, MLPClassifier, MLPRegressor, NetClassifier, NetRegressor
found = check_estimator({estimator}, expected_failed_checks={{}}, on_skip=None, on_fail=None)
for check in found:
    if check["status"] != "passed":
        print(check["check_name"], check["status"], repr(check["exception"]))
print(len(found), "checks")
"""
ESTIMATORS = {  # and the least number of checks that scikit-learn 1.9 has for its kind
    "MLPClassifier()": 60,
    "MLPRegressor()": 50,
    "CNNClassifier(channels=(4, 8))": 60,
    "NetClassifier()": 60,
    "NetRegressor()": 50,
}


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_every_check_of_scikit_learn_passes(estimator):
    # SCIPY_ARRAY_API is read when SciPy is imported: without it a check is skipped.
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(estimator=estimator)],
        env=os.environ | {"SCIPY_ARRAY_API": "1"},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    *failed, number = done.stdout.strip().splitlines()
    print(number)
    assert not failed
    assert int(number.split()[0]) >= ESTIMATORS[estimator]
