// A file server with direct uploads in this process: gRPC and HTTP on free ports, a folder.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "services/common/base/clock.h"
#include "services/common/base/executor.h"
#include "services/common/base/metrics.h"
#include "services/common/http/server.h"
#include "services/common/rpc/server.h"
#include "services/fileserver/backends/local_disk.h"
#include "services/fileserver/backends/local_incoming.h"
#include "services/fileserver/store/blob_store.h"
#include "services/fileserver/store/blob_urls.h"
#include "services/fileserver/store/env.h"
#include "services/fileserver/store/incoming_store.h"
#include "services/fileserver/store/incoming_urls.h"
#include "services/fileserver/store/rendition_store.h"

namespace stockroom::fileserver {

class IncomingServer {
 public:
  struct Options {
    IncomingStore::Options incoming;
    http::ServerOptions http;
    int64_t reserve_bytes = 0;
  };
  // Ends the test program when it can not be built.
  IncomingServer(Env& env, const std::string& directory, Options options);
  ~IncomingServer();

  std::string target() const { return "127.0.0.1:" + std::to_string(grpc_->port()); }
  int http_port() const { return http_->port(); }
  IncomingStore& store() { return *store_; }
  const IncomingUrls& urls() const { return urls_; }
  BlobStore& blobs() { return blobs_; }

  // Path and query of a URL that this server has signed.
  static std::string PathOf(std::string_view url);

 private:
  Metrics metrics_;
  const std::unique_ptr<LocalDisk> disk_;
  const std::unique_ptr<LocalIncoming> incoming_;
  BlobStore blobs_;
  RenditionStore renditions_;
  const UrlSigner signer_;
  const BlobUrls blob_urls_;
  const IncomingUrls urls_;
  std::unique_ptr<IncomingStore> store_;
  Executor executor_;
  std::unique_ptr<grpc::Service> blob_service_;
  std::unique_ptr<grpc::Service> incoming_service_;
  std::unique_ptr<rpc::Server> grpc_;
  std::unique_ptr<http::Server> http_;
};

}  // namespace stockroom::fileserver
