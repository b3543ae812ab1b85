#include "services/fileserver/rpc/download_call.h"

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/synchronization/notification.h"
#include "services/common/base/metrics.h"
#include "stockroom/internal/blobs.pb.h"

namespace stockroom::fileserver {
namespace {

using Call = DownloadCall<internal::GetBlobResponse, BlobInfo>;

// What was stored before there were sums: its bytes are verified by its digest, at the end.
class OldSource final : public BlobSource {
 public:
  OldSource(std::string bytes, const Digest& digest) : bytes_(std::move(bytes)) {
    info_.sha256 = digest;
    info_.size = static_cast<int64_t>(bytes_.size());
  }
  const BlobInfo& info() const override { return info_; }
  absl::Status ReadAt(int64_t offset, char* to, size_t size) override {
    std::memcpy(to, bytes_.data() + offset, size);
    return absl::OkStatus();
  }
  absl::StatusOr<ChunkSums> Sums() override { return ChunkSums(); }

 private:
  const std::string bytes_;
  BlobInfo info_;
};

// A client that takes every message at once.
class Taker final : public rpc::WriteStream<grpc::ByteBuffer> {
 public:
  explicit Taker(Executor& executor) : executor_(executor) {}
  const CallContext& context() const override { return context_; }
  void Write(grpc::ByteBuffer message) override {
    EXPECT_TRUE(rpc::ReadMessage(message, messages.emplace_back()));
    executor_.SubmitAdmitted([this] { call->OnWritten(true); });
  }
  void Finish(absl::Status status) override {
    end = std::move(status);
    finished.Notify();
  }

  std::shared_ptr<Call> call;
  std::vector<internal::GetBlobResponse> messages;
  absl::Status end;
  absl::Notification finished;

 private:
  Executor& executor_;
  const CallContext context_ = CallContext::WithTimeout(absl::Minutes(1));
};

struct Taken {
  std::vector<internal::GetBlobResponse> messages;
  absl::Status end;
  int damages = 0;
};

// All of `bytes`, which are recorded as those of `digest`.
Taken Take(const std::string& bytes, const Digest& digest) {
  Taken taken;
  Metrics metrics;
  Slots slots("test", 1, metrics);
  Executor executor({.name = "test", .threads = 1}, metrics);
  const auto taker = std::make_shared<Taker>(executor);
  taker->call = std::make_shared<Call>(executor, [&] {
    return Download<BlobInfo>::Start(
        std::make_unique<OldSource>(bytes, digest), {},
        [&taken](const absl::Status&) { ++taken.damages; }, *slots.Take());
  });
  taker->call->OnOpen(taker);
  taker->finished.WaitForNotification();
  executor.Shutdown();
  taker->call.reset();
  taken.messages = std::move(taker->messages);
  taken.end = taker->end;
  return taken;
}

std::string Bytes(size_t size) {
  std::string bytes(size, '.');
  for (size_t i = 0; i < size; i += 1'000) bytes[i] = static_cast<char>(i / 1'000);
  return bytes;
}

TEST(DownloadCall, SendsTheInfoAndThenSeveralPiecesAMessage) {
  const std::string bytes = Bytes(5 * kChunkBytes + 1);
  const Taken taken = Take(bytes, Digest::Of(bytes));
  ASSERT_TRUE(taken.end.ok()) << taken.end;
  ASSERT_EQ(taken.messages.size(), 4u);
  EXPECT_EQ(taken.messages[0].info().size(), static_cast<int64_t>(bytes.size()));
  EXPECT_EQ(taken.messages[1].chunk().size(), kChunksAMessage * kChunkBytes);
  std::string got;
  for (const internal::GetBlobResponse& message : taken.messages) got += message.chunk();
  EXPECT_TRUE(got == bytes);
}

TEST(DownloadCall, SaysWhatFailedBehindThePiecesThatItSends) {
  const std::string bytes = Bytes(2 * kChunkBytes);
  const Taken taken = Take(bytes, Digest::Of("others"));
  EXPECT_TRUE(absl::IsDataLoss(taken.end)) << taken.end;
  EXPECT_EQ(taken.damages, 1);
  ASSERT_EQ(taken.messages.size(), 2u);
  EXPECT_TRUE(taken.messages[1].chunk() == bytes.substr(0, kChunkBytes));
}

}  // namespace
}  // namespace stockroom::fileserver
