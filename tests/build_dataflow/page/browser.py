"""Headless Chromium through its own protocol (CDP): pages from disk, with what they write to the console and what they ask of the network."""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

from tornado.websocket import websocket_connect

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync",
         "--no-first-run", "--mute-audio", "--hide-scrollbars", "--remote-debugging-port=0")
PATIENCE_S = 120.0


def chromium() -> str | None:
    """Its path; None where there is none."""
    return next((path for path in map(shutil.which, NAMES) if path), None)


class Page:
    """A tab. `errors` are the console's errors and uncaught exceptions, `requests` the addresses of all that was asked for."""

    def __init__(self, loop: asyncio.AbstractEventLoop, socket):
        self.loop, self.socket, self.number = loop, socket, 0
        self.errors: list[str] = []
        self.requests: list[str] = []

    def call(self, method: str, **parameters) -> dict:
        return self.loop.run_until_complete(asyncio.wait_for(self._call(method, parameters), PATIENCE_S))

    async def _call(self, method: str, parameters: dict) -> dict:
        self.number += 1
        number = self.number
        await self.socket.write_message(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            message = json.loads(await self.socket.read_message())
            if message.get("id") == number:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']['message']}")
                return message["result"]
            self._hear(message)

    def _hear(self, message: dict) -> None:
        kind, told = message.get("method"), message.get("params", {})
        if kind == "Runtime.consoleAPICalled" and told["type"] in ("error", "warning", "assert"):
            self.errors.append(" ".join(str(part.get("value", part.get("description"))) for part in told["args"]))
        if kind == "Runtime.exceptionThrown":
            self.errors.append(told["exceptionDetails"].get("exception", {}).get("description", told["exceptionDetails"]["text"]))
        if kind == "Log.entryAdded" and told["entry"]["level"] in ("error", "warning"):
            self.errors.append(told["entry"]["text"])
        if kind == "Network.requestWillBeSent":
            self.requests.append(told["request"]["url"])

    def evaluate(self, expression: str):
        """The value of a JavaScript expression, awaited if it is a promise. RuntimeError where it throws."""
        found = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in found:
            raise RuntimeError(found["exceptionDetails"].get("exception", {}).get("description", "exception"))
        return found["result"].get("value")

    def open(self, path: Path, width: int = 1280, height: int = 900, dark: bool = False) -> None:
        """Load a file and wait until its charts are drawn."""
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600)
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])
        self.call("Page.navigate", url=path.resolve().as_uri())
        until = time.monotonic() + PATIENCE_S
        while not self.evaluate("location.protocol === 'file:' && document.documentElement?.dataset.ready === 'true'"):
            if time.monotonic() > until:
                raise TimeoutError(f"{path}: its charts are not drawn after {PATIENCE_S:g} s; the console: {self.errors}")
            time.sleep(0.05)

    def press(self, key: str, code: int = 0) -> None:
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code)

    def screenshot(self, path: Path, height: int | None = None, top: int = 0) -> None:
        """A PNG of the page from `top` down, `height` pixels or all."""
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": top, "width": size["width"], "height": min(height or size["height"], size["height"] - top), "scale": 1}
        shot = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)
        path.write_bytes(base64.b64decode(shot["data"]))

    def pdf(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self.call("Page.printToPDF", printBackground=True, preferCSSPageSize=True)["data"]))


@contextmanager
def browser():
    """A Page of a Chromium that ends with the block."""
    with tempfile.TemporaryDirectory(prefix="qapflow-chromium-", ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen([chromium(), *FLAGS, f"--user-data-dir={profile}", "about:blank"], stderr=subprocess.PIPE, text=True)
        loop = asyncio.new_event_loop()
        try:
            address = next(line.split()[-1] for line in process.stderr if line.startswith("DevTools listening on"))
            yield loop.run_until_complete(_tab(loop, address))
        finally:
            process.terminate()
            process.wait()
            process.stderr.close()
            loop.close()


async def _tab(loop: asyncio.AbstractEventLoop, address: str) -> Page:
    from tornado.httpclient import AsyncHTTPClient

    port = address.split(":")[2].split("/")[0]
    found = json.loads((await AsyncHTTPClient().fetch(f"http://127.0.0.1:{port}/json")).body)
    tab = next(target for target in found if target["type"] == "page")
    return Page(loop, await websocket_connect(tab["webSocketDebuggerUrl"], max_message_size=2**28))
