"""What somebody sees who opens a page: in a headless Chromium, in a network of its own."""

from __future__ import annotations

import multiprocessing
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from cores import give_precedence_back
from figures import Line
from load import Load
from measure import Bench, progress
from programs import ProgramFailed, Running

sys.path.append(str(Path(__file__).resolve().parents[1] / "e2e"))

from harness.browser import WATCH, Chromium, add_interface  # noqa: E402
from harness.clock import READ_CLOCK, ClockCamera  # noqa: E402
from harness.namespace import enter_network  # noqa: E402
from harness.patience import wait_until  # noqa: E402
from harness.rtsp import Rtsp  # noqa: E402

CAMERA, DEMO = "cam0", "demo"
MAX_FIRST_PICTURE_MS = 400
MAX_AGE_MS = 60
MAX_FREEZE_MS = 1000
VISITS_A_ROUND = 6
WATCHED_MS = 3000  # from the first picture on
AGE_AT_MS = 1000, 2000  # of it


@dataclass(frozen=True)
class Visit:
    """What one page has shown; times in ms."""

    first_picture: float  # since the page was asked for
    longest_freeze: float
    age: float | None = None  # of a picture when it is seen, a second after the first; median
    in_browser: float | None = None  # part of that


def look_at(chromium: Chromium, url: str) -> Visit:
    """As for the first time: nothing of the page is in the browser's cache."""
    chromium.open("about:blank")
    chromium.open(url)
    chromium.wait(f"pictures.length > 0 && performance.now() > pictures[0] + {WATCHED_MS}", 30)
    first = chromium.evaluate("pictures[0]")
    since, until = (first + at for at in AGE_AT_MS)
    ages: list[dict[str, Any]] = [one for one in chromium.evaluate("ages")
                                  if since <= one["shown"] < until]
    freeze = chromium.evaluate("longestFreeze([...pictures, performance.now()])")
    if not ages:
        return Visit(first, freeze)
    return Visit(first, freeze, median(one["age"] for one in ages),
                 median(one["inBrowser"] for one in ages))


def visit_all(bench: Bench, load: Load) -> dict[str, dict[str, list[Visit]]]:
    """By path and program. A camera can publish to any server, the demo is ours."""
    enter_network()
    add_interface()
    give_precedence_back()
    found: dict[str, dict[str, list[Visit]]] = {CAMERA: {}, DEMO: {}}
    # The browser's children may still write when it has ended.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        chromium = start_browser(Path(folder))
        for _ in range(max(1, bench.plan.rounds // 3)):
            for program in bench.servers:
                with Running(program, load, bench.folder, bench.cores) as server:
                    visit(chromium, server, found)
        chromium.close()
    return found


def start_browser(folder: Path) -> Chromium:
    chromium = Chromium(folder)
    chromium.ask("Network.enable")
    chromium.ask("Network.setCacheDisabled", cacheDisabled=True)
    for script in (WATCH, READ_CLOCK):
        chromium.run_in_new_pages(script)
    return chromium


def visit(chromium: Chromium, server: Running, found: dict[str, dict[str, list[Visit]]]) -> None:
    program = server.program
    with ClockCamera(server.rtsp_url % 0, server.output.parent):
        wait_until(lambda: is_published(server), "the camera publishes", 10)
        for path in (CAMERA, DEMO) if program.is_ours else (CAMERA,):
            visits = found[path].setdefault(program.name, [])
            for _ in range(VISITS_A_ROUND):
                visits.append(look_at(chromium, server.page_url(path)))
                progress(".")


def is_published(server: Running) -> bool:
    with Rtsp(port=server.ports.rtsp) as client:
        return client.request("DESCRIBE", CAMERA).status == 200


def measure_browser(bench: Bench, load: Load) -> list[Line]:
    """In a process of its own, for that can enter another network."""
    if not shutil.which(Chromium.PROGRAM):
        raise ProgramFailed(f"{Chromium.PROGRAM} is not installed: `make test` does it")
    with multiprocessing.get_context("fork").Pool(1) as pool:
        try:
            found = pool.apply(visit_all, (bench, load))
        except AssertionError as why:
            raise ProgramFailed(str(why)) from why

    def cells(path: str, figure: str) -> dict[str, list[float]]:
        return {name: [value for one in visits if (value := getattr(one, figure)) is not None]
                for name, visits in found[path].items()}

    def worst(path: str) -> dict[str, list[float]]:
        return {name: [max(values)] for name, values in cells(path, "longest_freeze").items()}

    return [Line("first picture of /demo/, ms", cells(DEMO, "first_picture"), digits=0,
                 limit=MAX_FIRST_PICTURE_MS),
            Line("... of a camera, ms", cells(CAMERA, "first_picture"), digits=0,
                 limit=MAX_FIRST_PICTURE_MS),
            Line("from camera to screen, ms", cells(CAMERA, "age"), digits=0, limit=MAX_AGE_MS),
            Line("... in the browser, ms", cells(CAMERA, "in_browser"), digits=0),
            Line("longest freeze of /demo/, ms", worst(DEMO), digits=0, limit=MAX_FREEZE_MS),
            Line("... of a camera, ms", worst(CAMERA), digits=0, limit=MAX_FREEZE_MS)]
