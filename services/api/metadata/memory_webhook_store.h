// The in-memory twin of SqlWebhookStore.
#pragma once

#include <memory>

#include "services/api/domain/webhook_store.h"

namespace stockroom::api {

// Edits run with the store locked.
std::unique_ptr<WebhookStore> NewMemoryWebhookStore();

}  // namespace stockroom::api
