// Messages as bytes: for methods that are served without generated messages.
#pragma once

#include <google/protobuf/message_lite.h>
#include <grpcpp/support/byte_buffer.h>

#include <string>

namespace stockroom::rpc {

// False if the bytes are no such message.
bool ReadMessage(const grpc::ByteBuffer& bytes, google::protobuf::MessageLite& message);

// Takes the bytes over without a copy.
grpc::ByteBuffer BufferOf(std::string bytes);

// A message that consists of one field of type `bytes`, which is taken over without a copy.
grpc::ByteBuffer FieldOf(int number, std::string bytes);

}  // namespace stockroom::rpc
