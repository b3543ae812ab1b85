#include "services/api/handlers/fingerprint.h"

#include <memory>

#include "services/api/handlers/serialise.h"

namespace stockroom::api {

Digest FingerprintOf(const google::protobuf::Message& message) {
  const std::unique_ptr<google::protobuf::Message> copy(message.New());
  copy->CopyFrom(message);
  const auto* condition = copy->GetDescriptor()->FindFieldByName("if_revision");
  if (condition != nullptr) copy->GetReflection()->ClearField(copy.get(), condition);
  return Digest::Of(message.GetDescriptor()->full_name() + '\0' + Serialise(*copy));
}

}  // namespace stockroom::api
