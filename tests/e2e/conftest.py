"""Fixtures and options of the end-to-end tests. What they offer is in harness/."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from harness import go_client as go
from harness.server import Server, Servers

pytest_plugins = ["harness.isolate"]

ROOT = Path(__file__).resolve().parents[2]
SERVERS = pytest.StashKey[Servers]()
GO_CLIENT = pytest.StashKey[Path | str]()
LOG_LINES_SHOWN = 60


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("millrace")
    group.addoption("--long", action="store_true", help="also the tests marked `long`")
    group.addoption("--results", type=lambda name: Path(name).resolve(),
                    default=ROOT / "build" / "e2e",
                    help="folder for the logs of all servers and for test media")


def pytest_sessionstart(session: pytest.Session) -> None:
    results = session.config.getoption("results")
    shutil.rmtree(results, ignore_errors=True)
    results.mkdir(parents=True)
    # Made now, once: the tests, which run in processes of their own, only add to it.
    factory: pytest.TempPathFactory = session.config._tmp_path_factory  # type: ignore
    factory.getbasetemp()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("long"):
        for item in items:
            if item.get_closest_marker("long"):
                item.add_marker(pytest.mark.skip(reason="takes a minute or more: make test-full"))


def pytest_collection_finish(session: pytest.Session) -> None:
    wanted = [item for item in session.items if "go_client" in getattr(item, "fixturenames", ())
              and not item.get_closest_marker("skip")]
    if wanted and not session.config.option.collectonly:
        session.config.stash[GO_CLIENT] = go.build()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, None]:
    report = (yield).get_result()
    servers = item.stash.get(SERVERS, None)
    if report.failed and servers:
        for server in servers.started:
            log = "\n".join(server.lines[-LOG_LINES_SHOWN:])
            report.sections.append((f"output of {server.name} ({server.log_path})", log))


@pytest.fixture
def millrace_bin() -> Path:
    """The program under test."""
    path = Path(os.environ.get("MILLRACE_BIN", ROOT / "build" / "millrace")).resolve()
    assert path.is_file(), f"{path} is not built (make build), or set MILLRACE_BIN"
    return path


@pytest.fixture
def go_client(request: pytest.FixtureRequest) -> Path:
    """The RTSP client written in Go."""
    built = request.config.stash[GO_CLIENT]
    if isinstance(built, str):
        pytest.skip(built)
    return built


@pytest.fixture
def folder(request: pytest.FixtureRequest) -> Path:
    """A folder for the files of this test; it stays, for whoever looks into a failure."""
    name = re.sub(r"[^\w.-]+", "_", f"{request.node.path.stem}.{request.node.name}")
    path = request.config.getoption("results") / name
    path.mkdir(parents=True, exist_ok=True)
    return path


@pytest.fixture
def media(request: pytest.FixtureRequest) -> Path:
    """The folder of generated clips that the tests of one run share."""
    path = request.config.getoption("results") / "media"
    path.mkdir(exist_ok=True)
    return path


@pytest.fixture
def millrace(request: pytest.FixtureRequest, millrace_bin: Path, folder: Path) -> Iterator[Servers]:
    """Starts servers: `millrace("paths: {cam1: }")`. Those still running are stopped at the end,
    which must go well: exit status 0 and not a word from a sanitizer."""
    servers = Servers(millrace_bin, folder)
    request.node.stash[SERVERS] = servers
    yield servers
    servers.close()


@pytest.fixture
def server(millrace: Servers) -> Server:
    """A server on the default ports that accepts any path."""
    return millrace()
