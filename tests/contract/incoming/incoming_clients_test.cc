#include "services/common/blobs/memory_blob_client.h"
#include "services/common/blobs/memory_incoming_client.h"
#include "services/common/blobs/remote_blob_client.h"
#include "services/common/blobs/remote_incoming_client.h"
#include "services/fileserver/store/memory_env.h"
#include "tests/contract/incoming/incoming_client_contract.h"
#include "tests/contract/incoming/incoming_server.h"
#include "tests/unit/http/raw_client.h"

namespace stockroom {
namespace {

constexpr int64_t kMaxBytes = 4 << 20;

class InMemory final : public IncomingClientUnderTest {
 public:
  IncomingClient& client() override { return client_; }
  BlobClient& blobs() override { return blobs_; }
  bool Send(const std::string& id, const IncomingTicket&, int64_t offset,
            std::string_view bytes) override {
    return client_.Append(id, offset, bytes).ok();
  }

 private:
  MemoryBlobClient blobs_;
  MemoryIncomingClient client_{{.max_bytes = kMaxBytes}, blobs_};
};

// gRPC for the caller, tus for whoever has the ticket.
class OverTheWire final : public IncomingClientUnderTest {
 public:
  IncomingClient& client() override { return client_; }
  BlobClient& blobs() override { return blobs_; }
  bool Send(const std::string&, const IncomingTicket& ticket, int64_t offset,
            std::string_view bytes) override {
    http::RawClient http(server_.http_port());
    const std::string head = "PATCH " + fileserver::IncomingServer::PathOf(ticket.tus_url) +
                             " HTTP/1.1\r\nHost: files.test\r\nTus-Resumable: 1.0.0\r\n"
                             "Content-Type: application/offset+octet-stream\r\n"
                             "Upload-Offset: " +
                             std::to_string(offset) +
                             "\r\nContent-Length: " + std::to_string(bytes.size()) + "\r\n\r\n";
    return http.Ask(head + std::string(bytes)).status == 204;
  }

 private:
  fileserver::MemoryEnv env_;
  fileserver::IncomingServer server_{env_, "/data", {.incoming = {.max_bytes = kMaxBytes}}};
  Metrics metrics_;
  RemoteIncomingClient client_{{.target = server_.target()}, metrics_};
  RemoteBlobClient blobs_{{.target = server_.target()}, metrics_};
};

template <typename T>
IncomingClientImplementation Implementation(std::string name) {
  return {std::move(name), [] { return std::make_unique<T>(); }};
}

INSTANTIATE_TEST_SUITE_P(, IncomingClientContract,
                         ::testing::Values(Implementation<InMemory>("Memory"),
                                           Implementation<OverTheWire>("FileServer")),
                         [](const auto& tested) { return tested.param.name; });

}  // namespace
}  // namespace stockroom
