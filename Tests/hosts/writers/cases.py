#!/usr/bin/env python3
"""Lets calls of the system fail, one after the other, in a program that writes files.

    cases.py PROGRAM PRELOAD MODEL FOLDER

The n-th call of mkstemp, write, fchmod, fsync, close and rename that concerns the files of a command fails with EIO or ENOSPC, is
interrupted, or does a part, for each n: in `sign`, which replaces a file, and in `inspect`, which fills a folder. Each command ends well
or with 1 and a text that says why; what stands there afterwards is whole, the old or the new; and the next run without a fault leaves
what there is without any, and no temporary file.
"""
import errno
import os
import shutil
import subprocess
import sys

program, preload, model, folder = sys.argv[1:]
folder = os.path.realpath(folder)
CALLS = ["mkstemp", "write", "fchmod", "fsync", "close", "rename"]
ERRORS = [errno.EIO, errno.ENOSPC, errno.EINTR, 0]


def run(arguments, out, fault=None):
    """The exit status, what is said, and whether the fault happened."""
    hit = os.path.join(folder, "hit")
    environment = {**os.environ, "SWIFT_BACKTRACE": "enable=no"}
    if os.path.exists(hit):
        os.remove(hit)
    if fault:
        environment |= {"LD_PRELOAD": preload, "FAULT": " ".join(map(str, fault)), "FAULT_FOLDER": out, "FAULT_HIT": hit}
    done = subprocess.run([program, *arguments], capture_output=True, text=True, env=environment, timeout=120)
    return done.returncode, done.stderr + done.stdout, os.path.exists(hit)


def contents(out):
    """All files of a folder; of results, without the column of times."""
    files = {}
    for parent, _, names in os.walk(out):
        for name in names:
            with open(os.path.join(parent, name), "rb") as file:
                files[os.path.relpath(os.path.join(parent, name), out)] = file.read()
    return files


def deterministic(files):
    return {name: content for name, content in files.items() if name.endswith((".png", ".tif", ".sig"))}


def check(condition, text):
    if not condition:
        sys.exit(f"writers: {text}")


def faults_of(command, arguments, prepare, again):
    """prepare: makes the folder as it is before; arguments: of the folder; again: of the run that goes on."""
    out = os.path.join(folder, command)
    prepare(out)
    before = contents(out)
    status, said, _ = run(arguments(out), out)
    check(status == 0, f"{command} fails: {said}")
    whole = contents(out)
    count = overcome = 0
    for call in CALLS:
        for error in ERRORS:
            number = 0
            while error or call == "write":
                number += 1
                prepare(out)
                status, said, hit = run(arguments(out), out, (call, number, error))
                if not hit:
                    break
                what = f"{command}, {call} {number}, {os.strerror(error) if error else 'a part'}"
                count, overcome = count + 1, overcome + (status == 0)
                check(status in (0, 1), f"{what}: exit status {status}: {said}")
                check(status == 0 or error and os.strerror(error) in said, f"{what}: {said}")
                check(status == 0 or not (error == errno.EINTR and call in ("write", "fsync", "close")), f"{what} can go on: {said}")
                for name, content in deterministic(contents(out)).items():
                    check(content in (whole.get(name), before.get(name)), f"{what}: {name} is neither old nor new")
                check(status != 0 or deterministic(contents(out)) == deterministic(whole), f"{what}: files are missing")
                status, said, _ = run(again(out), out)
                check(status == 0, f"{what}: it cannot go on: {said}")
                after = contents(out)
                check(deterministic(after) == deterministic(whole) and after.keys() == whole.keys(),
                      f"{what}: afterwards {sorted(after)} instead of {sorted(whole)}")
    print(f"{command}: {count} faults, {overcome} overcome; whole files each time, none left over", flush=True)


def empty(out):
    shutil.rmtree(out, ignore_errors=True)
    os.makedirs(out)


def signed(out):
    empty(out)
    shutil.copy(model, os.path.join(out, "model.safetensors"))
    with open(os.path.join(out, "model.safetensors.sig"), "wb") as file:
        file.write(bytes(64))


def sign(out):
    return ["sign", "--key", os.path.join(folder, "key"), "--model", os.path.join(out, "model.safetensors"), "--quiet"]


def inspect(out, *more):
    return ["inspect", "--model", model, "--threshold", "1", os.path.join(folder, "images"), "--output", out, "--threads", "1",
            "--quiet", *more]


empty(os.path.join(folder, "images"))
with open(os.path.join(folder, "images", "0.ppm"), "wb") as file:
    file.write(b"P6 40 36 255\n" + bytes(k * 7 % 256 for k in range(40 * 36 * 3)))
status, said, _ = run(["keygen", "--key", os.path.join(folder, "key")], folder)
check(status == 0 or os.path.exists(os.path.join(folder, "key")), f"keygen: {said}")
faults_of("sign", sign, signed, sign)
faults_of("inspect", inspect, empty, lambda out: inspect(out, "--resume"))
