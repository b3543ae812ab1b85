#include "services/common/rpc/byte_buffers.h"

#include <grpcpp/impl/codegen/proto_buffer_reader.h>
#include <grpcpp/support/slice.h>

#include <memory>
#include <utility>

namespace stockroom::rpc {

bool ReadMessage(const grpc::ByteBuffer& bytes, google::protobuf::MessageLite& message) {
  // The reader only reads, but asks for one that it could change. A copy shares the bytes.
  grpc::ByteBuffer shared = bytes;
  grpc::ProtoBufferReader reader(&shared);
  return reader.status().ok() && message.ParseFromZeroCopyStream(&reader);
}

grpc::ByteBuffer BufferOf(std::string bytes) {
  auto* kept = new std::string(std::move(bytes));
  const grpc::Slice slice(
      kept->data(), kept->size(), [](void* held) { delete static_cast<std::string*>(held); }, kept);
  return grpc::ByteBuffer(&slice, 1);
}

}  // namespace stockroom::rpc
