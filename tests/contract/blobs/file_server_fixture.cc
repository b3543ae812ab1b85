#include "tests/contract/blobs/file_server_fixture.h"

#include <cstdio>
#include <cstdlib>
#include <utility>

#include "services/fileserver/rpc/blob_service.h"
#include "services/fileserver/rpc/care_service.h"

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
    : FileServerFixture(OrDie(LocalDisk::Open(env, DiskOptions(directory, options.clock))),
                        options) {}

FileServerFixture::FileServerFixture(std::unique_ptr<BlobBackend> backend, const Options& options)
    : FileServerFixture(*backend, options) {
  owned_ = std::move(backend);
}

FileServerFixture::FileServerFixture(BlobBackend& backend, const Options& options)
    : backend_(backend),
      blobs_(std::make_unique<BlobStore>(backend_, options.blobs, metrics_)),
      renditions_(std::make_unique<RenditionStore>(backend_, options.renditions, metrics_)),
      executor_(std::make_unique<Executor>(
          Executor::Options{.name = "disk", .threads = 4, .max_queued = 256}, metrics_)),
      service_(MakeBlobService(*blobs_, *renditions_, *executor_, rpc::DeadlinePolicy{})) {
  std::vector<grpc::Service*> services = {service_.get()};
  // Not every store has itself cared for by the file server.
  if (auto* care = dynamic_cast<CareBackend*>(&backend_)) {
    scrubber_ = std::make_unique<Scrubber>(Scrubber::Options{.period = absl::ZeroDuration()},
                                           backend_, *care, metrics_);
    care_service_ = MakeCareService(*scrubber_, backend_, *care, *executor_, rpc::DeadlinePolicy{});
    services.push_back(care_service_.get());
  }
  server_ = OrDie(rpc::Server::Start({.listen = "127.0.0.1:0"}, services));
  server_->SetServing(true);
}

FileServerFixture::~FileServerFixture() { server_->Drain(absl::Seconds(10)); }

}  // namespace stockroom::fileserver
