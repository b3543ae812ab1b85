// stockroom.v1.KeyService as plain functions. Errors are listed in the proto.
#pragma once

#include <functional>

#include "absl/status/status.h"
#include "services/api/domain/api_keys.h"
#include "services/api/handlers/method_table.h"
#include "stockroom/v1/keys.pb.h"

namespace stockroom::api {

// Blocks on the store, but for WhoAmI.
class KeyHandlers {
 public:
  // `revoked` hears of every key that was revoked here, and must not block.
  KeyHandlers(ApiKeys& keys, std::function<void(const ApiKey&)> revoked)
      : keys_(keys), revoked_(std::move(revoked)) {}

  absl::Status CreateApiKey(const CallContext& context, const Principal& who,
                            const v1::CreateApiKeyRequest& request,
                            v1::CreateApiKeyResponse* response);
  absl::Status ListApiKeys(const CallContext& context, const Principal& who,
                           const v1::ListApiKeysRequest& request,
                           v1::ListApiKeysResponse* response);
  absl::Status RevokeApiKey(const CallContext& context, const Principal& who,
                            const v1::RevokeApiKeyRequest& request, v1::ApiKey* response);
  absl::Status WhoAmI(const CallContext& context, const Principal& who,
                      const v1::WhoAmIRequest& request, v1::WhoAmIResponse* response);

  void AddTo(MethodTable& table);

 private:
  ApiKeys& keys_;
  const std::function<void(const ApiKey&)> revoked_;
};

}  // namespace stockroom::api
