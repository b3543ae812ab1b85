#include "services/common/rpc/byte_buffers.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>
#include <grpcpp/impl/codegen/proto_buffer_reader.h>
#include <grpcpp/support/slice.h>

#include <memory>
#include <utility>
#include <vector>

namespace stockroom::rpc {
namespace {

constexpr size_t kMostVarintBytes = 10;

// Shares `owner`, which keeps `bytes`.
grpc::Slice SliceOf(std::string_view bytes, const std::shared_ptr<const void>& owner) {
  using Owner = std::shared_ptr<const void>;
  return grpc::Slice(
      const_cast<char*>(bytes.data()), bytes.size(),
      [](void* kept) { delete static_cast<Owner*>(kept); }, new Owner(owner));
}

}  // namespace

bool ReadMessage(const grpc::ByteBuffer& bytes, google::protobuf::MessageLite& message) {
  // The reader only reads, but asks for one that it could change. A copy shares the bytes.
  grpc::ByteBuffer shared = bytes;
  grpc::ProtoBufferReader reader(&shared);
  return reader.status().ok() && message.ParseFromZeroCopyStream(&reader);
}

grpc::ByteBuffer BufferOf(std::string bytes) {
  const auto kept = std::make_shared<const std::string>(std::move(bytes));
  const grpc::Slice slice = SliceOf(*kept, kept);
  return grpc::ByteBuffer(&slice, 1);
}

grpc::ByteBuffer FieldOf(int number, std::span<const std::string_view> parts,
                         const std::shared_ptr<const void>& owner) {
  using google::protobuf::internal::WireFormatLite;
  size_t size = 0;
  for (const std::string_view part : parts) size += part.size();
  uint8_t head[2 * kMostVarintBytes];
  uint8_t* end =
      WireFormatLite::WriteTagToArray(number, WireFormatLite::WIRETYPE_LENGTH_DELIMITED, head);
  end = google::protobuf::io::CodedOutputStream::WriteVarint64ToArray(size, end);
  std::vector<grpc::Slice> slices;
  slices.reserve(1 + parts.size());
  slices.emplace_back(head, static_cast<size_t>(end - head));
  for (const std::string_view part : parts) slices.push_back(SliceOf(part, owner));
  return grpc::ByteBuffer(slices.data(), slices.size());
}

}  // namespace stockroom::rpc
