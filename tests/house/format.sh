#!/usr/bin/env bash
# Every tracked C++ file is formatted as .clang-format says.
set -euo pipefail
git rev-parse --git-dir >/dev/null 2>&1 || { echo "not a git checkout: nothing to check"; exit 0; }
git ls-files -z '*.cc' '*.h' | xargs -0 -r -n 40 clang-format --dry-run -Werror
