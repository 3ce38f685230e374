"""What numbers depend on, and how it is shown."""

import os
import platform

from bench import machine


def test_the_command_is_shown_without_files():
    words = ["/some/where/kernels.py", "--only", "relu", "--json", "/tmp/x.json", "--peer", "torch", "--json=y"]
    assert machine.command(words) == "python scripts/kernels.py --only relu --peer torch"


def test_the_facts_of_this_machine():
    found = machine.facts(3)
    assert (found["threads"], found["cores"]) == (3, os.cpu_count())
    assert found["cpu"]
    assert found["target"]
    assert list(found["versions"]) == ["Python", "NumPy", "Numba", "PyTorch", "JAX", "scikit-learn"]
    assert found["versions"]["Python"] == platform.python_version()


def test_the_facts_are_shown_in_three_lines():
    versions = {"Python": "3.11", "PyTorch": "not installed"}
    facts = {"cpu": "CPU", "target": "znver5", "cores": 2, "caches": "L1d 32K", "threads": 2, "versions": versions}
    assert machine.shown(facts | {"command": "python scripts/x.py"}).splitlines() == [
        "CPU (code for znver5), 2 cores, L1d 32K",
        "Python 3.11, PyTorch not installed; 2 threads, float32",
        "python scripts/x.py",
    ]


def test_one_thread_is_no_plural():
    assert [machine.threads_in_words(n) for n in (1, 2)] == ["1 thread", "2 threads"]
