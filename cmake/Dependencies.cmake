# Everything here comes from Debian packages; scripts/install-deps lists them. A newer libvips comes
# from npm (Libvips.cmake).
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(Protobuf REQUIRED)
find_package(gRPC CONFIG REQUIRED)
find_package(absl CONFIG REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(ZLIB REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(spdlog CONFIG REQUIRED)
find_package(yaml-cpp CONFIG REQUIRED)
find_package(CLI11 CONFIG REQUIRED)
find_package(nlohmann_json CONFIG REQUIRED)
find_package(simdjson CONFIG REQUIRED)
find_package(Boost 1.74 REQUIRED)
find_package(JPEG REQUIRED)
pkg_check_modules(SECCOMP REQUIRED IMPORTED_TARGET libseccomp)
find_library(STEMMER_LIBRARY stemmer REQUIRED)
find_path(XXHASH_INCLUDE_DIR xxhash.h REQUIRED)
include(Libvips)
if(STOCKROOM_TESTS)
  find_package(GTest CONFIG REQUIRED)
endif()

# google/api/*.proto and google/rpc/*.proto
find_path(GOOGLEAPIS_PROTO_DIR google/api/annotations.proto
          PATHS /usr/share/gocode/src/github.com/gogo/googleapis REQUIRED)
