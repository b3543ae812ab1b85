#include "services/api/handlers/key_handlers.h"

#include <string>
#include <utility>

#include "services/api/domain/roles.h"
#include "services/api/handlers/add_unary.h"
#include "services/api/handlers/convert.h"
#include "services/common/base/log.h"
#include "services/common/base/status.h"

namespace stockroom::api {
namespace {

void ToMessage(const ApiKey& key, v1::ApiKey* message) {
  message->set_id(key.id);
  message->set_prefix(key.prefix);
  message->set_subject(key.subject);
  message->set_role(std::string(RoleName(key.role)));
  if (key.scopes != ScopesOf(key.role)) {
    for (std::string& name : ScopeNames(key.scopes)) message->add_scopes(std::move(name));
  }
  message->set_label(key.label);
  *message->mutable_create_time() = ToTimestamp(key.create_time);
  if (key.expire_time) *message->mutable_expire_time() = ToTimestamp(*key.expire_time);
  if (key.revoke_time) *message->mutable_revoke_time() = ToTimestamp(*key.revoke_time);
}

}  // namespace

absl::Status KeyHandlers::CreateApiKey(const CallContext& context, const Principal& who,
                                       const v1::CreateApiKeyRequest& request,
                                       v1::CreateApiKeyResponse* response) {
  ApiKeyRequest wanted{.subject = request.subject(),
                       .scopes = {request.scopes().begin(), request.scopes().end()},
                       .label = request.label()};
  if (!request.role().empty()) {
    const std::optional<Role> role = RoleNamed(request.role());
    if (!role) return InvalidField("role", "expected viewer, uploader, moderator or admin");
    wanted.role = *role;
  }
  if (request.has_expire_time()) {
    SR_ASSIGN_OR_RETURN(wanted.expire_time, TimeOf("expire_time", request.expire_time()));
  }
  SR_ASSIGN_OR_RETURN(const CreatedApiKey created, keys_.Create(who, wanted));
  ToMessage(created.key, response->mutable_key());
  response->set_secret(created.secret);
  LogInfo("API key made",
          {{"key", created.key.id}, {"subject", created.key.subject}, {"by", who.subject}},
          context.request_id);
  return absl::OkStatus();
}

absl::Status KeyHandlers::ListApiKeys(const CallContext&, const Principal&,
                                      const v1::ListApiKeysRequest& request,
                                      v1::ListApiKeysResponse* response) {
  SR_ASSIGN_OR_RETURN(const ApiKeyPage page, keys_.List(request.page_size(), request.page_token()));
  for (const ApiKey& key : page.keys) ToMessage(key, response->add_keys());
  response->set_next_page_token(page.next_page_token);
  return absl::OkStatus();
}

absl::Status KeyHandlers::RevokeApiKey(const CallContext& context, const Principal& who,
                                       const v1::RevokeApiKeyRequest& request,
                                       v1::ApiKey* response) {
  SR_ASSIGN_OR_RETURN(const ApiKey key, keys_.Revoke(request.id()));
  if (revoked_) revoked_(key);
  ToMessage(key, response);
  LogInfo("API key revoked", {{"key", key.id}, {"by", who.subject}}, context.request_id);
  return absl::OkStatus();
}

absl::Status KeyHandlers::WhoAmI(const CallContext&, const Principal& who, const v1::WhoAmIRequest&,
                                 v1::WhoAmIResponse* response) {
  response->set_subject(who.anonymous ? Principal::Anonymous().subject : who.subject);
  response->set_anonymous(who.anonymous);
  for (std::string& name : ScopeNames(who.scopes)) response->add_scopes(std::move(name));
  response->mutable_attributes()->insert(who.attributes.begin(), who.attributes.end());
  response->set_key_id(who.key_id);
  return absl::OkStatus();
}

void KeyHandlers::AddTo(MethodTable& table) {
  const auto* service = v1::ApiKey::descriptor()->file()->FindServiceByName("KeyService");
  AddUnary<v1::CreateApiKeyRequest, v1::CreateApiKeyResponse>(table, service, "CreateApiKey", this,
                                                              &KeyHandlers::CreateApiKey);
  AddUnary<v1::ListApiKeysRequest, v1::ListApiKeysResponse>(table, service, "ListApiKeys", this,
                                                            &KeyHandlers::ListApiKeys);
  AddUnary<v1::RevokeApiKeyRequest, v1::ApiKey>(table, service, "RevokeApiKey", this,
                                                &KeyHandlers::RevokeApiKey);
  AddUnary<v1::WhoAmIRequest, v1::WhoAmIResponse>(table, service, "WhoAmI", this,
                                                  &KeyHandlers::WhoAmI)
      .blocking = false;
}

}  // namespace stockroom::api
