#!/usr/bin/env python3
"""Stands in for Docker's client where there is no engine: does what run-docker.sh asks with buildah, as root, without isolation but chroot.

Volumes are folders in $VOLUMES; images and containers are kept in $STORAGE, by the driver $STORAGE_DRIVER.
"""

import argparse
import csv
import os
import subprocess
import sys
from pathlib import Path

STORAGE = os.environ["STORAGE"]
BUILDAH = ["buildah", "--root", f"{STORAGE}/root", "--runroot", f"{STORAGE}/run"]


def buildah(*arguments: str, **options) -> subprocess.CompletedProcess:
    return subprocess.run([*BUILDAH, *arguments], **options)


def run(arguments: list[str]) -> int:
    """`docker run`: a container, the command in it with its mounts, user and environment, and the container's end."""
    parser = argparse.ArgumentParser()
    for flag in ("--rm", "--init", "--interactive"):
        parser.add_argument(flag, action="store_true")
    for name in ("--user", "--workdir"):
        parser.add_argument(name)
    for name in ("--env", "--volume", "--mount"):
        parser.add_argument(name, action="append", default=[])
    parser.add_argument("image")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    asked = parser.parse_args(arguments)

    options = ["--user", asked.user, "--workingdir", asked.workdir, *(f"--env={value}" for value in asked.env)]
    for mount in asked.mount:
        fields = dict(field.split("=", 1) for field in next(csv.reader([mount])) if "=" in field)
        options.append(f"--volume={fields['source']}:{fields['target']}:{'ro' if mount.endswith(',readonly') else 'rw'}")
    for volume in asked.volume:
        name, target = volume.split(":")
        folder = Path(os.environ["VOLUMES"]) / name
        folder.mkdir(exist_ok=True)
        folder.chmod(0o1777)
        options.append(f"--volume={folder}:{target}:rw")
    container = buildah("from", "--pull-never", f"localhost/{asked.image}", check=True, capture_output=True, text=True).stdout.strip()
    try:
        return buildah("run", "--isolation", "chroot", *options, container, "--", *asked.command).returncode
    finally:
        buildah("rm", container, stdout=subprocess.DEVNULL)


def main(arguments: list[str]) -> int:
    match arguments:
        case ["image", "inspect", image]:
            return buildah("inspect", "--type", "image", f"localhost/{image}", capture_output=True).returncode
        case ["version"]:
            return buildah("--version").returncode
        case ["build", *rest]:
            return buildah("bud", "--isolation", "chroot", "--network", "host", "--pull-never", *rest).returncode
        case ["run", *rest]:
            return run(rest)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
