#!/usr/bin/env python3
"""Every source file is named by the CMakeLists.txt of its folder: no globs, nothing forgotten."""
import pathlib
import re
import sys

missing = []
for top in ("services", "tests", "bench"):
    for source in sorted(pathlib.Path(top).rglob("*.cc")):
        if "node_modules" in source.parts:
            continue
        listing = source.parent / "CMakeLists.txt"
        text = listing.read_text() if listing.exists() else ""
        stem = source.name.removesuffix("_test.cc")
        in_loop = "${name}_test.cc" in text and stem in text
        # migrations are listed by the folder above
        above = source.parent.parent / "CMakeLists.txt"
        relative = f"{source.parent.name}/{source.name}"
        listed = re.search(rf'(?<![\w/]){re.escape(source.name)}(?!\w)', text)
        if not listed and not in_loop and not (
                above.exists() and relative in above.read_text()):
            missing.append(f"{source} is in no CMakeLists.txt")
# Of the page, which CMake builds anew when one of these changes.
page = pathlib.Path("web/CMakeLists.txt").read_text()
for source in sorted(pathlib.Path("web/src").rglob("*.*")):
    if not re.search(rf'(?<![\w/]){re.escape(str(source.relative_to("web")))}(?!\w)', page):
        missing.append(f"{source} is not in web/CMakeLists.txt")
print("\n".join(missing) or "all sources are listed")
sys.exit(1 if missing else 0)
