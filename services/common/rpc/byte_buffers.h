// Messages as bytes: for methods that are served without generated messages.
#pragma once

#include <google/protobuf/message_lite.h>
#include <grpcpp/support/byte_buffer.h>

#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace stockroom::rpc {

// False if the bytes are no such message.
bool ReadMessage(const grpc::ByteBuffer& bytes, google::protobuf::MessageLite& message);

// Takes the bytes over without a copy.
grpc::ByteBuffer BufferOf(std::string bytes);

// A message that consists of one field of type `bytes`: `parts`, one behind the other, without a
// copy. They stay as they are as long as somebody holds `owner`.
grpc::ByteBuffer FieldOf(int number, std::span<const std::string_view> parts,
                         const std::shared_ptr<const void>& owner);

}  // namespace stockroom::rpc
