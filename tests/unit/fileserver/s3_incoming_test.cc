// Direct uploads whose bytes gather in a bucket, by several replicas.
#include "services/fileserver/backends/s3_incoming.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <utility>

#include "absl/strings/str_split.h"
#include "services/common/base/log.h"
#include "services/common/base/status.h"
#include "services/fileserver/backends/s3_urls.h"
#include "services/fileserver/store/blob_store.h"
#include "services/fileserver/store/incoming_store.h"
#include "tests/contract/blobs/s3_fixture.h"
#include "tests/support/memory_s3.h"

namespace stockroom::fileserver {
namespace {

using ::testing::ElementsAre;
using testing::MemoryS3;

class S3IncomingTest : public ::testing::Test {
 protected:
  S3IncomingTest() { InitLogging("test", LogLevel::kOff); }

  std::unique_ptr<S3Incoming> MakeIncoming(S3Replica& replica) {
    return std::make_unique<S3Incoming>(PosixEnv(), replica.client(),
                                        S3Incoming::Options{.spool_dir = folder_.path(),
                                                            .spool_memory_bytes = 4,
                                                            .spool_reserve_bytes = 0,
                                                            .max_piece_bytes = max_piece_bytes_,
                                                            .max_pieces = 30});
  }
  static absl::Status Write(IncomingBackend& incoming, int64_t offset, std::string_view bytes) {
    SR_ASSIGN_OR_RETURN(const auto sink, incoming.AppendIncoming("an-id", offset));
    SR_RETURN_IF_ERROR(sink->Append(bytes));
    return sink->Sync();
  }
  static std::string Bytes(IncomingBackend& incoming) {
    const auto source = incoming.OpenIncoming("an-id");
    if (!source.ok()) return source.status().ToString();
    std::string bytes(static_cast<size_t>((*source)->size()), '\0');
    const absl::Status read = (*source)->ReadAt(0, bytes.data(), bytes.size());
    return read.ok() ? bytes : read.ToString();
  }

  int64_t max_piece_bytes_ = 1 << 20;
  FakeClock clock_{absl::FromUnixSeconds(1'700'000'000)};
  MemoryS3 server_{{.clock = &clock_, .max_page = 3}};
  const testing::TempFolder folder_;
  S3Replica replica_{server_, {.clock = &clock_}};
  S3Replica other_replica_{server_, {.clock = &clock_}};
  const std::unique_ptr<S3Incoming> one_ = MakeIncoming(replica_);
  const std::unique_ptr<S3Incoming> other_ = MakeIncoming(other_replica_);
};

TEST_F(S3IncomingTest, GathersPiecesThatReplicasTakeInTurn) {
  ASSERT_TRUE(one_->CreateIncoming("an-id", "record").ok());
  EXPECT_TRUE(absl::IsAlreadyExists(other_->CreateIncoming("an-id", "another")));
  ASSERT_TRUE(Write(*one_, 0, "first, ").ok());
  ASSERT_TRUE(Write(*other_, 7, "second, ").ok());
  ASSERT_TRUE(Write(*one_, 15, "third").ok());
  EXPECT_EQ(Bytes(*other_), "first, second, third");
  const absl::Status wrong = Write(*other_, 7, "again");
  EXPECT_TRUE(absl::IsFailedPrecondition(wrong)) << wrong;
  EXPECT_EQ(DetailsOf(wrong).metadata["offset"], "20");
  EXPECT_EQ((*other_->OpenIncoming("an-id"))->record(), "record");
  ASSERT_TRUE(other_->NoteIncoming("an-id", "a note").ok());
  EXPECT_EQ((*one_->OpenIncoming("an-id"))->note(), "a note");
  ASSERT_TRUE(one_->RemoveIncoming("an-id").ok());
  EXPECT_TRUE(server_.Keys().empty());
  EXPECT_TRUE(one_->RemoveIncoming("an-id").ok());
  EXPECT_TRUE(absl::IsNotFound(one_->OpenIncoming("an-id").status()));
  EXPECT_TRUE(absl::IsNotFound(Write(*one_, 0, "x")));
  EXPECT_TRUE(absl::IsNotFound(one_->NoteIncoming("an-id", "x")));
}

TEST_F(S3IncomingTest, LetsOneWriterAtATimeUntilHeIsSilentForLong) {
  ASSERT_TRUE(one_->CreateIncoming("an-id", "record").ok());
  const auto sink = one_->AppendIncoming("an-id", 0).value();
  for (S3Incoming* incoming : {one_.get(), other_.get()}) {
    const absl::Status busy = Write(*incoming, 0, "x");
    EXPECT_TRUE(absl::IsAborted(busy)) << busy;
    EXPECT_TRUE(DetailsOf(busy).retry_after.has_value());
  }
  EXPECT_TRUE(absl::IsAborted(other_->RemoveIncoming("an-id")));
  ASSERT_TRUE(sink->Append("12345").ok());
  clock_.Advance(absl::Seconds(7));
  ASSERT_TRUE(sink->Sync().ok());
  clock_.Advance(absl::Seconds(7));
  EXPECT_TRUE(absl::IsAborted(Write(*other_, 5, "x"))) << "it has just synced";
  clock_.Advance(absl::Seconds(2));
  ASSERT_TRUE(Write(*other_, 5, "67").ok());
  // The first one was not dead after all: what it writes is one more piece, and takes nothing away.
  ASSERT_TRUE(sink->Append("6").ok());
  ASSERT_TRUE(sink->Sync().ok());
  EXPECT_EQ(Bytes(*other_), "1234567");
}

TEST_F(S3IncomingTest, TakesWhatAClientSentItselfForAllOfItUntilSomebodyBeginsAnew) {
  ASSERT_TRUE(one_->CreateIncoming("an-id", "record").ok());
  ASSERT_TRUE(Write(*one_, 0, "an atte").ok());
  const s3::TextBody whole("all at once");
  ASSERT_TRUE(replica_.client().Put(S3Incoming::DirectKey("an-id"), whole, {}).ok());
  EXPECT_EQ(Bytes(*other_), "all at once");
  {
    const auto sink = other_->AppendIncoming("an-id", 11).value();
    ASSERT_TRUE(sink->Truncate(0).ok());
    ASSERT_TRUE(sink->Append("anew").ok());
    ASSERT_TRUE(sink->Sync().ok());
  }
  EXPECT_EQ(Bytes(*one_), "anew");
}

TEST_F(S3IncomingTest, LivesForAsLongAsBytesCome) {
  ASSERT_TRUE(one_->CreateIncoming("an-id", "record").ok());
  const auto sink = one_->AppendIncoming("an-id", 0).value();
  for (int i = 0; i < 20; ++i) {
    clock_.Advance(absl::Seconds(3));
    ASSERT_TRUE(sink->Append("x").ok());
    EXPECT_TRUE(absl::IsAborted(Write(*other_, 0, "y"))) << i;
  }
  ASSERT_TRUE(sink->Sync().ok());
  EXPECT_EQ(Bytes(*other_), std::string(20, 'x'));
}

TEST_F(S3IncomingTest, TakesNothingAwayThatAnotherAcknowledgedAfterALongSilence) {
  ASSERT_TRUE(one_->CreateIncoming("an-id", "record").ok());
  const auto silent = one_->AppendIncoming("an-id", 0).value();
  ASSERT_TRUE(silent->Truncate(0).ok());
  ASSERT_TRUE(silent->Append("all of").ok());
  clock_.Advance(absl::Seconds(50));
  ASSERT_TRUE(Write(*other_, 0, "all of it").ok());
  EXPECT_TRUE(silent->Truncate(0).ok());
  EXPECT_EQ(Bytes(*one_), "all of it");
}

TEST_F(S3IncomingTest, RemovesNothingWhileAnotherWriterMayLive) {
  ASSERT_TRUE(one_->CreateIncoming("an-id", "record").ok());
  ASSERT_TRUE(Write(*one_, 0, "first, ").ok());
  const auto silent = one_->AppendIncoming("an-id", 7).value();
  clock_.Advance(absl::Seconds(9));
  EXPECT_TRUE(absl::IsAborted(silent->Truncate(3))) << "it counts as dead";
  const auto second = other_->AppendIncoming("an-id", 7).value();
  const absl::Status dead = silent->Append("x");
  EXPECT_EQ(DetailsOf(dead).reason, "INCOMING_TAKEN_OVER") << dead;
  EXPECT_TRUE(absl::IsAborted(silent->Truncate(3)));
  EXPECT_EQ(Bytes(*one_), "first, ");
}

TEST_F(S3IncomingTest, APieceThatArrivesLateMakesNothingLess) {
  ASSERT_TRUE(one_->CreateIncoming("an-id", "record").ok());
  ASSERT_TRUE(Write(*one_, 0, "01").ok());
  // Nobody hears that this one arrived, and it arrives after all.
  std::string late;
  std::string url;
  s3::Fields headers;
  server_.SetFault([&](const s3::HttpRequest& request,
                       const std::string& key) -> std::optional<absl::StatusOr<s3::HttpResponse>> {
    if (request.method != "PUT" || key.find("piece-") == std::string::npos) return std::nullopt;
    late.resize(static_cast<size_t>(request.body->size()));
    EXPECT_TRUE(request.body->ReadAt(0, late.data(), late.size()).ok());
    url = request.url;
    headers = request.headers;
    return absl::UnavailableError("lost");
  });
  EXPECT_FALSE(Write(*one_, 2, "2345678").ok());
  server_.SetFault(nullptr);
  for (const auto& [offset, bytes] : std::vector<std::pair<int64_t, std::string>>{
           {2, "23"}, {4, "45"}, {6, "67"}, {8, "89"}, {10, "ab"}}) {
    ASSERT_TRUE(Write(*other_, offset, bytes).ok()) << offset;
  }
  const s3::TextBody body(late);
  s3::HttpRequest arrives{.method = "PUT", .url = url, .headers = headers, .body = &body};
  EXPECT_EQ(server_.Send(arrives)->status, 200);
  EXPECT_EQ(Bytes(*one_), "0123456789ab");
  const auto source = one_->OpenIncoming("an-id").value();
  for (int64_t at = 0; at < 12; ++at) {
    char byte = 0;
    ASSERT_TRUE(source->ReadAt(at, &byte, 1).ok()) << at;
    EXPECT_EQ(byte, "0123456789ab"[at]);
  }
  ASSERT_TRUE(one_->AppendIncoming("an-id", 12).value()->Truncate(7).ok());
  EXPECT_EQ(Bytes(*one_), "0123456");
}

TEST_F(S3IncomingTest, CountsNothingOfAnEarlierAttemptOnceSomebodyHasBegunAnew) {
  ASSERT_TRUE(one_->CreateIncoming("an-id", "record").ok());
  const auto silent = one_->AppendIncoming("an-id", 0).value();
  ASSERT_TRUE(silent->Truncate(0).ok());
  ASSERT_TRUE(silent->Append("other bytes").ok());
  clock_.Advance(absl::Seconds(9));
  {
    const auto sink = other_->AppendIncoming("an-id", 0).value();
    ASSERT_TRUE(sink->Truncate(0).ok());
    ASSERT_TRUE(sink->Append("those that").ok());
    ASSERT_TRUE(sink->Sync().ok());
  }
  const absl::Status late = silent->Sync();
  EXPECT_EQ(DetailsOf(late).reason, "INCOMING_TAKEN_OVER") << late;
  EXPECT_EQ(Bytes(*one_), "those that");
}

TEST_F(S3IncomingTest, FindsPiecesThatRottedInTheBucket) {
  ASSERT_TRUE(one_->CreateIncoming("an-id", "record").ok());
  ASSERT_TRUE(Write(*one_, 0, "first, ").ok());
  ASSERT_TRUE(Write(*one_, 7, "second").ok());
  for (const std::string& key : server_.Keys()) {
    if (key.find("piece-00000000000000000007") == std::string::npos) continue;
    server_.Change(key, [](auto& object) { object.bytes[2] ^= 1; });
  }
  const auto source = one_->OpenIncoming("an-id").value();
  std::string bytes(13, '\0');
  EXPECT_TRUE(source->ReadAt(0, bytes.data(), 7).ok());
  EXPECT_TRUE(absl::IsDataLoss(source->ReadAt(7, bytes.data(), 6)));
  const auto anew = one_->OpenIncoming("an-id").value();
  const absl::Status damaged = anew->ReadAt(0, bytes.data(), 13);
  EXPECT_EQ(DetailsOf(damaged).reason, "INCOMING_DAMAGED") << damaged;
}

TEST_F(S3IncomingTest, TakesNoMorePiecesThanAllowedAndRemovesAnyNumber) {
  ASSERT_TRUE(one_->CreateIncoming("an-id", "record").ok());
  for (int64_t at = 0; at < 30; ++at) ASSERT_TRUE(Write(*one_, at, "x").ok()) << at;
  const absl::Status refused = Write(*one_, 30, "x");
  EXPECT_EQ(DetailsOf(refused).reason, "INCOMING_TOO_MANY_PIECES") << refused;
  EXPECT_TRUE(one_->AppendIncoming("an-id", 30).ok()) << "it can still be completed";
  for (int i = 0; i < 40; ++i) {
    const std::string key = "incoming/an-id/piece-0-1-00000000-0-" + std::to_string(i);
    ASSERT_TRUE(replica_.client().Put(key, s3::TextBody("x"), {.metadata = {}, .md5 = {}}).ok());
  }
  EXPECT_TRUE(one_->OpenIncoming("an-id").ok()) << "else it would never be seen to expire";
  EXPECT_TRUE(one_->RemoveIncoming("an-id").ok());
  EXPECT_TRUE(server_.Keys().empty());
}

// S3 takes 5 GiB in one request.
TEST_F(S3IncomingTest, SendsWhatIsTooLargeForOneRequestInSeveral) {
  max_piece_bytes_ = 5;
  const auto small = MakeIncoming(replica_);
  ASSERT_TRUE(small->CreateIncoming("an-id", "record").ok());
  {
    const auto sink = small->AppendIncoming("an-id", 0).value();
    ASSERT_TRUE(sink->Append("0123456").ok());
    ASSERT_TRUE(sink->Append("789ab").ok());
    ASSERT_TRUE(sink->Sync().ok());
    ASSERT_TRUE(sink->Append("cdefg").ok());
    ASSERT_TRUE(sink->Sync().ok());
  }
  EXPECT_EQ(Bytes(*other_), "0123456789abcdefg");
  std::vector<std::string> sizes;
  for (const std::string& key : server_.Keys()) {
    const std::vector<std::string> parts = absl::StrSplit(key, '-');
    if (key.find("/piece-") != std::string::npos) sizes.push_back(parts[3]);
  }
  EXPECT_THAT(sizes, ElementsAre("5", "5", "2", "5"));
}

TEST_F(S3IncomingTest, KeepsWhatWasSyncedAndForgetsTheRest) {
  ASSERT_TRUE(one_->CreateIncoming("an-id", "record").ok());
  {
    const auto sink = one_->AppendIncoming("an-id", 0).value();
    ASSERT_TRUE(sink->Append("synced").ok());
    ASSERT_TRUE(sink->Sync().ok());
    ASSERT_TRUE(sink->Append("lost").ok());
  }
  EXPECT_EQ(Bytes(*other_), "synced");
}

TEST_F(S3IncomingTest, CutsBackToAnyPlace) {
  ASSERT_TRUE(one_->CreateIncoming("an-id", "record").ok());
  for (const int64_t size : {20, 17, 15, 8, 7, 3, 0}) {
    for (const auto& [offset, bytes] : std::vector<std::pair<int64_t, std::string>>{
             {0, "first, "}, {7, "second, "}, {15, "third"}}) {
      const std::string have = Bytes(*one_);
      if (static_cast<int64_t>(have.size()) > offset) continue;
      ASSERT_TRUE(Write(*one_, offset, bytes).ok());
    }
    {
      const int64_t had = (*one_->OpenIncoming("an-id"))->size();
      const auto sink = one_->AppendIncoming("an-id", had).value();
      ASSERT_TRUE(sink->Truncate(std::min(size, had)).ok());
      EXPECT_EQ(Bytes(*other_), std::string("first, second, third").substr(0, std::min(size, had)));
      ASSERT_TRUE(sink->Truncate(0).ok());
      ASSERT_TRUE(sink->Append("anew").ok());
      ASSERT_TRUE(sink->Sync().ok());
      EXPECT_EQ(Bytes(*other_), "anew");
      ASSERT_TRUE(sink->Truncate(0).ok());
    }
  }
}

TEST_F(S3IncomingTest, ListsAllIdsInPages) {
  std::vector<std::string> ids;
  for (const char* id : {"a", "a-b", "ab", "b", "b0", "c-", "0"}) {
    ASSERT_TRUE(one_->CreateIncoming(id, "record").ok());
    ids.emplace_back(id);
  }
  for (const int limit : {1, 2, 100}) {
    std::vector<std::string> listed;
    std::string after;
    for (;;) {
      const std::vector<std::string> page = one_->ListIncomings(after, limit).value();
      if (page.empty()) break;
      listed.insert(listed.end(), page.begin(), page.end());
      after = page.back();
    }
    EXPECT_THAT(listed, ::testing::UnorderedElementsAreArray(ids)) << limit;
  }
}

TEST_F(S3IncomingTest, BecomesABlobOfTheSameBucket) {
  Metrics metrics;
  BlobStore blobs(replica_.backend(), {}, metrics);
  IncomingStore store(*one_, blobs, {.clock = &clock_}, metrics);
  const std::string bytes(300'000, 'x');
  ASSERT_TRUE(store
                  .Create({.id = "an-id",
                           .size = 300'000,
                           .content_type = "image/png",
                           .sha256 = Digest::Of(bytes),
                           .expires = clock_.Now() + absl::Hours(1)})
                  .ok());
  for (const int64_t offset : {0, 100'000, 200'000}) {
    const auto writer = store.Append("an-id", {.offset = offset}).value();
    ASSERT_TRUE(writer->Append(bytes.substr(static_cast<size_t>(offset), 100'000)).ok());
    ASSERT_TRUE(writer->Finish().ok());
  }
  const absl::StatusOr<IncomingBlob> made =
      store.Complete(CallContext::WithTimeout(absl::Seconds(30)), "an-id");
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(made->blob.info.sha256, Digest::Of(bytes));
  EXPECT_TRUE(replica_.backend().OpenBlob(Digest::Of(bytes)).ok());
}

// While it is read for the first time by one replica's completion, which takes long.
class S3IncomingCompletion : public S3IncomingTest {
 protected:
  S3IncomingCompletion() {
    EXPECT_TRUE(store_
                    .Create({.id = "an-id",
                             .size = 300'000,
                             .content_type = "image/png",
                             .expires = clock_.Now() + absl::Hours(1)})
                    .ok());
    const auto writer = store_.Append("an-id", {}).value();
    EXPECT_TRUE(writer->Append(bytes_).ok());
    EXPECT_TRUE(writer->Finish().ok());
  }
  static absl::StatusOr<IncomingBlob> Complete(IncomingStore& store) {
    return store.Complete(CallContext::WithTimeout(absl::Seconds(30)), "an-id");
  }
  void Meanwhile(std::function<void()> happens) {
    server_.SetFault(
        [happens = std::move(happens), done = std::make_shared<bool>(false)](
            const s3::HttpRequest& request,
            const std::string& key) -> std::optional<absl::StatusOr<s3::HttpResponse>> {
          const bool now = request.method == "GET" && key.find("/piece-") != std::string::npos;
          if (now && !std::exchange(*done, true)) happens();
          return std::nullopt;
        });
  }

  const std::string bytes_ = std::string(300'000, 'x');
  Metrics metrics_;
  BlobStore blobs_{replica_.backend(), {}, metrics_};
  BlobStore other_blobs_{other_replica_.backend(), {}, metrics_};
  IncomingStore store_{*one_, blobs_, {.clock = &clock_}, metrics_};
  IncomingStore other_store_{*other_, other_blobs_, {.clock = &clock_}, metrics_};
};

TEST_F(S3IncomingCompletion, ByTwoReplicasMakesOneBlob) {
  Meanwhile([&] {
    EXPECT_EQ(DetailsOf(Complete(other_store_).status()).reason, "INCOMING_BUSY");
    clock_.Advance(absl::Seconds(9));
    const auto made = Complete(other_store_);
    ASSERT_TRUE(made.ok()) << made.status();
    EXPECT_EQ(made->blob.info.sha256, Digest::Of(bytes_));
  });
  const auto made = Complete(store_);
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(made->blob.info.sha256, Digest::Of(bytes_));
  EXPECT_TRUE(made->blob.existed);
  EXPECT_TRUE(other_store_.Stat("an-id")->complete);
  EXPECT_TRUE(replica_.backend().OpenBlob(Digest::Of(bytes_)).ok());
}

TEST_F(S3IncomingCompletion, OfWhatAnotherReplicaRemovesMakesNone) {
  Meanwhile([&] {
    EXPECT_EQ(DetailsOf(other_store_.Remove("an-id")).reason, "INCOMING_BUSY");
    clock_.Advance(absl::Seconds(9));
    EXPECT_TRUE(other_store_.Remove("an-id").ok());
  });
  const absl::Status made = Complete(store_).status();
  EXPECT_EQ(DetailsOf(made).reason, "INCOMING_CHANGED") << made;
  EXPECT_TRUE(absl::IsNotFound(replica_.backend().OpenBlob(Digest::Of(bytes_)).status()));
}

TEST_F(S3IncomingTest, TakesAllBytesInOneRequestStraightToTheBucket) {
  Metrics metrics;
  BlobStore blobs(replica_.backend(), {}, metrics);
  IncomingStore store(*one_, blobs, {.clock = &clock_}, metrics);
  StreamHasher hasher(StreamHasher::Md5::kYes);
  hasher.Update("the bytes");
  const IncomingSpec spec{.id = "an-id",
                          .size = 9,
                          .content_type = "image/png",
                          .md5 = hasher.FinishMd5(),
                          .expires = clock_.Now() + absl::Hours(1)};
  ASSERT_TRUE(store.Create(spec).ok());
  S3Urls urls(replica_.client(), std::nullopt);
  const DirectUrls::Put put = urls.ToPut(spec).value();
  const auto send = [&](const std::string& bytes, s3::Fields headers) {
    const s3::TextBody body(bytes);
    headers.emplace_back("Content-Length", std::to_string(bytes.size()));
    const s3::HttpRequest request{
        .method = "PUT", .url = put.url, .headers = std::move(headers), .body = &body};
    return server_.Send(request)->status;
  };
  EXPECT_EQ(send("the bytes!", put.headers), 403) << "another length";
  EXPECT_EQ(send("the bytez", put.headers), 400) << "another MD5";
  EXPECT_EQ(send("the bytes", {{"Content-Type", "text/html"}, put.headers[1]}), 403);
  EXPECT_EQ(send("the bytes", put.headers), 200);
  const absl::StatusOr<IncomingBlob> made =
      store.Complete(CallContext::WithTimeout(absl::Seconds(30)), "an-id");
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(made->blob.info.sha256, Digest::Of("the bytes"));

  const absl::StatusOr<std::string> url = urls.ToRead({.digest = Digest::Of("the bytes"),
                                                       .expires = clock_.Now() + absl::Minutes(5),
                                                       .content_type = "image/png",
                                                       .filename = "h\xc3\xa9 \"x\".png"});
  ASSERT_TRUE(url.ok()) << url.status();
  EXPECT_THAT(*url, ::testing::HasSubstr("attachment%3B%20filename%2A%3DUTF-8%27%27h%25C3%25A9"));
  const s3::HttpRequest read{.method = "GET", .url = *url, .headers = {}};
  EXPECT_EQ(server_.Send(read)->body, "the bytes");
  clock_.Advance(absl::Minutes(6));
  EXPECT_EQ(server_.Send(read)->status, 403);
}

}  // namespace
}  // namespace stockroom::fileserver
