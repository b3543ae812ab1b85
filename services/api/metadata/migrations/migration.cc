#include "services/api/metadata/migrations/migration.h"

#include "absl/strings/str_cat.h"
#include "services/common/base/digest.h"
#include "services/common/base/status.h"

namespace stockroom::api {
namespace {

absl::Status Refuse(std::string_view reason, std::string message) {
  return MakeStatus(absl::StatusCode::kFailedPrecondition, message,
                    {.reason = std::string(reason)});
}

}  // namespace

std::string ChecksumOf(const Migration& step) { return Digest::Of(step.sql).hex(); }

absl::Status CheckApplied(const std::map<int64_t, std::string>& applied,
                          std::span<const Migration> steps) {
  const int newest = steps.empty() ? 0 : steps.back().version;
  if (!applied.empty() && applied.rbegin()->first > newest) {
    return Refuse("DATABASE_TOO_NEW",
                  absl::StrCat("the database has schema version ", applied.rbegin()->first,
                               " but this Stockroom knows only up to ", newest,
                               "; start the newer Stockroom that made it"));
  }
  for (const Migration& step : steps) {
    const auto it = applied.find(step.version);
    if (it != applied.end() && it->second != ChecksumOf(step)) {
      return Refuse("MIGRATION_ALTERED",
                    absl::StrCat("migration ", step.version, " (", step.name,
                                 ") of the database differs from this Stockroom's; it was made by "
                                 "a changed build and needs a person"));
    }
  }
  return absl::OkStatus();
}

absl::Status ForeignDatabase(const std::string& what_to_name) {
  return Refuse("DATABASE_FOREIGN",
                "it holds tables of another program; name " + what_to_name + " of Stockroom's own");
}

}  // namespace stockroom::api
