"""scripts/descend.py as a person runs it."""

import json

import pytest

from tests.scripts.running import run as run_script
from tests.scripts.running import without


def run(*arguments, **options):
    return run_script("descend.py", *arguments, **options)


@pytest.fixture(scope="module")
def everything(tmp_path_factory):
    folder = tmp_path_factory.mktemp("descend")
    done = run("--seed", "0", "--json", str(folder / "d.json"), "--plot", str(folder / "d.png"))
    assert done.returncode == 0, done.stderr
    return done.stdout, json.loads((folder / "d.json").read_text()), folder


def test_the_problems_converge_to_their_answers(everything):
    _, report, _ = everything
    problems = report["problems"]
    assert set(problems) == {"least-squares", "softmax", "digits", "digits-newton", "gaussian"}
    assert all(problem["converged"] and problem["gradient_norm"] <= 1e-6 for problem in problems.values())
    assert problems["least-squares"]["measured"]["distance from the solution of the normal equations"] < 1e-6
    assert problems["gaussian"]["measured"]["distance from the sample mean"] < 1e-5
    assert problems["gaussian"]["measured"]["distance from the sample covariance"] < 1e-5
    assert problems["softmax"]["measured"]["accuracy on the samples"] > 0.5


def test_newton_beside_steepest_descent(everything):
    text, report, _ = everything
    slow, fast = report["problems"]["digits"], report["problems"]["digits-newton"]
    assert (slow["method"], fast["method"]) == ("steepest descent", "Newton's method")
    assert fast["iterations"] <= 10 < 100 < slow["iterations"]
    assert abs(fast["f"] - slow["f"]) < 1e-9
    assert fast["measured"]["accuracy on the samples"] == slow["measured"]["accuracy on the samples"] > 0.8
    assert fast["measured"]["products of the Hessian with a matrix"] == sum(fast["history"]["products"])
    assert "Newton's method, line search: armijo" in text


def test_the_mistakes_are_measured(everything):
    text, report, _ = everything
    mistakes = report["mistakes"]
    law = mistakes["wrong_determinant"]
    assert law["dimension"] == 3
    assert abs(law["wrong_over_sample_covariance"] - 3) < 1e-4
    assert abs(law["right_over_sample_covariance"] - 1) < 1e-4
    assert law["relative_distance_from_D_times_it"] < 1e-4
    assert law["f_wrong"] > law["f_right"] + 0.1
    sign = mistakes["minus_sign"]
    assert all(b > a for a, b in zip(sign["f_minus"], sign["f_minus"][1:], strict=False))
    assert all(b < a for a, b in zip(sign["f_plus"], sign["f_plus"][1:], strict=False))
    step = mistakes["fixed_unit_step"]
    assert not step["converged"]
    assert abs(sum(step["last_two_distances"]) - step["alpha"]) < 1e-9
    assert step["smallest_of_last_200"] > 1e-6
    for sentence in ("settles at 3.0000", "The minus sign climbs", "It never converges"):
        assert sentence in text


def test_the_files_are_whole(everything):
    _, report, folder = everything
    assert report["settings"]["seed"] == 0
    assert (folder / "d.png").read_bytes().startswith(b"\x89PNG")
    assert sorted(path.name for path in folder.iterdir()) == ["d.json", "d.png"]


@pytest.mark.parametrize("search", ["armijo", "wolfe"])
def test_another_search_and_seed(search, tmp_path):
    done = run("gaussian", "--line-search", search, "--seed", "3", "--json", str(tmp_path / "d.json"))
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "d.json").read_text())
    assert list(report["problems"]) == ["gaussian"]
    assert report["problems"]["gaussian"]["line_search"] == search
    assert report["problems"]["gaussian"]["converged"]
    assert report["mistakes"] == {}


def test_too_few_iterations_are_said():
    done = run("least-squares", "--max-iterations", "3")
    assert done.returncode == 0
    assert "not converged after 3 steps" in done.stdout


def test_help_teaches():
    done = run("--help")
    assert done.returncode == 0
    for word in ("least-squares", "digits", "gaussian", "mistakes", "examples", "strong Wolfe", "--json"):
        assert word in done.stdout


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["cubic"], "invalid choice: 'cubic'"),
        (["--frobnicate"], "unrecognized arguments: --frobnicate"),
        (["--seed", "-1"], "--seed"),
        (["--seed", "x"], "--seed"),
        (["--tol", "-1"], "--tol"),
        (["--tol", "nan"], "--tol"),
        (["--max-iterations", "-5"], "--max-iterations"),
        (["--json", "/no/such/folder/d.json"], "/no/such/folder does not exist"),
        (["--plot", "picture.txt"], ".png"),
        (["gaussian", "--line-search", "exact"], "least-squares only"),
        (["mistakes", "--plot", "d.png"], "--plot"),
    ],
)
def test_wrong_options_are_a_usage_message(arguments, text):
    done = run(*arguments)
    assert done.returncode == 2
    assert "usage:" in done.stderr
    assert text in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_missing_matplotlib_is_said_before_the_work(tmp_path):
    done = run("--plot", str(tmp_path / "d.png"), before=without("matplotlib", tmp_path))
    assert done.returncode == 1
    assert "--plot: expected matplotlib to be installed, it is not. Try: pip install" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert not (tmp_path / "d.png").exists()
