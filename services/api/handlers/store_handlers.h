// stockroom.v1.StoreService as plain functions. Errors are listed in the proto.
#pragma once

#include <atomic>

#include "absl/status/status.h"
#include "services/api/domain/store_care.h"
#include "services/api/handlers/method_table.h"
#include "stockroom/v1/store.pb.h"

namespace stockroom::api {

class StoreHandlers {
 public:
  // A page that reads whole originals takes StoreCare::Options::patience and one large original.
  static constexpr absl::Duration kTimeout = absl::Minutes(10);
  // Pages checked at once; past it callers are told to come back.
  static constexpr int kMostChecks = 2;

  // Must outlive it.
  explicit StoreHandlers(StoreCare& care) : care_(care) {}

  absl::Status GetScrub(const CallContext& context, const Principal& who,
                        const v1::GetScrubRequest& request, v1::Scrub* response);
  absl::Status StartScrub(const CallContext& context, const Principal& who,
                          const v1::StartScrubRequest& request, v1::Scrub* response);
  absl::Status ListQuarantined(const CallContext& context, const Principal& who,
                               const v1::ListQuarantinedRequest& request,
                               v1::ListQuarantinedResponse* response);
  absl::Status CheckImages(const CallContext& context, const Principal& who,
                           const v1::CheckImagesRequest& request,
                           v1::CheckImagesResponse* response);
  absl::Status CheckBlobs(const CallContext& context, const Principal& who,
                          const v1::CheckBlobsRequest& request, v1::CheckBlobsResponse* response);

  void AddTo(MethodTable& table);

 private:
  class Turn;

  StoreCare& care_;
  std::atomic<int> checks_{0};
};

}  // namespace stockroom::api
