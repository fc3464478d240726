"""The rooms of the project stand above what they import, and no file is in a circle."""

import networkx

from tests.house import PICTURE, imports, picture, rooms

ACCELERATOR_STANDS_ON = {"finn_steps.tools"}


def test_no_two_files_import_each_other_in_a_circle():
    assert not [sorted(circle) for circle in networkx.strongly_connected_components(imports()) if len(circle) > 1]


def test_a_circle_would_be_seen():
    graph = imports().copy()
    graph.add_edge("finn_steps.accelerator.accelerator", "finn_steps.folding.schedule")
    assert any(len(circle) > 1 for circle in networkx.strongly_connected_components(graph))


def test_the_accelerators_room_imports_nothing_above_it():
    assert set(rooms()["finn_steps.accelerator"]) == ACCELERATOR_STANDS_ON
    assert not set(rooms()["finn_steps.tools"])


def test_the_picture_shows_todays_imports():
    assert PICTURE.read_text() == picture(), "python -m tests.house draws docs/house.svg anew"
