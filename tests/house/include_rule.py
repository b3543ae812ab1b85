#!/usr/bin/env python3
"""Checks who includes whom against the map (docs/architecture.md). Run from the project's root.

include_rule.py          checks the tree
include_rule.py --self   checks that the checker finds what is forbidden
"""
import pathlib
import re
import sys

# Folder -> the folders of ours that it may include, besides itself. What is not listed is forbidden:
# services never include one another, adapters never include one another, front ends neither.
PURE = ["common/base", "common/recipe", "common/media"]
ALLOWED = {
    "common/base": [],
    "common/recipe": ["common/base"],
    "common/media": ["common/base"],
    "common/rpc": ["common/base"],
    "common/http": ["common/base"],
    "common/blobs": ["common/base", "common/rpc"],
    "common/curl": ["common/base"],
    # S3's protocol: signatures, XML, the HTTP client
    "common/s3": ["common/base", "common/curl"],
    # the nouns and use cases: no gRPC, no SQL, no HTTP
    "api/domain": PURE + ["common/blobs", "api/cache"],
    # renditions in memory: a data structure below the use cases
    "api/cache": PURE + ["common/blobs"],
    # adapters
    "api/auth": PURE + ["api/domain", "common/curl"],
    "api/metadata": PURE + ["api/domain", "api/metadata/migrations"],
    "api/metadata/migrations": ["common/base"],
    "api/search/text": PURE + ["api/domain", "api/search/query"],
    "api/search/query": PURE + ["api/domain", "api/search/text", "api/search/similar"],
    "api/search/similar": PURE + ["api/search/query", "api/search/segment"],
    "api/search/segment": PURE + ["api/domain", "api/search/query", "api/search/text", "api/search/similar"],
    "api/search/store": PURE + ["api/domain", "api/search/segment"],
    "api/search/exec": PURE + ["api/domain", "api/search/"],
    "api/search/suggest": PURE + ["api/domain", "api/search/text", "api/search/segment", "api/search/exec"],
    "api/search": PURE + ["api/domain", "api/search/"],
    # the index put together: search, feed, folder
    "api/index": PURE + ["api/domain", "api/events", "api/search", "api/search/store"],
    "api/jobs": PURE + ["api/domain"],
    "api/events": PURE + ["api/domain"],
    "api/webhooks": PURE + ["api/domain", "common/curl"],
    "api/moderators": PURE + ["api/domain", "common/curl", "common/rpc"],
    "api/workers": PURE + ["api/domain", "common/rpc"],
    # what both front ends share; queries are pure values that their messages turn into
    "api/handlers": PURE + ["api/domain", "api/search/query"],
    # front ends
    "api/rpc": PURE + ["api/domain", "api/handlers", "common/rpc"],
    "api/gateway": PURE + ["api/domain", "api/handlers", "common/http"],
    "imageproc/core": PURE + ["common/blobs"],
    "imageproc/codec": PURE + ["imageproc/core"],
    "imageproc/processors": PURE + ["imageproc/core"],
    "imageproc/sandbox": PURE + ["imageproc/core"],
    "imageproc/rpc": PURE + ["imageproc/core", "common/rpc"],
    "fileserver/store": PURE + ["common/blobs"],
    "fileserver/backends": PURE + ["common/blobs", "common/s3", "fileserver/store"],
    "fileserver/care": PURE + ["common/blobs", "fileserver/store"],
    "fileserver/rpc": PURE + ["common/blobs", "common/rpc", "fileserver/store", "fileserver/care"],
    "fileserver/http": PURE + ["common/http", "fileserver/store"],
    # a client: knows the services only by their protos
    "tools/stockroom": PURE + ["common/rpc", "common/blobs"],
    # runs while building
    "tools/openapi": [],
    # mains may include everything of their service
    "api": ["common/", "api/"],
    "imageproc": ["common/", "imageproc/"],
    "fileserver": ["common/", "fileserver/"],
}

# Foreign headers -> the folders that may include them. Everything else goes through our interfaces.
FOREIGN = {
    r"grpcpp/|grpc/|.*\.grpc\.pb\.h": ["common/rpc", "common/blobs", "api/moderators", "api/workers", "api/rpc",
                                 "fileserver/rpc", "imageproc/rpc", "tools/stockroom"],
    r"vips/": ["imageproc/codec"],
    r"seccomp\.h|linux/seccomp\.h": ["imageproc/sandbox"],
    r"sqlite3\.h": ["api/metadata", "tools/stockroom"],
    r"libstemmer\.h": ["api/search/text"],
    r"curl/": ["api/auth", "api/moderators", "api/webhooks", "common/curl", "common/s3", "tools/stockroom"],
    r"cppconn/|mysql_connection\.h|mysql_driver\.h": ["api/metadata"],
    r"boost/|asio": ["common/http"],
    r"yaml-cpp/|CLI/|spdlog/": ["common/base", "tools/stockroom"],
    r"gtest/|gmock/": [],
}


def problems_in(path, text):
    parent = pathlib.PurePosixPath(path).parent
    inside = parent.parts[0] == "services"
    folder = str(parent.relative_to("services") if inside else parent)
    if folder not in ALLOWED:
        yield f"{path}: the folder is not on the map; add it to tests/house/include_rule.py"
        return
    allowed = ALLOWED[folder]
    for number, line in enumerate(text.splitlines(), 1):
        match = re.match(r'\s*#\s*include\s*["<]([^">]+)[">]', line)
        if not match:
            continue
        header = match.group(1)
        if header.startswith("."):
            yield f"{path}:{number}: includes are written from the project's root"
        if header.startswith("services/"):
            target = str(pathlib.PurePosixPath(header).parent.relative_to("services"))
            fits = target == folder or any(
                target == a or (a.endswith("/") and (target + "/").startswith(a)) for a in allowed)
            if not fits:
                yield f"{path}:{number}: {folder} must not include {target}"
        elif header.startswith("tools/") and inside:
            yield f"{path}:{number}: services must not include {header}"
        elif header.startswith(("tests/", "bench/")):
            yield f"{path}:{number}: services must not include {header}"
        for pattern, folders in FOREIGN.items():
            if re.match(pattern, header) and folder not in folders:
                yield f"{path}:{number}: {folder} must not include <{header}>"


def check_tree():
    problems = []
    for root in ("services", "tools"):
        for path in sorted(pathlib.Path(root).rglob("*")):
            if path.suffix in (".h", ".cc"):
                problems += problems_in(path.as_posix(), path.read_text())
    return problems


def check_self():
    forbidden = [
        ("services/api/domain/x.h", '#include "services/api/metadata/y.h"'),
        ("services/api/search/x.cc", '#include "services/api/metadata/y.h"'),
        ("services/api/domain/x.h", "#include <grpcpp/grpcpp.h>"),
        ("services/imageproc/core/x.h", '#include "services/api/domain/image.h"'),
        ("services/common/base/x.h", '#include "services/common/rpc/status.h"'),
        ("services/api/rpc/x.cc", '#include "services/api/gateway/gateway.h"'),
        ("services/api/main2/x.cc", ""),
        ("services/api/domain/x.h", '# include "services/api/metadata/y.h"'),
        ("services/api/domain/x.h", '#include "../metadata/y.h"'),
        ("services/imageproc/core/x.h", "#include <vips/vips8>"),
        ("services/api/gateway/x.cc", "#include <boost/asio.hpp>"),
        ("services/fileserver/store/x.cc", "#include <sqlite3.h>"),
        ("tools/stockroom/x.cc", '#include "services/api/domain/image.h"'),
    ]
    missed = [f"not found: {path}: {text}" for path, text in forbidden
              if not list(problems_in(path, text))]
    fine = ("services/api/gateway/x.cc", '#include "services/api/handlers/method_table.h"')
    return missed + list(problems_in(*fine))


if __name__ == "__main__":
    found = check_self() if "--self" in sys.argv else check_tree()
    print("\n".join(found) or "nothing forbidden")
    sys.exit(1 if found else 0)
