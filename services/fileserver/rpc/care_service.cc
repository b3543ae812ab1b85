#include "services/fileserver/rpc/care_service.h"

#include <atomic>

#include "absl/strings/str_cat.h"
#include "services/common/base/status.h"
#include "services/common/blobs/care_wire.h"
#include "services/common/rpc/server_streams.h"
#include "stockroom/internal/care.grpc.pb.h"

namespace stockroom::fileserver {
namespace {

// Of one VerifyBlobs: no call takes long, whatever it is asked.
constexpr int64_t kMostReadBytes = int64_t{256} << 20;
constexpr absl::Duration kMostTime = absl::Seconds(10);
// Calls that read payloads or walk through folders; the other threads are for those who upload and
// look at images.
constexpr int kMostHeavy = 2;

absl::Status CheckPage(int64_t page_size, int64_t most) {
  if (page_size >= 1 && page_size <= most) return absl::OkStatus();
  return InvalidField("page_size", absl::StrCat("must be from 1 to ", most));
}

class CareServiceImpl final : public internal::CareService::CallbackService {
 public:
  CareServiceImpl(Scrubber& scrubber, BlobBackend& blobs, CareBackend& care, Executor& disk,
                  const rpc::DeadlinePolicy& deadlines)
      : scrubber_(scrubber), blobs_(blobs), care_(care), disk_(disk), deadlines_(deadlines) {}

  grpc::ServerUnaryReactor* GetScrubStatus(grpc::CallbackServerContext* context,
                                           const internal::GetScrubStatusRequest*,
                                           internal::ScrubStatus* response) override {
    return rpc::RunUnaryInline(context, deadlines_, [&](const CallContext&) {
      *response = ToWire(scrubber_.status());
      return absl::OkStatus();
    });
  }

  grpc::ServerUnaryReactor* StartScrub(grpc::CallbackServerContext* context,
                                       const internal::StartScrubRequest* request,
                                       internal::ScrubStatus* response) override {
    return rpc::RunUnaryInline(context, deadlines_, [&](const CallContext&) -> absl::Status {
      SR_ASSIGN_OR_RETURN(const ScrubStatus status,
                          scrubber_.StartNow(request->bytes_per_second()));
      *response = ToWire(status);
      return absl::OkStatus();
    });
  }

  grpc::ServerUnaryReactor* ListQuarantined(grpc::CallbackServerContext* context,
                                            const internal::ListQuarantinedRequest* request,
                                            internal::ListQuarantinedResponse* response) override {
    return Heavy(context, [this, request, response](const CallContext&) -> absl::Status {
      SR_RETURN_IF_ERROR(CheckPage(request->page_size(), kMaxVerified));
      SR_ASSIGN_OR_RETURN(const QuarantinedPage page,
                          care_.ListQuarantined(request->cursor(), request->page_size()));
      *response = ToWire(page);
      return absl::OkStatus();
    });
  }

  grpc::ServerUnaryReactor* ListStored(grpc::CallbackServerContext* context,
                                       const internal::ListStoredRequest* request,
                                       internal::ListStoredResponse* response) override {
    return Heavy(context, [this, request, response](const CallContext&) -> absl::Status {
      SR_RETURN_IF_ERROR(CheckPage(request->page_size(), kMaxStoredPage));
      SR_ASSIGN_OR_RETURN(const StoredPage page,
                          care_.ListStored(request->cursor(), request->page_size()));
      *response = ToWire(page);
      return absl::OkStatus();
    });
  }

  grpc::ServerUnaryReactor* VerifyBlobs(grpc::CallbackServerContext* context,
                                        const internal::VerifyBlobsRequest* request,
                                        internal::VerifyBlobsResponse* response) override {
    return Heavy(context, [this, request, response](const CallContext& call) {
      return Verify(call, *request, *response);
    });
  }

  grpc::ServerUnaryReactor* GetDiskUsage(grpc::CallbackServerContext* context,
                                         const internal::GetDiskUsageRequest*,
                                         internal::DiskUsage* response) override {
    return rpc::RunUnary(
        context, disk_, deadlines_, [this, response](const CallContext&) -> absl::Status {
          const ScrubStatus scrub = scrubber_.status();
          SR_ASSIGN_OR_RETURN(const int64_t quarantined, scrubber_.CountQuarantined());
          *response = ToWire(DiskUsage{.free_bytes = blobs_.FreeBytes().value_or(-1),
                                       .quarantined = quarantined,
                                       .stored = scrub.last,
                                       .stored_at = scrub.last_ended});
          return absl::OkStatus();
        });
  }

 private:
  template <typename Handler>
  grpc::ServerUnaryReactor* Heavy(grpc::CallbackServerContext* context, Handler handler) {
    return rpc::RunUnary(
        context, disk_, deadlines_,
        [this, handler = std::move(handler)](const CallContext& call) -> absl::Status {
          if (heavy_.fetch_add(1) >= kMostHeavy) {
            heavy_.fetch_sub(1);
            return Overloaded("enough calls look after the store already", absl::Seconds(1));
          }
          absl::Status status = handler(call);
          heavy_.fetch_sub(1);
          return status;
        });
  }

  absl::Status Verify(const CallContext& call, const internal::VerifyBlobsRequest& request,
                      internal::VerifyBlobsResponse& response) {
    if (request.sha256().empty() || request.sha256_size() > kMaxVerified) {
      return InvalidField("sha256", absl::StrCat("must be 1 to ", kMaxVerified, " digests"));
    }
    const absl::Time until = absl::Now() + kMostTime;
    int64_t read = 0;
    const auto before_read = [&](int64_t bytes) {
      read += bytes;
      return call.Check();
    };
    for (const std::string& bytes : request.sha256()) {
      if (read >= kMostReadBytes || absl::Now() >= until) break;
      SR_RETURN_IF_ERROR(call.Check());
      SR_ASSIGN_OR_RETURN(const Digest digest, Digest::FromBytes(bytes));
      SR_ASSIGN_OR_RETURN(
          const Checked checked,
          CheckBlob(blobs_, digest, request.full() ? Depth::kWhole : Depth::kRecord, before_read));
      *response.add_verdicts() = ToWire(checked.verdict);
    }
    if (response.verdicts().empty()) return absl::DeadlineExceededError("no time for one blob");
    return absl::OkStatus();
  }

  Scrubber& scrubber_;
  BlobBackend& blobs_;
  CareBackend& care_;
  Executor& disk_;
  const rpc::DeadlinePolicy deadlines_;
  std::atomic<int> heavy_{0};
};

}  // namespace

std::unique_ptr<grpc::Service> MakeCareService(Scrubber& scrubber, BlobBackend& blobs,
                                               CareBackend& care, Executor& disk,
                                               const rpc::DeadlinePolicy& deadlines) {
  return std::make_unique<CareServiceImpl>(scrubber, blobs, care, disk, deadlines);
}

}  // namespace stockroom::fileserver
