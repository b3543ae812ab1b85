#include "tests/contract/incoming/incoming_server.h"

#include <cstdio>
#include <cstdlib>
#include <utility>

#include "services/fileserver/http/incoming_routes.h"
#include "services/fileserver/rpc/blob_service.h"
#include "services/fileserver/rpc/incoming_service.h"

namespace stockroom::fileserver {
namespace {

// Nobody resolves it: tests take the path and know the port.
constexpr std::string_view kPublicUrl = "http://files.test";

void OrDie(const absl::Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  std::abort();
}

template <typename T>
T OrDie(absl::StatusOr<T> value) {
  OrDie(value.status());
  return *std::move(value);
}

}  // namespace

IncomingServer::IncomingServer(Env& env, const std::string& directory, Options options)
    : disk_(OrDie(
          LocalDisk::Open(env, {.directory = directory, .reserve_bytes = options.reserve_bytes}))),
      incoming_(OrDie(LocalIncoming::Open(
          env, {.data_dir = directory, .reserve_bytes = options.reserve_bytes}))),
      blobs_(*disk_, {}, metrics_),
      renditions_(*disk_, {}, metrics_),
      signer_(OrDie(UrlSigner::Create({"a key of tests alone"}))),
      blob_urls_(signer_, std::string(kPublicUrl)),
      urls_(signer_, blob_urls_),
      store_(std::make_unique<IncomingStore>(*incoming_, blobs_, options.incoming, metrics_)),
      executor_({.name = "disk", .threads = 4, .max_queued = 256}, metrics_),
      blob_service_(MakeBlobService(blobs_, renditions_, executor_, rpc::DeadlinePolicy{})),
      incoming_service_(MakeIncomingService(
          {.store = *store_, .incoming_urls = urls_, .blob_urls = blob_urls_, .disk = executor_},
          rpc::DeadlinePolicy{})),
      grpc_(OrDie(rpc::Server::Start({.listen = "127.0.0.1:0"},
                                     {blob_service_.get(), incoming_service_.get()}))) {
  OrDie(store_->Start());
  http::Router router;
  OrDie(MountIncoming(router, {.store = *store_,
                               .urls = urls_,
                               .disk = executor_,
                               .cors = options.http.cors,
                               .max_bytes = options.incoming.max_bytes,
                               .clock = options.incoming.clock}));
  options.http.listen = "127.0.0.1:0";
  http_ = OrDie(http::Server::Start(options.http, std::move(router), metrics_));
  grpc_->SetServing(true);
}

IncomingServer::~IncomingServer() {
  http_->Drain(absl::Seconds(10));
  grpc_->Drain(absl::Seconds(10));
  store_->Stop();
}

std::string IncomingServer::PathOf(std::string_view url) {
  return std::string(url.substr(kPublicUrl.size()));
}

}  // namespace stockroom::fileserver
