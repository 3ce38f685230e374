"""The outside oracle. Without PyTorch these tests are skipped, visibly; under `make judge` that is an error."""

import os

import pytest

EXECUTED_AT_LEAST = 1000  # `make judge` fails if fewer cases ran: a judge that is not asked must not look like a pass

try:
    import torch
except ImportError:
    torch = None
    if os.environ.get("NNMAT_JUDGE"):
        raise

collect_ignore_glob = [] if torch else ["test_*.py"]
_passed = 0


def pytest_runtest_logreport(report):
    global _passed
    _passed += report.when == "call" and report.passed and "judge" in report.nodeid


def pytest_terminal_summary(terminalreporter):
    if torch is None:
        terminalreporter.write_line("tests/judge: SKIPPED, PyTorch is not installed (make judge installs it)")
    else:
        terminalreporter.write_line(f"tests/judge: {_passed} cases compared with PyTorch {torch.__version__}")


def pytest_sessionfinish(session):
    if os.environ.get("NNMAT_JUDGE") and not session.config.getoption("keyword") and _passed < EXECUTED_AT_LEAST:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        print(f"\ntests/judge: only {_passed} cases passed, expected at least {EXECUTED_AT_LEAST}")
