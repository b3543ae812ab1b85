#include "tests/contract/blobs/file_server_fixture.h"

#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "services/fileserver/rpc/blob_service.h"

namespace stockroom::fileserver {
namespace {

template <typename T>
T OrDie(absl::StatusOr<T> value) {
  if (value.ok()) return *std::move(value);
  std::fprintf(stderr, "%s\n", value.status().ToString().c_str());
  std::abort();
}

LocalDisk::Options DiskOptions(const std::string& directory, Clock* clock) {
  LocalDisk::Options options{.directory = directory, .reserve_bytes = 0};
  if (clock != nullptr) {
    options.clock = clock;
    options.steady = [clock] { return clock->Now() - absl::UnixEpoch(); };
  }
  return options;
}

}  // namespace

FileServerFixture::FileServerFixture(Env& env, const std::string& directory, const Options& options)
    : disk_(OrDie(LocalDisk::Open(env, DiskOptions(directory, options.clock)))),
      blobs_(std::make_unique<BlobStore>(*disk_, options.blobs, metrics_)),
      renditions_(std::make_unique<RenditionStore>(*disk_, options.renditions, metrics_)),
      executor_(std::make_unique<Executor>(
          Executor::Options{.name = "disk", .threads = 4, .max_queued = 256}, metrics_)),
      service_(MakeBlobService(*blobs_, *renditions_, *executor_, rpc::DeadlinePolicy{})),
      server_(OrDie(rpc::Server::Start({.listen = "127.0.0.1:0"}, {service_.get()}))) {
  server_->SetServing(true);
}

FileServerFixture::~FileServerFixture() { server_->Drain(absl::Seconds(10)); }

TemporaryDirectory::TemporaryDirectory() {
  std::string pattern = (std::filesystem::temp_directory_path() / "stockroom-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) std::abort();
  path_ = pattern;
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace stockroom::fileserver
