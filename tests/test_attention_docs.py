"""The Python of docs/attention.md runs and prints what it says."""

import re
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path


def test_python_of_the_page_prints_what_it_says():
    page = (Path(__file__).parent.parent / "docs" / "attention.md").read_text()
    code = "\n".join(re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL))
    expected = re.findall(r"^print\(.*\)  # (.*)$", code, re.MULTILINE)
    printed = StringIO()
    with redirect_stdout(printed):
        exec(compile(code, "docs/attention.md", "exec"), {"__name__": "attention"})
    assert len(expected) == 3
    assert printed.getvalue().splitlines() == expected
