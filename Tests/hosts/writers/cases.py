#!/usr/bin/env python3
"""Lets calls of the system fail, one after the other, in a program that writes files.

    cases.py PROGRAM PRELOAD MODEL FOLDER DENSITY TRAINING...

FOLDER holds images of one product, images, and a finished training with its data, tasks.json and trained, which TRAINING are the
options of; see scripts/reliability/writers. The n-th call of each name in CALLS that concerns the files of a command fails with EIO or
ENOSPC, is interrupted, or does a part: for each n up to DENSITY, then for n ever further apart. The command ends well, or with 1 and a text that says why; what stands there afterwards is whole, the old or the new; and the
next run without a fault leaves what there is without any, and no temporary file.
"""
import errno
import os
import shutil
import subprocess
import sys

program, preload, model, folder, density, *training = sys.argv[1:]
folder = os.path.realpath(folder)
CALLS = ["mkstemp", "write", "fchmod", "fsync", "close", "rename", "link", "read", "pread"]
PARTIAL = ["write", "read", "pread"]
RESUMABLE = ["write", "fsync", "close", "read", "pread"]
ERRORS = [errno.EIO, errno.ENOSPC, errno.EINTR, 0]
# What is the same in each run: results of inspections have times.
WHOLE = (".png", ".tif", ".sig", ".safetensors", ".onnx", ".h", "scores.csv", "configuration.json", "pair")
FINAL = (*WHOLE, "metrics.jsonl")


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
    """All files of a folder; a private key and its public one are a pair."""
    files = {}
    for parent, _, names in os.walk(out):
        for name in names:
            with open(os.path.join(parent, name), "rb") as file:
                files[os.path.relpath(os.path.join(parent, name), out)] = file.read()
    if "key" in files and "key.pub" in files:
        public = subprocess.run(["openssl", "pkey", "-in", os.path.join(out, "key"), "-pubout"], capture_output=True).stdout
        check(public == files["key.pub"], "the public key is not that of the private one")
        check(os.stat(os.path.join(out, "key")).st_mode & 0o777 == 0o600, "others may read the private key")
        del files["key"], files["key.pub"]
        files["pair"] = b""
    return files


def chosen(files, endings):
    return {name: content for name, content in files.items() if name.endswith(endings)}


def check(condition, text):
    if not condition:
        sys.exit(f"writers: {text}")


def faults_of(command, arguments, prepare=lambda out: None, again=None):
    """arguments: of the output folder; prepare: fills it, which is empty; again: arguments of the run that goes on."""
    out = os.path.join(folder, "out")
    again = again or arguments

    def start():
        shutil.rmtree(out, ignore_errors=True)
        os.makedirs(out)
        prepare(out)

    start()
    before = contents(out)
    status, said, _ = run(arguments(out), out)
    check(status == 0, f"{command} fails: {said}")
    whole = contents(out)
    count = overcome = 0
    for call in CALLS:
        for error in ERRORS:
            number = 0
            while error or call in PARTIAL:
                number += 1 + number // int(density)
                start()
                status, said, hit = run(arguments(out), out, (call, number, error))
                if not hit:
                    break
                what = f"{command}, {call} {number}, {os.strerror(error) if error else 'a part'}"
                count, overcome = count + 1, overcome + (status == 0)
                check(status in (0, 1), f"{what}: exit status {status}: {said}")
                check(status == 0 or error and (os.strerror(error) in said or "read" in call and said), f"{what}: {said}")
                check(status == 0 or not (error == errno.EINTR and call in RESUMABLE), f"{what} can go on: {said}")
                left = contents(out)
                for name, content in chosen(left, WHOLE).items():
                    check(content in (whole.get(name), before.get(name)), f"{what}: {name} is neither old nor new")
                check(status != 0 or chosen(left, FINAL) == chosen(whole, FINAL), f"{what}: files are missing, or others")
                if status == 0 and again is arguments:
                    continue
                status, said, _ = run(again(out), out)
                check(status == 0, f"{what}: it cannot go on: {said}")
                after = contents(out)
                check(chosen(after, FINAL) == chosen(whole, FINAL) and after.keys() == whole.keys(),
                      f"{what}: afterwards {sorted(after)} instead of {sorted(whole)}")
    print(f"{command}: {count} faults, {overcome} overcome; whole files each time, none left over", flush=True)


def copied(source, name):
    return lambda out: shutil.copy(source, os.path.join(out, name))


def signed(out):
    copied(model, "model.safetensors")(out)
    with open(os.path.join(out, "model.safetensors.sig"), "wb") as file:
        file.write(bytes(64))


def trained(out):
    """A training whose last step is still to be done."""
    shutil.copytree(os.path.join(folder, "trained"), out, dirs_exist_ok=True)
    os.remove(os.path.join(out, "model.safetensors"))
    os.remove(os.path.join(out, "checkpoints", max(os.listdir(os.path.join(out, "checkpoints")))))


def command(name, *more, options=("--threads", "1", "--quiet")):
    """The arguments of a command, of an output folder that stands where they have {}."""
    return lambda out: [*name.split(), *(argument.replace("{}", out) for argument in more), *options]


images, key, adapted = (os.path.join(folder, name) for name in ("images", "key", "adapted.safetensors"))
for arguments in (["keygen", "--key", key], ["adapt", "--model", model, "--good", images, "--epochs", "1", "--output", adapted]):
    status, said, _ = run(arguments, folder)
    check(status == 0, f"{arguments[0]}: {said}")

old = copied(model, "model.safetensors")
inspect = ["inspect", "--model", adapted, os.path.join(images, "0-0.ppm"), "--output", "{}"]
faults_of("sign", command("sign", "--key", key, "--model", "{}/model.safetensors"), signed)
faults_of("keygen", command("keygen", "--key", "{}/key"))
faults_of("adapt", command("adapt", "--model", model, "--good", images, "--epochs", "1", "--output", "{}/model.safetensors"), old)
faults_of("threshold", command("threshold", "--model", adapted, "1", "--output", "{}/model.safetensors"), old)
faults_of("calibrate", command("calibrate", "--model", adapted, "--good", images, "--keep-map", "--output", "{}/model.safetensors"), old)
faults_of("export onnx", command("export onnx", "--model", adapted, "--output", "{}/model.onnx"), copied(model, "model.onnx"))
faults_of("export header", command("export header", "--model", adapted, "--output", "{}/model.h"), copied(model, "model.h"))
faults_of("inspect", command(*inspect), again=command(*inspect, "--resume"))
faults_of("meta-train", command("meta-train", *training, "--output", "{}", "--resume"), trained)
