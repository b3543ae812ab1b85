"""What scripts/lint runs: see there."""
import concurrent.futures
import functools
import hashlib
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys

# clang 14 finds <coroutine> only under std::experimental, so what includes this is left out.
COROUTINES = "services/common/http/task.h"
GCC_ONLY = {"-fcoroutines", "-Wno-maybe-uninitialized", "-Wno-mismatched-new-delete", "-Winvalid-pch",
            "-fpch-preprocess", "-Werror"}
CACHE = pathlib.Path("build/lint")
# What is guarded is private: only a file that holds a lock, or whose own includes do, can break a
# promise. The others need no analysis, which costs seconds each.
LOCKS = re.compile(r"\b(Mutex|MutexLock|CondVar|SR_(GUARDED_BY|REQUIRES|EXCLUDES|ACQUIRE|RELEASE))\b")
INCLUDE = re.compile(r'^#include "([^"]+)"', re.M)


@functools.lru_cache(None)
def text_of(path):
    return pathlib.Path(path).read_text() if pathlib.Path(path).is_file() else ""


def locks(source):
    text = text_of(source)
    return any(LOCKS.search(t) for t in (text, *map(text_of, INCLUDE.findall(text))))


def command_for(entry):
    words = shlex.split(entry["command"])
    words = words[next(i for i, w in enumerate(words) if w.endswith("c++")) + 1:]
    kept, skip = [], False
    for i, word in enumerate(words):
        if skip:
            skip = False
        elif word in ("-o", "-c", "-MT", "-MF") or (word == "-include" and "pch" in words[i + 1]):
            skip = True
        elif word not in GCC_ONLY and word != "-MD":
            kept.append(word)
    return kept


def check(entry, fast):
    source = os.path.relpath(entry["file"])
    if fast and not locks(source):
        return source, "lockless", ""
    flags = command_for(entry)
    key = hashlib.sha256()
    expanded = subprocess.run(["clang++", *flags, "-MM", entry["file"]], cwd=entry["directory"],
                              capture_output=True, text=True)
    if COROUTINES in expanded.stdout or COROUTINES.endswith(source):
        return source, "skipped", ""
    for dependency in sorted(set(expanded.stdout.replace("\\\n", " ").split()[1:])):
        path = pathlib.Path(entry["directory"], dependency)
        key.update(path.read_bytes() if path.exists() else b"")
    key.update(pathlib.Path(".clang-tidy").read_bytes() + repr((flags, fast)).encode())
    stamp = CACHE / key.hexdigest()
    if expanded.returncode == 0 and stamp.exists():
        return source, "clean", ""
    run = subprocess.run(["clang++", *flags, "-Wno-everything", "-fsyntax-only",
                          "-Wthread-safety", "-Werror=thread-safety",
                          entry["file"]],
                         cwd=entry["directory"], capture_output=True, text=True)
    output = run.stdout + run.stderr
    if run.returncode == 0 and not fast:
        run = subprocess.run(["clang-tidy", "--quiet", entry["file"], "--", *flags, "-Wno-everything"],
                             cwd=entry["directory"], capture_output=True, text=True)
        output = run.stdout
    if run.returncode == 0:
        stamp.touch()
        return source, "clean", ""
    return source, "found", output


def main():
    fast = "--fast" in sys.argv
    CACHE.mkdir(parents=True, exist_ok=True)
    entries = [e for e in json.load(open("build/release/compile_commands.json"))
               if os.path.relpath(e["file"]).split("/")[0] in ("services", "tests", "bench")]
    found = skipped = lockless = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for source, result, output in pool.map(lambda e: check(e, fast), entries):
            skipped += result == "skipped"
            lockless += result == "lockless"
            if result == "found":
                found += 1
                print(f"== {source}\n{output}")
    print(f"{len(entries)} files, {lockless} without locks, {skipped} skipped (coroutines), {found} with findings")
    sys.exit(1 if found else 0)


main()
