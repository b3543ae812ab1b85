#include "services/api/handlers/admin_handlers.h"

#include "absl/strings/str_cat.h"
#include "services/api/handlers/add_unary.h"
#include "services/common/base/status.h"

namespace stockroom::api {
namespace {

std::string Hex(uint64_t sum) { return absl::StrCat(absl::Hex(sum, absl::kZeroPad16)); }

}  // namespace

absl::Status AdminHandlers::VerifyIndex(const CallContext& context, const Principal&,
                                        const v1::VerifyIndexRequest&,
                                        v1::VerifyIndexResponse* response) {
  SR_ASSIGN_OR_RETURN(const IndexVerdict verdict, care_.Verify(context));
  response->set_images(verdict.images);
  response->set_index_sum(Hex(verdict.index_sum));
  response->set_database_sum(Hex(verdict.database_sum));
  response->set_differing(verdict.differing);
  for (const std::string& id : verdict.ids) response->add_ids(id);
  response->set_feed_position(verdict.feed_position);
  return absl::OkStatus();
}

absl::Status AdminHandlers::RebuildIndex(const CallContext& context, const Principal&,
                                         const v1::RebuildIndexRequest&,
                                         v1::RebuildIndexResponse* response) {
  SR_ASSIGN_OR_RETURN(const IndexRebuilt rebuilt, care_.Rebuild(context));
  response->set_images(rebuilt.images);
  response->set_milliseconds(absl::ToInt64Milliseconds(rebuilt.took));
  return absl::OkStatus();
}

absl::Status AdminHandlers::GetIndexInfo(const CallContext&, const Principal&,
                                         const v1::GetIndexInfoRequest&, v1::IndexInfo* response) {
  const IndexInfo info = care_.Info();
  response->set_images(info.images);
  response->set_feed_position(info.feed_position);
  response->set_budget_bytes(static_cast<int64_t>(info.budget_bytes));
  for (const MemoryPart& part : info.parts) {
    v1::IndexInfo::Part* out = response->add_parts();
    out->set_name(part.name);
    out->set_bytes(static_cast<int64_t>(part.bytes));
    out->set_is_file(part.is_file);
  }
  return absl::OkStatus();
}

void AdminHandlers::AddTo(MethodTable& table) {
  const auto* service =
      v1::VerifyIndexRequest::descriptor()->file()->FindServiceByName("AdminService");
  AddUnary<v1::VerifyIndexRequest, v1::VerifyIndexResponse>(table, service, "VerifyIndex", this,
                                                            &AdminHandlers::VerifyIndex)
      .timeout = kTimeout;
  AddUnary<v1::RebuildIndexRequest, v1::RebuildIndexResponse>(table, service, "RebuildIndex", this,
                                                              &AdminHandlers::RebuildIndex)
      .timeout = kTimeout;
  AddUnary<v1::GetIndexInfoRequest, v1::IndexInfo>(table, service, "GetIndexInfo", this,
                                                   &AdminHandlers::GetIndexInfo)
      .blocking = false;
}

}  // namespace stockroom::api
