"""Links of pages that lie elsewhere in the site than in the repository."""

from types import SimpleNamespace

from tests.extras import needs
from tests.website.loading import website

pytestmark = needs("mkdocs")
hooks = website("hooks")

FILES = [SimpleNamespace(src_uri=uri) for uri in ("tour.md", "howto/speed.md")]


def rewritten(markdown, at):
    return hooks.on_page_markdown(markdown, SimpleNamespace(file=SimpleNamespace(src_uri=at)), None, FILES)


def test_files_beside_the_pages():
    assert rewritten("[k](../kernels/README.md#x)", "tour.md") == "[k](reference/contracts.md#x)"
    assert rewritten("[k](../../CHANGELOG.md)", "howto/speed.md") == "[k](../changelog.md)"
    assert rewritten("[t](docs/tour.md)", "contributing.md") == "[t](tour.md)"


def test_files_without_a_page_become_text():
    assert rewritten("[the code](../nnmat/calls.py)", "tour.md") == "the code"
    assert rewritten("[gone](../nnmat/gone.py)", "tour.md") == "[gone](../nnmat/gone.py)"  # mkdocs refuses it


def test_what_stays():
    for text in ("[a](https://example.org/x)", "[b](#place)", "```\n[c](../nnmat/calls.py)\n```", "`x[0](y)`"):
        assert rewritten(text, "tour.md") == text
