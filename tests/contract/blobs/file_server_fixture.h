// A whole file server in this process: stores on a temporary directory, gRPC on a free port.
#pragma once

#include <memory>
#include <string>

#include "services/common/base/executor.h"
#include "services/common/base/metrics.h"
#include "services/common/rpc/server.h"
#include "services/fileserver/backends/local_disk.h"
#include "services/fileserver/care/scrubber.h"
#include "services/fileserver/store/blob_store.h"
#include "services/fileserver/store/env.h"
#include "services/fileserver/store/rendition_store.h"

namespace stockroom::fileserver {

class FileServerFixture {
 public:
  struct Options {
    BlobStore::Options blobs;
    RenditionStore::Options renditions;
    // Of touches, wall clock and steady clock in one. Null: the real ones.
    Clock* clock = nullptr;
  };
  // Ends the test program when it can not be built.
  FileServerFixture(Env& env, const std::string& directory, const Options& options);
  // Over any other backend. options.clock is then not used.
  FileServerFixture(std::unique_ptr<BlobBackend> backend, const Options& options);
  // Over one that outlives it.
  FileServerFixture(BlobBackend& backend, const Options& options);
  ~FileServerFixture();

  std::string target() const { return "127.0.0.1:" + std::to_string(server_->port()); }
  Metrics& metrics() { return metrics_; }

 private:
  Metrics metrics_;
  std::unique_ptr<BlobBackend> owned_;
  BlobBackend& backend_;
  std::unique_ptr<BlobStore> blobs_;
  std::unique_ptr<RenditionStore> renditions_;
  std::unique_ptr<Executor> executor_;
  std::unique_ptr<grpc::Service> service_;
  // Never started: what it is asked to do waits.
  std::unique_ptr<Scrubber> scrubber_;
  std::unique_ptr<grpc::Service> care_service_;
  std::unique_ptr<rpc::Server> server_;
};

}  // namespace stockroom::fileserver
