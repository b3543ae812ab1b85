#include "services/common/rpc/byte_buffers.h"

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <string>
#include <string_view>

#include "stockroom/internal/blobs.pb.h"

namespace stockroom::rpc {
namespace {

TEST(ByteBuffers, AFieldIsAMessage) {
  for (const size_t size : {0u, 1u, 127u, 128u, 70'000u, 1u << 20}) {
    std::string bytes(size, 'x');
    if (size > 0) bytes.back() = 'y';
    auto owner = std::make_shared<const std::string>(bytes);
    const std::string_view all = *owner;
    const std::array<std::string_view, 2> parts = {all.substr(0, size / 3), all.substr(size / 3)};
    const grpc::ByteBuffer buffer =
        FieldOf(internal::GetBlobResponse::kChunkFieldNumber, parts, owner);
    owner.reset();
    internal::GetBlobResponse message;
    ASSERT_TRUE(ReadMessage(buffer, message));
    EXPECT_EQ(message.part_case(), internal::GetBlobResponse::kChunk);
    EXPECT_EQ(message.chunk(), bytes);
  }
}

TEST(ByteBuffers, WhatIsNoMessageIsSeen) {
  internal::GetBlobRequest message;
  EXPECT_FALSE(ReadMessage(BufferOf("\xff\xff\xff"), message));
  EXPECT_TRUE(ReadMessage(BufferOf(""), message));
}

}  // namespace
}  // namespace stockroom::rpc
