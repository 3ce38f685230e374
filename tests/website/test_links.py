"""The judge of links finds what is wrong."""

from tests.website.loading import website

links = website("links")


def test_links_and_places(tmp_path):
    (tmp_path / "room").mkdir()
    (tmp_path / "index.html").write_text('<a href="room/b.html#here">b</a><a href="https://example.org">out</a>')
    (tmp_path / "room" / "b.html").write_text('<h1 id="here">B</h1><a href="..">up</a><a href="#here">self</a>')
    assert links.faults(tmp_path) == []


def test_where_no_pages_are_not_all_is_well(tmp_path):
    assert links.faults(tmp_path / "none") == [f"{tmp_path / 'none'}: no pages are there"]


def test_what_is_wrong_is_named(tmp_path):
    page = '<a href="gone.html">x</a><a href="#nowhere">y</a><script src="https://example.org/a.js"></script>'
    (tmp_path / "index.html").write_text(page)
    assert sorted(links.faults(tmp_path)) == [
        "index.html: #nowhere has no such place",
        "index.html: gone.html is not there",
        "index.html: loads https://example.org/a.js",
    ]
