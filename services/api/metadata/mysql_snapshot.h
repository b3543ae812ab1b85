// Reading the whole catalogue as fast as client and server together can.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "absl/status/statusor.h"
#include "services/api/domain/image.h"
#include "services/api/metadata/mysql_pool.h"

namespace stockroom::api {

// MetadataStore::Snapshot: `visit` is called from up to `readers` threads, each with a connection
// of its own. Most of the time goes into turning rows into images, which is why one reader is not
// enough.
absl::StatusOr<int64_t> VisitImages(MysqlPool& pool, int readers,
                                    const std::function<absl::Status(std::vector<Image>)>& visit);

}  // namespace stockroom::api
