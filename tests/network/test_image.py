"""The image of the how-to, as far as that goes without containers: its steps in an environment with nothing else in it,
then the commands of the compose file, with the paths that it mounts."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from counterfoil.engine.cometbft.process import find_engine
from tests.network.nets import PROJECT, Net, need_engine, signed_deals
from tests.unit.node.test_services import services

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("network"), pytest.mark.timeout(600)]
PAGE = PROJECT / "docs/how-to/run-a-network.md"
GRACE_SECONDS = 60.0


def steps() -> list[tuple[str, list[str]]]:
    """Of the Dockerfile on the page: (instruction, its words)."""
    (text,) = re.findall(r"```dockerfile\n(.*?)```", PAGE.read_text(), re.DOTALL)
    return [(line.split()[0], shlex.split(line)[1:]) for line in text.splitlines() if line.strip()]


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of programs of an environment that was made by these steps; the package is this checkout's wheel."""
    need_engine()
    folder = tmp_path_factory.mktemp("image")
    built = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder / "dist")]
    subprocess.run(built, cwd=PROJECT, capture_output=True, check=True)
    (wheel,) = (folder / "dist").glob("*.whl")
    (base, *_), *rest = steps()
    assert base == "FROM"
    venv.create(folder / "env", with_pip=True)
    programs = folder / "env" / "bin"
    for instruction, words in rest:
        if instruction == "COPY":
            source, target = words
            assert (source, Path(target).parent) == ("cometbft", Path("/usr/local/bin"))
            shutil.copy2(find_engine(), programs / Path(target).name)
            continue
        assert (instruction, words[:2]) == ("RUN", ["pip", "install"])
        own = [word.replace("counterfoil[", f"{wheel}[") for word in words[1:]]
        assert own != words[1:]
        done = subprocess.run(
            [programs / "python", "-m", "pip", *own, "--only-binary", ":all:", "--quiet"],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode and not os.environ.get("CI"):
            pytest.skip(f"the packages cannot be fetched here: {done.stderr[-200:]}")
        assert not done.returncode, done.stderr
    return programs


class Containers:
    """What a compose file runs, each as a process with the image's programs and nothing else."""

    def __init__(self, compose: Path, programs: Path) -> None:
        self.folder = compose.parent
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        for name, service in services(compose).items():
            self.running[name] = self._start(name, service, programs)

    def _start(self, name: str, service: dict[str, Any], programs: Path) -> subprocess.Popen[bytes]:
        mounted = dict(volume.split(":")[1::-1] for volume in service["volumes"])
        words = [str(self.folder / mounted[word]) if word in mounted else word for word in service["command"]]
        environment = {"PATH": str(programs), "LANG": "C.UTF-8"}
        with (self.folder / f"{name}.log").open("wb") as output:
            return subprocess.Popen(
                [str(programs / words[0]), *words[1:]],
                cwd="/",
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def stop(self) -> dict[str, int]:
        """As `docker compose down` does; returns with which code each ended."""
        for process in self.running.values():
            process.send_signal(signal.SIGTERM)
        return {name: process.wait(GRACE_SECONDS) for name, process in self.running.items()}

    def said(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def kill(self) -> None:
        for process in self.running.values():
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


@pytest.fixture
def containers(image: Path, tmp_path: Path) -> Iterator[tuple[Net, Containers]]:
    net = Net(tmp_path / "n", 1, 1, followers=1, encrypted=True)
    made = Containers(net.control.folder / "compose.yaml", image)
    try:
        yield net, made
    finally:
        made.kill()


def test_what_the_image_has_runs_the_services_of_the_compose_file(
    containers: tuple[Net, Containers],
) -> None:
    net, made = containers
    for name in net.names:
        try:
            net.wait_for_height(name, 1)
        except AssertionError:
            raise AssertionError(f"{name}: {made.said(name)}") from None
    net.seeded()
    (result,) = net.client("broker-a", "full-1").submit_many(signed_deals(net, "contained", 1))
    assert result.number == 0
    net.agreed()
    net.wait_for_height("follower-1", result.height)
    assert made.stop() == dict.fromkeys(made.running, 0), {name: made.said(name) for name in made.running}
