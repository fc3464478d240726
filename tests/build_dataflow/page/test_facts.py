"""What a page is made of: figures that are counted again by hand, and numbers that are the summary's."""

import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from build_dataflow.jsonfile import read_json, write_json
from build_dataflow.page.facts import Facts, at
from build_dataflow.page.page import page_or_reason, page_path, write_page
from build_dataflow.page.performance import nets_of, unknown
from build_dataflow.page.view import share_rows
from models.metrics.curves import performance_of, performance_of_labels

pytest.importorskip("vl_convert", reason="the page's charts need vl-convert-python (requirements/base.txt)")


class Data(HTMLParser):
    """(build, field, value, text) of every <data> element that names a field of summary.json."""

    def __init__(self, text: str):
        super().__init__()
        self.found, self._open = [], None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        told = dict(attrs)
        if tag == "data" and "data-field" in told:
            self._open = (told["data-build"], told["data-field"], told["value"])

    def handle_data(self, data):
        if self._open:
            self.found.append((*self._open, data))
            self._open = None


def test_the_page_says_what_the_summary_says(small_build, tmp_path):
    page = write_page([small_build], tmp_path / "page.html", measure=False)
    summary, shown = read_json(small_build / "report" / "summary.json"), Data(page.read_text()).found
    for _, field, value, text in shown:
        assert value == str(at(summary, field)), field
        number = float(text.replace(",", ""))
        assert abs(number - float(value)) <= 0.5 * 10.0 ** -len(text.partition(".")[2]), (field, text, value)
    assert {"accuracy.hardware", "hardware.latency_cycles", "hardware.ii_cycles", "estimate.lut", "estimate.ff", "model.nonzero_weights",
            "verification.samples", "verification.mismatches", "hardware.layers.2.MH", "hardware.layers.0.SIMD"} <= {one[1] for one in shown}


def test_the_page_is_one_file_that_asks_for_nothing(small_build, tmp_path):
    text = write_page([small_build], tmp_path / "page.html", measure=False).read_text()
    assert len(text.encode()) < 5_000_000
    text = re.sub(r"(<script[^>]*>).*?</script>", r"\1", text, flags=re.S)
    assert not re.findall(r"<(?:link|script|img|iframe|source)[^>]+(?:src|href)=[\"'](?!data:)[^\"'#]", text)
    assert not re.findall(r"@import|url\((?!data:)", text.split("</style>")[0])


def test_performance_is_that_of_the_samples(small_build):
    """Confusion and ROC of the hardware, counted again from its answers without the functions that made them."""
    from build_dataflow import load

    result, told = load(small_build), read_json(small_build / "report" / "performance.json")
    table = np.genfromtxt(result_table(small_build), delimiter=",", skip_header=1, dtype=str)
    x, y = table[:, :6].astype(np.float32), [told["classes"].index(name) for name in table[:, 6]]
    scores = result.predict(x).astype(np.float64)
    answered, hardware = scores.argmax(1), told["nets"]["hardware"]
    counts = [[sum(1 for a, b in zip(y, answered) if (a, b) == (i, j)) for j in range(4)] for i in range(4)]
    assert hardware["confusion"] == counts and hardware["accuracy"] == result.summary["accuracy"]["hardware"]
    shares = np.exp(scores - scores.max(1, keepdims=True))
    shares = shares[:, 2] / shares.sum(1)
    signal, background = shares[np.equal(y, 2)], shares[np.not_equal(y, 2)]
    area = np.mean((signal[:, None] > background) + 0.5 * (signal[:, None] == background))
    name = told["classes"][2]
    assert hardware["roc"][name]["auc"] == pytest.approx(area, rel=1e-5)
    efficiencies = {float(np.mean(signal >= cut)): float(np.mean(background >= cut)) for cut in np.unique(shares)}
    grid = dict(zip(told["signal_efficiency"], hardware["roc"][name]["background_efficiency"]))
    met = [(grid[s], b) for s, b in efficiencies.items() if s in grid]
    assert met and all(known == pytest.approx(b, rel=1e-5) for known, b in met)
    assert told["nets"]["onnxruntime"] == hardware


def result_table(folder):
    return read_json(folder / "report" / "options.json")["data"]


def test_answers_that_are_labels_have_no_roc():
    told = performance_of_labels(np.array([0, 1, 1, 2]), np.array([0, 1, 0, 2]), "abc")
    assert told["accuracy"] == 0.75 and told["confusion"] == [[1, 1, 0], [0, 1, 0], [0, 0, 1]] and "roc" not in told


def test_one_output_decides_between_two_classes():
    told = performance_of(np.array([[-1.0], [2.0], [0.0], [3.0]]), np.array([0, 1, 0, 0]), ("no", "yes"))
    assert told["confusion"] == [[2, 1], [0, 1]] and told["roc"]["yes"]["auc"] == pytest.approx(2 / 3, rel=1e-5)


def test_what_is_not_known_is_said(small_build, tmp_path):
    build = Facts.read(small_build)
    assert [net.title for net in nets_of(build)] == ["Your file", "Hardware"]
    assert any("record.json" in sentence for sentence in unknown(build))
    text = write_page([small_build], tmp_path / "page.html", measure=False).read_text()
    assert "The schedule is not known. It was not measured" in text and "Yosys was left out" in text


def test_shares_of_latency_add_up_to_it(small_build):
    build, layers = Facts.read(small_build), Facts.read(small_build).hardware["layers"]
    works = [{"name": layer["name"], "layer": True, "first": 2 * i, "last": 2 * i + 2} for i, layer in enumerate(layers)]
    rows, _ = share_rows(build, works)
    assert sum(row["value"] for row in rows if row["measure"] == "latency") == build.hardware["latency_cycles"]


def test_training_is_shown_only_where_it_is_this_models(labelled, small_build, tmp_path):
    """A record of other counts, or a performance.json of another file, is nobody's."""
    from build_dataflow.performance import keep_training

    model, imported = tmp_path / "net.onnx", read_json(small_build / "report" / "import.json")
    model.write_bytes(labelled[0].read_bytes())
    (tmp_path / "build" / "report").mkdir(parents=True)
    write_json(tmp_path / "build" / "report" / "import.json", imported)
    kept = tmp_path / "build" / "report" / "training.json"
    counts = {name: imported[name] for name in ("weights", "nonzero_weights")}
    record = {**counts, "accuracy": {"float": {"test": 0.9}}, "shipped": "fisher"}
    for wrong in ("no JSON", json.dumps([1]), json.dumps({**record, "weights": 1}), json.dumps({**record, "accuracy": 3})):
        (tmp_path / "record.json").write_text(wrong)
        (tmp_path / "performance.json").write_text(json.dumps({"model_sha256": "0" * 64}))
        keep_training(model, tmp_path / "build")
        assert not kept.exists()
    (tmp_path / "record.json").write_text(json.dumps(record))
    keep_training(model, tmp_path / "build")
    assert read_json(kept) == {"record": record, "performance": None}


def test_several_builds_have_a_page_beside_the_first(small_build, tmp_path):
    assert page_path([small_build]) == small_build / "report" / "report.html"
    assert page_path([small_build, small_build]).name == "report-tagger-tagger.html"


def test_a_page_that_cannot_be_written_is_said(small_build, tmp_path):
    path, reason = page_or_reason([small_build], tmp_path / "none" / "page.html", measure=False)
    assert path is None and "none" in reason
