"""The pages hang together: links lead somewhere, pictures are those that the command draws, every page is in the index."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import click
import pytest

from build_dataflow.cli import cli
from build_dataflow.configuration import ROOT
from tests import pictures
from tests.documented import PAGES


def anchors(text: str) -> set[str]:
    """Of the headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", text, re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", (*PAGES, "CHANGELOG.md"))
def test_links_lead_somewhere(page):
    text = re.sub(r"```.*?```", "", (ROOT / page).read_text(), flags=re.S)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"https?:|mailto:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (ROOT / page).parent / path if path else ROOT / page
        assert file.exists(), f"{page}: {target}"
        assert not anchor or anchor in anchors(file.read_text()), f"{page}: {target}"


def test_every_page_is_in_the_index():
    index = (ROOT / "docs" / "README.md").read_text()
    pages = [page.removeprefix("docs/") for page in PAGES if page.startswith("docs/") and page != "docs/README.md"]
    assert [page for page in pages if f"({page})" not in index] == []
    assert [script.name for script in (ROOT / "docs" / "journeys").glob("*.sh") if f"journeys/{script.name}" not in index] == []
    assert "docs/README.md" in (ROOT / "README.md").read_text()


@pytest.mark.parametrize("name", pictures.PICTURES)
def test_pictures_are_drawn_anew(name):
    """python -m tests.pictures; no colour but those of the style sheet, which has both schemes."""
    drawn = pictures.PICTURES[name]()
    assert pictures.path_of(name).read_text() == drawn, "python -m tests.pictures draws it anew"
    root = ET.fromstring(drawn)
    assert "prefers-color-scheme:dark" in drawn and root.find("{*}title").text
    coloured = [element for element in root.iter() if {"fill", "stroke", "style"} & set(element.attrib)]
    assert coloured == [] and f"pictures/{name}" in (ROOT / "docs" / "idea.md").read_text()


OTHERS_OPTIONS = {
    "--no-deps", "--require-hashes", "--extra-index-url",  # pip's
    "--plot",  # of the package's measure.py
    "--assert",  # Verilator's
}


def own_options() -> set[str]:
    """Of every command, and of the modules of tests/ that a person starts."""
    found = {"--help", "--version", "--verbose"}

    def walk(command: click.Command) -> None:
        found.update(option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts))
        for below in getattr(command, "commands", {}).values():
            walk(below)

    for name in cli.list_commands(click.Context(cli)):
        walk(cli.get_command(click.Context(cli), name))
    programs = [path for folder in (".", "benchmarks", "fuzz", "fuzz/hostile") for path in (ROOT / "tests" / folder).glob("*.py")]
    declared = r'(?:add_argument|click\.option)\("(--[\w-]+)"'
    return found | {option for program in programs for option in re.findall(declared, program.read_text())}


@pytest.mark.parametrize("page", PAGES)
def test_options_that_a_page_names_are_there(page):
    named = set(re.findall(r"(?<![\w-])--[a-z][\w-]+", (ROOT / page).read_text()))
    assert named - own_options() - OTHERS_OPTIONS == set()


MADE = {"models/tagger"}
"""What commands of the pages write."""


@pytest.mark.parametrize("page", PAGES)
def test_files_that_a_page_names_are_there(page):
    """Paths below our folders, in backticks; a build's own (`deploy/core`, ...) are told from them by their first folders."""
    text = (ROOT / page).read_text()
    named = set(re.findall(r"`((?:finn_steps|build_dataflow|models|tests|docs|requirements|docker|findings)/[\w./-]+)`", text))
    assert {path for path in named if not (ROOT / path).exists()} <= MADE
