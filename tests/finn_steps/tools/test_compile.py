"""What is told where g++ fails."""

import pytest

from finn_steps.tools.compile import reason


@pytest.mark.parametrize("told, line", [
    ("in file a.cpp:\na.cpp:3:1: error: expected ';'\n", "a.cpp:3:1: error: expected ';'"),
    ("/usr/bin/ld: final link failed: No space left on device\ncollect2: error: ld returned 1 exit status\n",
     "/usr/bin/ld: final link failed: No space left on device"),
    ("collect2: error: ld returned 1 exit status\n", "no message"),
    ("", "no message"),
])
def test_the_reason_is_the_compilers_or_the_linkers(told, line):
    assert reason(told) == line
