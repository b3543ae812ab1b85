#include "services/api/handlers/fingerprint.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <memory>

namespace stockroom::api {

std::string Serialise(const google::protobuf::Message& message) {
  std::string bytes;
  google::protobuf::io::StringOutputStream stream(&bytes);
  google::protobuf::io::CodedOutputStream coded(&stream);
  coded.SetSerializationDeterministic(true);
  message.SerializeToCodedStream(&coded);
  coded.Trim();
  return bytes;
}

Digest FingerprintOf(const google::protobuf::Message& message) {
  const std::unique_ptr<google::protobuf::Message> copy(message.New());
  copy->CopyFrom(message);
  const auto* condition = copy->GetDescriptor()->FindFieldByName("if_revision");
  if (condition != nullptr) copy->GetReflection()->ClearField(copy.get(), condition);
  return Digest::Of(message.GetDescriptor()->full_name() + '\0' + Serialise(*copy));
}

}  // namespace stockroom::api
