"""The Python of these pages runs and prints what they say."""

import re
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import pytest


@pytest.mark.parametrize(("name", "prints"), [("attention", 3), ("hdc", 1)])
def test_python_of_the_page_prints_what_it_says(name: str, prints: int) -> None:
    page = (Path(__file__).parent.parent / "docs" / f"{name}.md").read_text()
    code = "\n".join(re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL))
    expected = re.findall(r"^print\(.*\)  # (.*)$", code, re.MULTILINE)
    printed = StringIO()
    with redirect_stdout(printed):
        exec(compile(code, f"docs/{name}.md", "exec"), {"__name__": name})
    assert len(expected) == prints
    assert printed.getvalue().splitlines() == expected
