"""deploy/README.md against the code: the register map, the package's files, the figures."""

import re

from deploy import fabric
from deploy.package import BOARD_FILES, SOURCE
from deploy.shell.boards import BOARDS

TEXT = (SOURCE / "README.md").read_text()


def test_register_map_has_every_register():
    rows = set(re.findall(r"^\| (0x[0-9A-F]+)", TEXT, re.M))
    registers = {
        fabric.SAMPLES_IN,
        fabric.SAMPLES_OUT,
        fabric.STARVED,
        fabric.STALLED,
        fabric.INTERVAL_LEAST,
        fabric.SUM_GREATEST,
        fabric.SUM_LOW,
        fabric.SPAN,
        fabric.STATUS,
        fabric.PATTERN_SAMPLES,
        fabric.HISTOGRAM,
    }
    registers |= {fabric.IDENTITY + 4 * i for i in (0, 1, 2, 4, 5, 6)}
    assert rows == {f"0x{register:03X}" for register in registers}
    assert f"Version {fabric.VERSION}." in TEXT and f"0x{fabric.MAGIC:08X}" in TEXT


def test_every_file_of_the_package_and_every_board_is_named():
    for name in BOARD_FILES:
        assert f"`{name}`" in TEXT or f"`driver/{name}`" in TEXT
    for board in BOARDS:
        assert f"`{board}`" in TEXT
