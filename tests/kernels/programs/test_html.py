"""Tables as notebooks show them."""

from html.parser import HTMLParser

from nnmat_kernels.programs.html import html_table


class Cells(HTMLParser):
    """The texts of the cells, row by row, and the tags that were left open."""

    def __init__(self, text):
        super().__init__()
        self.rows, self.open = [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] in ("td", "th"):
            self.rows[-1][-1] += data


def test_a_table_is_whole_and_what_is_in_it_is_text():
    text = html_table(["layer", "<b>"], [["  0 Linear", "1 & 2"], ["total", "3"]], left=1, foot=1)
    found = Cells(text)
    assert found.open == []
    assert found.rows == [["layer", "<b>"], ["\xa0\xa00 Linear", "1 & 2"], ["total", "3"]]
    assert text.count("text-align: left") == 3
    assert text.index("</tbody>") < text.index("total") < text.index("</tfoot>")
    assert "tfoot" not in html_table(["a"], [["b"]])
