"""A local HTTP server that answers as OpenML does: the JSON of a data set and its ARFF file."""

from __future__ import annotations

import hashlib
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np

from models.data.generator.names import FEATURES

DATA_ID = 42468


def arff(rows: int, features=FEATURES, labels="gqwzt", seed: int = 0) -> bytes:
    """An ARFF file in OpenML's form: REAL features, then the nominal class."""
    rng = np.random.default_rng(seed)
    lines = ["@RELATION hls4ml_lhc_jets_hlf", "", *(f"@ATTRIBUTE {name} REAL" for name in features)]
    lines += [f"@ATTRIBUTE class {{{', '.join(labels)}}}", "", "@DATA"]
    for row in range(rows):
        lines.append(",".join([*(f"{value:.6f}" for value in rng.normal(size=len(features))), labels[row % len(labels)]]))
    return ("\n".join(lines) + "\n").encode()


class Server:
    """`body` is the ARFF; `cut` sends only so many of its bytes; `status` answers everything with an HTTP error."""

    def __init__(self, body: bytes, features=FEATURES, labels="gqwzt"):
        self.body, self.features, self.labels = body, features, labels
        self.cut: int | None = None
        self.status: int | None = None
        self.requests: list[str] = []
        self.url = ""

    def answer(self, path: str) -> bytes | None:
        described = [{"index": str(i), "name": name, "data_type": "numeric"} for i, name in enumerate(self.features)]
        described += [{"index": str(len(described)), "name": "class", "data_type": "nominal", "nominal_value": list(self.labels)}]
        flags = {"is_target": "false", "is_ignore": "false", "is_row_identifier": "false", "number_of_missing_values": "0"}
        columns = [{**flags, **column, "is_target": str(column["name"] == "class").lower()} for column in described]
        description = {
            "id": str(DATA_ID), "name": "hls4ml_lhc_jets_hlf", "version": "1", "description": "jets", "format": "ARFF", "file_id": "1",
            "url": f"{self.url}/data/v1/download/1/jets.arff", "default_target_attribute": "class", "status": "active",
            "processing_date": "2020-01-01", "md5_checksum": hashlib.md5(self.body).hexdigest(),
        }  # fmt: skip
        rows = self.body.split(b"@DATA")[1].strip().count(b"\n") + 1
        pages = {
            f"/api/v1/json/data/{DATA_ID}": {"data_set_description": description},
            f"/api/v1/json/data/features/{DATA_ID}": {"data_features": {"feature": columns}},
            f"/api/v1/json/data/qualities/{DATA_ID}": {"data_qualities": {"quality": [{"name": "NumberOfInstances", "value": str(rows)}]}},
        }
        if path.endswith(".arff"):
            return self.body
        return json.dumps(pages[path]).encode() if path in pages else None


@contextmanager
def openml(server: Server, monkeypatch):
    """Serve, and point scikit-learn's client at the server."""
    import sklearn.datasets._openml as client

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            server.requests.append(self.path)
            content = server.answer(self.path)
            if server.status or content is None:
                self.send_error(server.status or 404)
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[: server.cut] if self.path.endswith(".arff") else content)

        def log_message(self, *args):
            pass

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.url = f"http://127.0.0.1:{listening.server_port}"
    for name in ("_DATA_INFO", "_DATA_FEATURES", "_DATA_QUALITIES"):
        monkeypatch.setattr(client, name, getattr(client, name).replace("https://api.openml.org", server.url))
    thread = threading.Thread(target=listening.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        listening.shutdown()
        listening.server_close()
        thread.join()
