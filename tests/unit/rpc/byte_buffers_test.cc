#include "services/common/rpc/byte_buffers.h"

#include <gtest/gtest.h>

#include <string>

#include "stockroom/internal/blobs.pb.h"

namespace stockroom::rpc {
namespace {

TEST(ByteBuffers, AFieldIsAMessage) {
  for (const size_t size : {0u, 1u, 127u, 128u, 70'000u, 1u << 20}) {
    std::string bytes(size, 'x');
    if (size > 0) bytes.back() = 'y';
    const grpc::ByteBuffer buffer =
        FieldOf(internal::GetBlobResponse::kChunkFieldNumber, std::string(bytes));
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
