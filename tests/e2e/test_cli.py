"""The command line, the exit codes, and what a crash leaves behind."""

from __future__ import annotations

import ctypes
import re
import signal
import subprocess
from pathlib import Path

import pytest

from harness.patience import patience, wait_until
from harness.server import DEFAULT_SETTINGS, LISTENS, Server, Servers

CONFIGURATION_LOADED = r"INF configuration loaded from (\S+)$"
CRASH_SIGNALS = [signal.SIGSEGV, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGTRAP,
                 signal.SIGABRT]


def run(program: Path, *arguments: str, folder: Path | None = None
        ) -> subprocess.CompletedProcess[str]:
    return subprocess.run([program, *arguments], cwd=folder, text=True, capture_output=True,
                          stdin=subprocess.DEVNULL, timeout=patience(10), check=False)


def is_sanitized(program: Path) -> bool:
    """Sanitizers keep the signals of the processor to themselves."""
    code = program.read_bytes()
    return b"__asan_init" in code or b"__tsan_init" in code


def signal_main_thread(server: Server, number: int) -> None:
    """Sent to the process, it may meet a thread that has nothing to tell."""
    assert ctypes.CDLL(None).tgkill(server.pid, server.pid, number) == 0


def build_id(program: Path) -> str:
    notes = subprocess.run(["readelf", "-n", program], text=True, capture_output=True, check=True)
    match = re.search(r"Build ID: ([0-9a-f]{40})$", notes.stdout, re.M)
    assert match, notes.stdout
    return match[1]


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_names_flags_and_commands(millrace_bin: Path, flag: str) -> None:
    result = run(millrace_bin, flag)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("Usage: millrace [<file>] [flags]\n")
    for word in ("--help", "--version", "--print-config", "load"):
        assert re.search(rf"^  .*{word}\b", result.stdout, re.M), word


def test_version_names_the_build(millrace_bin: Path) -> None:
    result = run(millrace_bin, "--version")
    assert (result.returncode, result.stderr) == (0, "")
    version, build = result.stdout.splitlines()
    assert re.fullmatch(r"millrace v\d+\.\d+\.\d+", version)
    assert build == f"build id {build_id(millrace_bin)}"


@pytest.mark.parametrize("arguments, complaint", [
    (["--foo"], "unknown flag --foo"),
    (["-x"], "unknown flag -x"),
    (["-"], "unknown flag -"),
    (["--versions"], "unknown flag --versions"),
    (["--version", "--foo"], "unknown flag --foo"),
    (["a.yml", "b.yml"], "unexpected argument b.yml"),
    (["a.yml", "load"], "unexpected argument load"),
])
def test_wrong_command_line(millrace_bin: Path, arguments: list[str], complaint: str) -> None:
    result = run(millrace_bin, *arguments)
    assert result.returncode == 80
    assert result.stdout.startswith("Usage: millrace ")
    assert result.stderr == f"millrace: error: {complaint}\n"


def test_commands_read_their_own_arguments(millrace_bin: Path) -> None:
    result = run(millrace_bin, "load", "--help")
    assert result.returncode == 0
    assert "--url" in result.stdout
    assert "--print-config" not in result.stdout


@pytest.mark.parametrize("flags", [[], ["--print-config"]], ids=["serve", "print"])
def test_file_that_does_not_exist(millrace_bin: Path, folder: Path, flags: list[str]) -> None:
    result = run(millrace_bin, *flags, "nofile.yml", folder=folder)
    assert result.returncode == 1
    assert result.stdout == "ERR: open nofile.yml: no such file or directory\n"


@pytest.mark.parametrize("settings", ["foo: 1\n", "logLevel: verbose\n", "a: b: c\n"],
                         ids=["unknown key", "wrong value", "no YAML"])
def test_wrong_settings_are_told_without_a_log(millrace_bin: Path, folder: Path,
                                               settings: str) -> None:
    (folder / "wrong.yml").write_text(settings)
    result = run(millrace_bin, "wrong.yml", folder=folder)
    assert result.returncode == 1
    assert result.stdout.startswith("ERR: ")
    assert "INF" not in result.stdout


def test_printed_configuration_is_one(millrace_bin: Path, folder: Path) -> None:
    (folder / "a.yml").write_text("readTimeout: 7s\npaths:\n  cam1:\n    source: publisher\n")
    first = run(millrace_bin, "--print-config", "a.yml", folder=folder)
    assert first.returncode == 0
    assert re.search(r"^readTimeout: 7s$", first.stdout, re.M)
    (folder / "b.yml").write_text(first.stdout)
    second = run(millrace_bin, "b.yml", "--print-config", folder=folder)
    assert second.stdout == first.stdout


def test_configuration_is_printed_without_a_file(millrace_bin: Path, folder: Path) -> None:
    result = run(millrace_bin, "--print-config", folder=folder)
    assert result.returncode == 0
    assert re.search(r"^rtspAddress: :8554$", result.stdout, re.M)
    assert "WAR" not in result.stdout


def test_full_disk_is_an_error(millrace_bin: Path, folder: Path) -> None:
    with open("/dev/full", "w", encoding="ascii") as full:
        result = subprocess.run([millrace_bin, "--print-config"], cwd=folder, stdout=full,
                                stderr=subprocess.PIPE, text=True, timeout=patience(10),
                                check=False)
    assert result.returncode == 1
    assert "No space left on device" in result.stderr


@pytest.mark.parametrize("present, wanted", [
    (["millrace.yml", "rtsp-simple-server.yml", "mediamtx.yml"], "millrace.yml"),
    (["rtsp-simple-server.yml", "mediamtx.yml"], "rtsp-simple-server.yml"),
    (["mediamtx.yml", "other.yml"], "mediamtx.yml"),
])
def test_file_lookup(millrace_bin: Path, folder: Path, present: list[str], wanted: str) -> None:
    for name in present:
        (folder / name).write_text(DEFAULT_SETTINGS)
    server = Server("lookup", [millrace_bin], folder, {})
    assert server.wait_log(CONFIGURATION_LOADED)[1] == str(folder.resolve() / wanted)
    server.wait_log(LISTENS)
    server.stop()


def test_no_file_at_all(millrace_bin: Path, folder: Path) -> None:
    server = Server("no-file", [millrace_bin], folder, {})
    server.wait_log(rf"WAR configuration file not found \(looked in {folder.resolve()}"
                    r"/millrace\.yml, .*\), using an empty configuration$")
    server.wait_log(LISTENS)
    server.stop()


def test_log_begins_with_version_and_file(millrace: Servers, folder: Path) -> None:
    server = millrace()
    lines = server.stop()
    assert re.fullmatch(r"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d INF millrace v\d+\.\d+\.\d+, linux, \w+",
                        lines[0])
    loaded = re.search(CONFIGURATION_LOADED, lines[1])
    assert loaded and loaded[1] == str(folder.resolve() / f"{server.name}.yml")
    assert server.count_log("millrace v") == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_asked_to_end_it_ends_well(millrace: Servers, number: signal.Signals) -> None:
    server = millrace()
    server.signal(number)
    assert server.wait_exit() == 0
    assert server.count_log("INF shutting down gracefully$") == 1


def test_limit_of_descriptors_is_raised(millrace: Servers) -> None:
    server = millrace(wrapper=["prlimit", "--nofile=64:1000"])
    limits = Path(f"/proc/{server.pid}/limits").read_text()
    assert re.search(r"^Max open files +1000 +1000 ", limits, re.M), limits


def test_closed_standard_descriptors_are_not_reused(millrace: Servers) -> None:
    server = millrace(wrapper=["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh"], wait=None)
    targets = [Path(f"/proc/{server.pid}/fd/{fd}") for fd in range(3)]
    wait_until(lambda: all(target.is_char_device() for target in targets), "all three are open")
    assert {str(target.readlink()) for target in targets} == {"/dev/null"}
    wait_until(lambda: server.descriptors() > 3, "something else is open")


@pytest.mark.parametrize("number", CRASH_SIGNALS)
def test_crash_leaves_a_report(millrace: Servers, millrace_bin: Path,
                               number: signal.Signals) -> None:
    if is_sanitized(millrace_bin) and number != signal.SIGABRT:
        pytest.skip("the sanitizer keeps this signal to itself")
    server = millrace("webrtc: no\n")  # whose certificate is still being made as it listens
    server.expected_exit = -number
    signal_main_thread(server, number)
    assert server.wait_exit() == -number

    report = "\n".join(server.lines)
    assert re.search(rf"^millrace crashed: {number.name}, sent by process \d+, in thread '", report,
                     re.M)
    assert f", build id {build_id(millrace_bin)}\n" in report
    stack = report.partition("\nstack:\n")[2]
    assert re.search(r"^  #\d+ \w+\+0x[0-9a-f]+ \(\S+\+0x[0-9a-f]+\)$", stack, re.M), stack
    assert "#0 libc.so.6+0x" in stack
    assert "_start+0x" in stack
    kept = stack.partition("last lines of the log:\n")[2]
    assert re.search(r"INF millrace v.*\n", kept)
    assert re.search(LISTENS, kept)
