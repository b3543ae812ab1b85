// Messages and enums as JSON Schema, as proto3 JSON writes them.
#pragma once

#include <google/protobuf/descriptor.h>

#include <nlohmann/json.hpp>
#include <set>
#include <string>

namespace stockroom::openapi {

using Json = nlohmann::ordered_json;

// The comment in front of it, unwrapped; "" without one.
template <typename Descriptor>
std::string CommentOf(const Descriptor& descriptor);

class Schemas {
 public:
  // A field's own schema, with its comment.
  Json OfField(const google::protobuf::FieldDescriptor& field);
  // A reference; the message, and whatever it refers to, goes among the components.
  Json Reference(const google::protobuf::Descriptor& message);

  // components/schemas, in the order of their names.
  Json Components() const;

 private:
  Json OfValue(const google::protobuf::FieldDescriptor& field);
  Json OfMessage(const google::protobuf::Descriptor& message);
  Json OfEnum(const google::protobuf::EnumDescriptor& descriptor);

  std::map<std::string, Json> components_;
};

}  // namespace stockroom::openapi
