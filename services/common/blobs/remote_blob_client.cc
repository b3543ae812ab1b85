#include "services/common/blobs/remote_blob_client.h"

#include <algorithm>
#include <atomic>
#include <utility>
#include <vector>

#include "services/common/blobs/remote_streams.h"
#include "services/common/rpc/channel.h"
#include "stockroom/internal/blobs.grpc.pb.h"

namespace stockroom {

using internal::BlobService;

// The stubs, one a connection, and what is counted.
class RemoteBlobClient::Pool {
 public:
  Pool(const Options& options, Metrics& metrics)
      : put_blob("PutBlob", metrics),
        get_blob("GetBlob", metrics),
        stat_blob("StatBlob", metrics),
        put_rendition("PutRendition", metrics),
        get_rendition("GetRendition", metrics),
        delete_renditions("DeleteRenditions", metrics),
        list_blobs("ListBlobs", metrics),
        touch_blob("TouchBlob", metrics),
        delete_blob("DeleteBlobIfUntouched", metrics),
        tls_(options.tls) {
    for (int i = 0; i < std::max(1, options.connections); ++i) {
      stubs_.push_back(BlobService::NewStub(
          rpc::MakeChannel(options.target, {.pool_index = i, .tls = options.tls})));
    }
  }

  BlobService::Stub* Next() { return stubs_[next_.fetch_add(1) % stubs_.size()].get(); }

  CallMetrics put_blob;
  CallMetrics get_blob;
  CallMetrics stat_blob;
  CallMetrics put_rendition;
  CallMetrics get_rendition;
  CallMetrics delete_renditions;
  CallMetrics list_blobs;
  CallMetrics touch_blob;
  CallMetrics delete_blob;

 private:
  const rpc::PeerTls tls_;  // outlives the channels
  std::vector<std::unique_ptr<BlobService::Stub>> stubs_;
  std::atomic<size_t> next_{0};
};

RemoteBlobClient::RemoteBlobClient(const Options& options, Metrics& metrics)
    : pool_(std::make_unique<Pool>(options, metrics)) {}
RemoteBlobClient::~RemoteBlobClient() = default;

std::unique_ptr<BlobWriter> RemoteBlobClient::PutBlob(const CallContext& context,
                                                      PutBlobOptions options) {
  using Writer = RemoteWriter<internal::PutBlobRequest, internal::PutBlobResponse, StoredBlob>;
  internal::PutBlobRequest header;
  header.mutable_header()->set_max_bytes(options.max_bytes);
  if (options.expected_sha256) {
    header.mutable_header()->set_expected_sha256(std::string(options.expected_sha256->bytes()));
  }
  auto call = std::make_shared<Writer::Call>(
      context, [stub = pool_->Next()](auto* client_context, auto* response, auto* reactor) {
        stub->async()->PutBlob(client_context, response, reactor);
      });
  return std::make_unique<Writer>(std::move(call), std::move(header), pool_->put_blob);
}

std::unique_ptr<BlobReader> RemoteBlobClient::GetBlob(const CallContext& context,
                                                      const Digest& digest, ByteRange range) {
  using Reader = RemoteReader<internal::GetBlobRequest, internal::GetBlobResponse, BlobInfo>;
  internal::GetBlobRequest request;
  request.set_sha256(std::string(digest.bytes()));
  request.set_offset(range.offset);
  request.set_length(range.length);
  auto call = std::make_shared<Reader::Call>(
      context, std::move(request),
      [stub = pool_->Next()](auto* client_context, const auto* wire, auto* reactor) {
        stub->async()->GetBlob(client_context, wire, reactor);
      });
  return std::make_unique<Reader>(std::move(call), range, pool_->get_blob);
}

void RemoteBlobClient::StatBlob(const CallContext& context, const Digest& digest,
                                absl::AnyInvocable<void(absl::StatusOr<BlobInfo>)> done) {
  internal::StatBlobRequest request;
  request.set_sha256(std::string(digest.bytes()));
  CallMetrics& metrics = pool_->stat_blob;
  metrics.Started();
  rpc::CallUnary<internal::BlobInfo>(
      context, std::move(request),
      [stub = pool_->Next()](auto* client_context, const auto* wire, auto* response, auto end) {
        stub->async()->StatBlob(client_context, wire, response, std::move(end));
      },
      [&metrics, done = std::move(done)](absl::StatusOr<internal::BlobInfo> response) mutable {
        absl::StatusOr<BlobInfo> info =
            response.ok() ? FromWire(*response) : absl::StatusOr<BlobInfo>(response.status());
        if (!info.ok()) metrics.Failed(info.status());
        done(std::move(info));
      });
}

std::unique_ptr<RenditionWriter> RemoteBlobClient::PutRendition(const CallContext& context,
                                                                RenditionAddress address) {
  using Writer =
      RemoteWriter<internal::PutRenditionRequest, internal::RenditionInfo, RenditionInfo>;
  internal::PutRenditionRequest header;
  *header.mutable_address() = ToWire(address);
  auto call = std::make_shared<Writer::Call>(
      context, [stub = pool_->Next()](auto* client_context, auto* response, auto* reactor) {
        stub->async()->PutRendition(client_context, response, reactor);
      });
  return std::make_unique<Writer>(std::move(call), std::move(header), pool_->put_rendition);
}

std::unique_ptr<RenditionReader> RemoteBlobClient::GetRendition(const CallContext& context,
                                                                RenditionAddress address,
                                                                ByteRange range) {
  using Reader =
      RemoteReader<internal::GetRenditionRequest, internal::GetRenditionResponse, RenditionInfo>;
  internal::GetRenditionRequest request;
  *request.mutable_address() = ToWire(address);
  request.set_offset(range.offset);
  request.set_length(range.length);
  auto call = std::make_shared<Reader::Call>(
      context, std::move(request),
      [stub = pool_->Next()](auto* client_context, const auto* wire, auto* reactor) {
        stub->async()->GetRendition(client_context, wire, reactor);
      });
  return std::make_unique<Reader>(std::move(call), range, pool_->get_rendition);
}

void RemoteBlobClient::DeleteRenditions(const CallContext& context, const Digest& original,
                                        absl::AnyInvocable<void(absl::StatusOr<int>)> done) {
  internal::DeleteRenditionsRequest request;
  request.set_original_sha256(std::string(original.bytes()));
  CallMetrics& metrics = pool_->delete_renditions;
  metrics.Started();
  rpc::CallUnary<internal::DeleteRenditionsResponse>(
      context, std::move(request),
      [stub = pool_->Next()](auto* client_context, const auto* wire, auto* response, auto end) {
        stub->async()->DeleteRenditions(client_context, wire, response, std::move(end));
      },
      [&metrics,
       done = std::move(done)](absl::StatusOr<internal::DeleteRenditionsResponse> r) mutable {
        if (r.ok()) {
          done(r->deleted());
        } else {
          metrics.Failed(r.status());
          done(r.status());
        }
      });
}

void RemoteBlobClient::ListBlobs(const CallContext& context, ListBlobsOptions options,
                                 absl::AnyInvocable<void(absl::StatusOr<BlobPage>)> done) {
  internal::ListBlobsRequest request;
  request.set_untouched_for_ms(absl::ToInt64Milliseconds(options.untouched_for));
  request.set_cursor(std::move(options.cursor));
  request.set_page_size(options.page_size);
  CallMetrics& metrics = pool_->list_blobs;
  metrics.Started();
  rpc::CallUnary<internal::ListBlobsResponse>(
      context, std::move(request),
      [stub = pool_->Next()](auto* client_context, const auto* wire, auto* response, auto end) {
        stub->async()->ListBlobs(client_context, wire, response, std::move(end));
      },
      [&metrics, done = std::move(done)](absl::StatusOr<internal::ListBlobsResponse> r) mutable {
        absl::StatusOr<BlobPage> page =
            r.ok() ? FromWire(*r) : absl::StatusOr<BlobPage>(r.status());
        if (!page.ok()) metrics.Failed(page.status());
        done(std::move(page));
      });
}

void RemoteBlobClient::TouchBlob(const CallContext& context, const Digest& digest,
                                 absl::AnyInvocable<void(absl::Status)> done) {
  internal::TouchBlobRequest request;
  request.set_sha256(std::string(digest.bytes()));
  CallMetrics& metrics = pool_->touch_blob;
  metrics.Started();
  rpc::CallUnary<internal::TouchBlobResponse>(
      context, std::move(request),
      [stub = pool_->Next()](auto* client_context, const auto* wire, auto* response, auto end) {
        stub->async()->TouchBlob(client_context, wire, response, std::move(end));
      },
      [&metrics, done = std::move(done)](absl::StatusOr<internal::TouchBlobResponse> r) mutable {
        if (!r.ok()) metrics.Failed(r.status());
        done(r.status());
      });
}

void RemoteBlobClient::DeleteBlobIfUntouched(const CallContext& context, const Digest& digest,
                                             std::string stamp,
                                             absl::AnyInvocable<void(absl::StatusOr<bool>)> done) {
  internal::DeleteBlobIfUntouchedRequest request;
  request.set_sha256(std::string(digest.bytes()));
  request.set_stamp(std::move(stamp));
  CallMetrics& metrics = pool_->delete_blob;
  metrics.Started();
  rpc::CallUnary<internal::DeleteBlobIfUntouchedResponse>(
      context, std::move(request),
      [stub = pool_->Next()](auto* client_context, const auto* wire, auto* response, auto end) {
        stub->async()->DeleteBlobIfUntouched(client_context, wire, response, std::move(end));
      },
      [&metrics,
       done = std::move(done)](absl::StatusOr<internal::DeleteBlobIfUntouchedResponse> r) mutable {
        if (r.ok()) {
          done(r->deleted());
        } else {
          metrics.Failed(r.status());
          done(r.status());
        }
      });
}

}  // namespace stockroom
