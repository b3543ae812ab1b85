#include "services/common/rpc/byte_buffers.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>
#include <grpcpp/impl/codegen/proto_buffer_reader.h>
#include <grpcpp/support/slice.h>

#include <memory>
#include <utility>

namespace stockroom::rpc {
namespace {

constexpr size_t kMostVarintBytes = 10;

grpc::Slice SliceOf(std::string bytes) {
  auto* kept = new std::string(std::move(bytes));
  return grpc::Slice(
      kept->data(), kept->size(), [](void* held) { delete static_cast<std::string*>(held); }, kept);
}

}  // namespace

bool ReadMessage(const grpc::ByteBuffer& bytes, google::protobuf::MessageLite& message) {
  // The reader only reads, but asks for one that it could change. A copy shares the bytes.
  grpc::ByteBuffer shared = bytes;
  grpc::ProtoBufferReader reader(&shared);
  return reader.status().ok() && message.ParseFromZeroCopyStream(&reader);
}

grpc::ByteBuffer BufferOf(std::string bytes) {
  const grpc::Slice slice = SliceOf(std::move(bytes));
  return grpc::ByteBuffer(&slice, 1);
}

grpc::ByteBuffer FieldOf(int number, std::string bytes) {
  using google::protobuf::internal::WireFormatLite;
  uint8_t head[2 * kMostVarintBytes];
  uint8_t* end =
      WireFormatLite::WriteTagToArray(number, WireFormatLite::WIRETYPE_LENGTH_DELIMITED, head);
  end = google::protobuf::io::CodedOutputStream::WriteVarint64ToArray(bytes.size(), end);
  const grpc::Slice slices[] = {{head, static_cast<size_t>(end - head)}, SliceOf(std::move(bytes))};
  return grpc::ByteBuffer(slices, 2);
}

}  // namespace stockroom::rpc
