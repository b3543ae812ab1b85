// stockroom.v1.AdminService as plain functions. Errors are listed in the proto.
#pragma once

#include "absl/status/status.h"
#include "services/api/domain/index_care.h"
#include "services/api/handlers/method_table.h"
#include "stockroom/v1/admin.pb.h"

namespace stockroom::api {

// VerifyIndex and RebuildIndex take as long as reading the database does; one of them runs at a
// time, so that they hold one thread of an executor at most.
class AdminHandlers {
 public:
  // For both, by either front end: some ten million images.
  static constexpr absl::Duration kTimeout = absl::Minutes(10);

  // Must outlive it.
  explicit AdminHandlers(IndexCare& care) : care_(care) {}

  absl::Status VerifyIndex(const CallContext& context, const Principal& who,
                           const v1::VerifyIndexRequest& request,
                           v1::VerifyIndexResponse* response);
  absl::Status RebuildIndex(const CallContext& context, const Principal& who,
                            const v1::RebuildIndexRequest& request,
                            v1::RebuildIndexResponse* response);
  absl::Status GetIndexInfo(const CallContext& context, const Principal& who,
                            const v1::GetIndexInfoRequest& request, v1::IndexInfo* response);

  void AddTo(MethodTable& table);

 private:
  IndexCare& care_;
};

}  // namespace stockroom::api
