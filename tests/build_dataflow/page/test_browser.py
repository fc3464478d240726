"""The page in headless Chromium: nothing is asked of the network, nothing is complained of, and every control does something."""

import json
import shutil

import pytest

from build_dataflow.page.page import write_page
from tests.build_dataflow.page.axe import violations
from tests.build_dataflow.page.browser import browser, chromium

pytest.importorskip("vl_convert", reason="the page's charts need vl-convert-python (requirements/base.txt)")
pytestmark = pytest.mark.skipif(chromium() is None, reason="no Chromium on PATH (Debian: apt-get install chromium)")

MEASURED = {"frames": 16, "latency_cycles": 9, "works": [{"name": "layer0", "first": 0, "last": 2}, {"name": "layer1", "first": 3, "last": 5},
                                                        {"name": "layer2", "first": 5, "last": 8}]}
"""Stands for a measurement, which takes a second compilation: what it measures is tests/finn_steps/rtlsim/test_activity.py's."""
EXERCISE = """
(async () => {
  const drawn = (id) => document.getElementById(id).innerHTML, wait = () => new Promise((done) => setTimeout(done, 60)), dead = [];
  const charts = (control) => [...document.querySelectorAll('.plot')].map((plot) => plot.id)
    .filter((id) => id === control.dataset.for || ('group' in control.dataset && id.startsWith(control.dataset.for)));
  const changes = async (control, change) => {
    const before = charts(control).map(drawn).join();
    change(); control.dispatchEvent(new Event(control.type === 'range' ? 'input' : 'change', { bubbles: true })); await wait();
    if (charts(control).map(drawn).join() === before) dead.push(`${control.dataset.for} ${control.dataset.signal} ${control.value}`);
  };
  for (const control of document.querySelectorAll('[data-for]')) {
    if (control.tagName === 'SELECT') for (let i = control.options.length - 1; i >= 0; i--) {
      if (control.selectedIndex !== i) await changes(control, () => { control.selectedIndex = i; });
    }
    else if (control.type === 'range') for (const value of [control.min, control.max]) await changes(control, () => { control.value = value; });
    else for (let i = 0; i < 2; i++) await changes(control, () => { control.checked = !control.checked; });
  }
  return { controls: document.querySelectorAll('[data-for]').length, dead };
})()
"""
SORTS = """
[...document.querySelectorAll('thead th')].filter((heading) => heading.textContent.trim()).map((heading) => {
  const table = heading.closest('table'), cells = () => [...table.tBodies[0].rows].map((row) => row.cells[heading.cellIndex].textContent);
  const told = [];
  for (let i = 0; i < 2; i++) { heading.querySelector('button').click(); told.push([heading.getAttribute('aria-sort'), cells()]); }
  return { heading: heading.textContent, told };
})
"""


@pytest.fixture(scope="module")
def page(small_build, tmp_path_factory):
    """The page of a build with all its sections."""
    folder = tmp_path_factory.mktemp("shown") / "tagger"
    shutil.copytree(small_build, folder)
    latency = json.loads((folder / "report" / "summary.json").read_text())["hardware"]["latency_cycles"]
    (folder / "report" / "schedule.json").write_text(json.dumps({**MEASURED, "latency_cycles": latency}))
    return write_page([folder])


@pytest.fixture(scope="module")
def tab():
    with browser() as opened:
        yield opened


def test_every_control_does_something_and_nothing_is_fetched(tab, page):
    tab.open(page)
    assert tab.evaluate("document.querySelectorAll('.plot svg').length === document.querySelectorAll('.plot').length")
    exercised = tab.evaluate(EXERCISE)
    assert exercised["controls"] > 10 and exercised["dead"] == []
    for column in tab.evaluate(SORTS):
        (up, ascending), (down, descending) = column["told"]
        assert (up, down) == ("ascending", "descending") and sorted(ascending, key=ascending.index) == ascending
        numbers = [float(text.split()[0].replace(",", "").rstrip("%")) for text in ascending if text[:1].isdigit()]
        if len(numbers) == len(ascending):
            assert numbers == sorted(numbers), column["heading"]
        assert sorted(descending) == sorted(ascending)
    for theme in ("dark", "light"):
        tab.evaluate("document.getElementById('theme').click()")
        assert tab.evaluate("document.documentElement.dataset.theme") == theme
    assert tab.evaluate("[...document.querySelectorAll('nav a')].every((a) => document.querySelector(a.getAttribute('href')))")
    assert tab.errors == [] and [address for address in tab.requests if not address.startswith(("file:", "data:"))] == []


@pytest.mark.slow
@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1280, 390])
def test_it_fits_and_is_accessible(tab, page, width, dark):
    """Nothing sticks out sideways but what scrolls by itself, and axe-core finds nothing against WCAG 2.2 AA or its best practices."""
    tab.open(page, width, dark=dark)
    tab.evaluate("localStorage.clear()")  # of what was chosen by hand
    tab.open(page, width, dark=dark)
    assert tab.evaluate("document.documentElement.dataset.theme") == ("dark" if dark else "light")
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    out = "!e.closest('.scroll, svg, .sr') && e.getBoundingClientRect().right > innerWidth + 1"
    assert tab.evaluate(f"[...document.querySelectorAll('main *')].filter((e) => {out}).map((e) => e.outerHTML.slice(0, 80))") == []
    tab.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
    found = violations(tab)
    if found is None:
        pytest.skip("axe-core is not here (requirements/page_tests.txt)")
    assert found == []


@pytest.mark.slow
def test_the_keyboard_reaches_every_control_in_the_order_of_the_page(tab, page):
    tab.open(page)
    tab.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
    order = []
    for _ in range(400):
        tab.press("Tab", 9)
        place = tab.evaluate("[...document.querySelectorAll('*')].indexOf(document.activeElement)")
        if order and place <= order[-1]:
            break
        order.append(place)
    wanted = tab.evaluate("[...document.querySelectorAll('a, button, select, input, summary, .scroll')].filter((e) => e.checkVisibility())"
                          ".map((e) => [...document.querySelectorAll('*')].indexOf(e))")
    assert set(wanted) <= set(order) and order == sorted(order)
    tab.evaluate("document.querySelector('[data-for]').focus()")
    assert tab.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"


@pytest.mark.slow
def test_builds_stand_side_by_side(tab, page, small_build, tmp_path):
    both = write_page([page.parent.parent, small_build], tmp_path / "both.html", measure=False)
    tab.errors.clear()
    tab.open(both)
    assert tab.evaluate("document.querySelectorAll('article').length") == 2
    names = tab.evaluate("[...document.querySelectorAll('article h1')].map((heading) => heading.textContent)")
    assert len(set(names)) == 2 and all("tagger (" in name for name in names)
    rows = tab.evaluate("[...document.querySelectorAll('#compare tbody tr')].map((row) => [...row.cells].map((cell) => cell.textContent))")
    assert len(rows) > 5 and all(first == second for _, first, second in rows)
    assert tab.evaluate(EXERCISE)["dead"] == [] and tab.errors == []


@pytest.mark.slow
def test_print_shows_all_of_it(tab, page, tmp_path):
    tab.open(page, dark=True)
    tab.call("Emulation.setEmulatedMedia", media="print")
    tab.evaluate("dispatchEvent(new Event('beforeprint'))")
    shown = tab.evaluate("[...document.querySelectorAll('table')].filter((table) => table.offsetHeight > 0).length")
    assert shown == tab.evaluate("document.querySelectorAll('table').length")
    assert tab.evaluate("getComputedStyle(document.querySelector('.bar')).display") == "none"
    assert tab.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    tab.pdf(tmp_path / "page.pdf")
    assert (tmp_path / "page.pdf").read_bytes().startswith(b"%PDF")
    tab.call("Emulation.setEmulatedMedia", media="")
