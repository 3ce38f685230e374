"""Docstrings as pages show them: equations in blocks, labels in bold, sections of docs/equations.md as links."""

import re
from functools import cache
from pathlib import Path

import griffe
from pymdownx.slugs import slugify

ROOT = Path(__file__).resolve().parent.parent
LABEL = re.compile(r"([A-Z][a-z]+): *(.*)")
EQUATIONS = re.compile(r"(Forward|Backward)\b(,.*)?")
SECTION = re.compile(r"docs/(\w+)\.md(?:, sections? (\d(?:\.\d+)?))?")
FENCE = "```"
SPECIAL = re.compile(r"([\\*_\[\]#|])")


@cache
def anchors() -> dict[str, str]:
    """The anchor of each numbered section of docs/equations.md."""
    text = (ROOT / "docs/equations.md").read_text(encoding="utf-8")
    slug = slugify(case="lower")
    found = re.findall(r"^##+ ((\d(?:\.\d+)?)\.? .*)$", text, flags=re.MULTILINE)
    return {number: slug(title.replace("`", ""), "-") for title, number in found}


def linked(match: re.Match) -> str:
    page, section = match[1], match[2]
    anchor = f"#{anchors()[section]}" if page == "equations" and section in anchors() else ""
    return f"[{match[0]}](../{page}.md{anchor})" if (ROOT / f"docs/{page}.md").is_file() else match[0]


def prose(text: str) -> str:
    """A sentence whose signs are no Markdown, but for code between backticks."""
    parts = re.split(r"(`[^`]+`)", " ".join(text.split()))
    plain = [part if part.startswith("`") else SPECIAL.sub(r"\\\1", part).replace("<", "&lt;") for part in parts]
    return SECTION.sub(linked, "".join(plain))


def block(lines: list[str]) -> str:
    """Lines of equations as they stand, but for the marks of code: it is code now."""
    least = min(len(line) - len(line.lstrip()) for line in lines if line.strip())
    return "\n".join(["```text", *(line[least:].rstrip().replace("`", "") for line in lines), "```"])


def paragraphs(lines: list[str]) -> list[str]:
    """One part of a docstring between blank lines, as paragraphs and blocks."""
    if lines[0].lstrip().startswith(("|", "- ", "* ")):
        return ["\n".join(lines)]
    made: list[str] = []
    at = 0
    while at < len(lines):
        end = at + 1
        while end < len(lines) and lines[end].startswith("    "):
            end += 1
        head, rest = lines[at], lines[at + 1 : end]
        label = LABEL.fullmatch(head)
        if head.startswith(FENCE):
            end = next((i for i in range(at + 1, len(lines)) if lines[i].startswith(FENCE)), len(lines))
            made.append(block(lines[at + 1 : end]))
            end += 1
        elif head.startswith("    "):
            made.append(block(lines[at:end]))
        elif at == 0 and re.match(r"\w{1,5} = ", head) and "`" not in "".join(lines):
            end = len(lines)  # a part of equations, where the docstring's own margin is theirs
            made.append(block(lines))
        elif label and label[1] in ("Forward", "Backward") and " = " in label[2] and "`" not in label[2]:
            made += [f"**{label[1]}**", block([" " * (len(head) - len(label[2])) + label[2], *rest])]
        elif label:
            end = end if rest else ending(lines, end)
            made.append(f"**{label[1]}:** {prose(' '.join([label[2], *lines[at + 1 : end]]))}")
        elif EQUATIONS.fullmatch(head) and rest:
            made += [re.sub(r"^\w+", r"**\g<0>**", prose(head)), block(rest)]
        elif rest:
            made += [prose(head), block(rest)]
        else:
            end = ending(lines, end)
            made.append(prose(" ".join(lines[at:end])))
        at = end
    return made


def ending(lines: list[str], at: int) -> int:
    """Where the paragraph that goes on at this line ends: something else begins there."""
    while at < len(lines):
        line = lines[at]
        if LABEL.match(line) or EQUATIONS.fullmatch(line) or line.startswith(("    ", FENCE)):
            break
        at += 1
    return at


def to_markdown(text: str) -> str:
    """A docstring of this project as Markdown."""
    parts: list[str] = []
    gathered: list[str] = []
    for line in [*text.expandtabs(4).splitlines(), ""]:
        if line.strip():
            gathered.append(line)
        elif gathered:
            parts += paragraphs(gathered)
            gathered = []
    return "\n\n".join(parts)


class HouseDocstrings(griffe.Extension):
    """Turns every docstring once it is read."""

    def on_object(self, *, obj, **kwargs) -> None:
        if obj.docstring is not None:
            obj.docstring.value = to_markdown(obj.docstring.value)
