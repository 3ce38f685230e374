"""scripts/warmup.py as a person runs it."""

from tests.scripts.running import run as run_script


def run(*arguments, **options):
    return run_script("warmup.py", *arguments, **options)


def test_it_says_how_long_it_took_and_where_the_kernels_are():
    run("--quiet")
    done = run("--quiet", "--dtype", "float32")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("float32: ")
    assert " s, 0 kernels compiled, " in done.stdout  # the run before has done it
    assert done.stderr == ""


def test_an_unknown_dtype_is_a_usage_error():
    done = run("--dtype", "float16")
    assert done.returncode == 2
    assert "invalid choice: 'float16'" in done.stderr


def test_a_cache_that_cannot_be_written_is_said_at_once(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    done = run("--quiet", NUMBA_CACHE_DIR=str(tmp_path / "file"))
    assert done.returncode == 1
    assert done.stderr.startswith("warmup.py: error:")
    assert len(done.stderr.splitlines()) == 1
