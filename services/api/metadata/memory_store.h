// The in-memory twin of the database stores: the same contract, nothing durable.
#pragma once

#include <memory>

#include "services/api/domain/metadata_store.h"

namespace stockroom::api {

// For tests and demonstrations. Callbacks run with the store locked: they must not call it.
std::unique_ptr<MetadataStore> NewMemoryStore();

}  // namespace stockroom::api
