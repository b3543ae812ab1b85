// What every IncomingClient promises. Include in one test file and instantiate
// IncomingClientContract with a factory for each implementation.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/time/clock.h"
#include "services/common/base/crc32c.h"
#include "services/common/base/status.h"
#include "services/common/blobs/blob_client.h"
#include "services/common/blobs/blocking.h"
#include "services/common/blobs/incoming_client.h"

namespace stockroom {

// A client and whatever has to run behind it. Its limit: incomings of 4 MiB.
class IncomingClientUnderTest {
 public:
  virtual ~IncomingClientUnderTest() = default;
  virtual IncomingClient& client() = 0;
  // Of the same file server.
  virtual BlobClient& blobs() = 0;
  // What a client of the ticket does: sends `bytes`, which begin at `offset`. False: refused.
  virtual bool Send(const std::string& id, const IncomingTicket& ticket, int64_t offset,
                    std::string_view bytes) = 0;
};

struct IncomingClientImplementation {
  std::string name;
  std::function<std::unique_ptr<IncomingClientUnderTest>()> make;
};

class IncomingClientContract : public testing::TestWithParam<IncomingClientImplementation> {
 protected:
  IncomingClientContract() : under_test_(GetParam().make()), client_(under_test_->client()) {}

  static CallContext Context() { return CallContext::WithTimeout(absl::Seconds(30)); }
  IncomingSpec Spec(std::string_view bytes, std::string id = "an-id") const {
    return {.id = std::move(id),
            .size = static_cast<int64_t>(bytes.size()),
            .content_type = "image/png",
            .expires = expires_};
  }
  static std::string Md5Of(std::string_view bytes) {
    StreamHasher hasher(StreamHasher::Md5::kYes);
    hasher.Update(bytes);
    return hasher.FinishMd5();
  }

  IncomingTicket Create(const IncomingSpec& spec) {
    absl::StatusOr<IncomingTicket> ticket = CreateIncoming(client_, Context(), spec);
    EXPECT_TRUE(ticket.ok()) << ticket.status();
    return ticket.ok() ? *std::move(ticket) : IncomingTicket{};
  }
  // Created and wholly sent.
  void Arrive(const IncomingSpec& spec, std::string_view bytes) {
    EXPECT_TRUE(under_test_->Send(spec.id, Create(spec), 0, bytes));
  }
  absl::StatusOr<IncomingBlob> Complete(const std::string& id = "an-id") {
    return CompleteIncoming(client_, Context(), id);
  }
  absl::StatusOr<IncomingInfo> Stat(const std::string& id = "an-id") {
    return StatIncoming(client_, Context(), id);
  }
  absl::Status Remove(const std::string& id = "an-id") {
    return RemoveIncoming(client_, Context(), id);
  }
  bool IsBlob(std::string_view bytes) {
    return ReadBlob(under_test_->blobs(), Context(), Digest::Of(bytes), 8 << 20).ok();
  }
  static std::string ReasonOf(const absl::Status& status) { return DetailsOf(status).reason; }

  const std::unique_ptr<IncomingClientUnderTest> under_test_;
  IncomingClient& client_;
  const absl::Time expires_ = absl::FromUnixSeconds(absl::ToUnixSeconds(absl::Now()) + 3600);
};

TEST_P(IncomingClientContract, MakesABlobOfWhatHasArrived) {
  const std::string bytes = "\x89PNG and the rest";
  Arrive(Spec(bytes), bytes);
  EXPECT_FALSE(IsBlob(bytes));
  const absl::StatusOr<IncomingBlob> done = Complete();
  ASSERT_TRUE(done.ok()) << done.status();
  EXPECT_EQ(done->blob.info.sha256, Digest::Of(bytes));
  EXPECT_EQ(done->blob.info.md5, Md5Of(bytes));
  EXPECT_EQ(done->blob.info.size, static_cast<int64_t>(bytes.size()));
  EXPECT_FALSE(done->blob.existed);
  EXPECT_EQ(done->head, bytes);
  EXPECT_TRUE(IsBlob(bytes));
}

TEST_P(IncomingClientContract, GivesAHeadOfFourKibibytesAtMost) {
  const std::string bytes = std::string(4096, 'h') + std::string(1 << 20, 'r');
  Arrive(Spec(bytes), bytes);
  const absl::StatusOr<IncomingBlob> done = Complete();
  ASSERT_TRUE(done.ok()) << done.status();
  EXPECT_EQ(done->head, std::string(4096, 'h'));
}

TEST_P(IncomingClientContract, SaysHowMuchHasArrived) {
  const std::string bytes(300'000, 'b');
  const IncomingTicket ticket = Create(Spec(bytes));
  EXPECT_FALSE(ticket.put_url.empty());
  EXPECT_FALSE(ticket.tus_url.empty());
  EXPECT_FALSE(ticket.tus_endpoint.empty());
  ASSERT_TRUE(Stat().ok());
  EXPECT_EQ(Stat()->offset, 0);
  EXPECT_EQ(Stat()->size, 300'000);
  EXPECT_EQ(Stat()->expires, expires_);
  EXPECT_TRUE(under_test_->Send("an-id", ticket, 0, bytes.substr(0, 100'000)));
  EXPECT_EQ(Stat()->offset, 100'000);
  EXPECT_FALSE(under_test_->Send("an-id", ticket, 50'000, bytes.substr(50'000, 10)));
  EXPECT_EQ(Stat()->offset, 100'000);
  EXPECT_TRUE(under_test_->Send("an-id", ticket, 100'000, bytes.substr(100'000)));
  EXPECT_EQ(Stat()->offset, 300'000);
}

TEST_P(IncomingClientContract, TakesNoMoreThanWasAnnounced) {
  const std::string bytes = "twelve bytes";
  const IncomingTicket ticket = Create(Spec(bytes));
  EXPECT_FALSE(under_test_->Send("an-id", ticket, 0, bytes + "and more"));
  EXPECT_TRUE(absl::IsFailedPrecondition(Complete().status()));
}

TEST_P(IncomingClientContract, CompletesOnlyWhatIsWhole) {
  const std::string bytes = "the whole of it";
  const IncomingTicket ticket = Create(Spec(bytes));
  EXPECT_TRUE(absl::IsFailedPrecondition(Complete().status()));
  EXPECT_EQ(ReasonOf(Complete().status()), "INCOMING_INCOMPLETE");
  EXPECT_TRUE(under_test_->Send("an-id", ticket, 0, bytes.substr(0, bytes.size() - 1)));
  EXPECT_EQ(ReasonOf(Complete().status()), "INCOMING_INCOMPLETE");
  EXPECT_TRUE(under_test_->Send("an-id", ticket, static_cast<int64_t>(bytes.size()) - 1,
                                bytes.substr(bytes.size() - 1)));
  EXPECT_TRUE(Complete().ok());
  EXPECT_TRUE(IsBlob(bytes));
}

TEST_P(IncomingClientContract, RefusesBytesThatWereNotAnnounced) {
  const std::string bytes = "these bytes";
  const std::string others = "those bytes";
  IncomingSpec spec = Spec(bytes, "sha");
  spec.sha256 = Digest::Of(others);
  Arrive(spec, bytes);
  spec = Spec(bytes, "md5");
  spec.md5 = Md5Of(others);
  Arrive(spec, bytes);
  spec = Spec(bytes, "crc");
  spec.crc32c = Crc32c(others);
  Arrive(spec, bytes);
  for (const char* id : {"sha", "md5", "crc"}) {
    const absl::Status refused = Complete(id).status();
    EXPECT_TRUE(absl::IsDataLoss(refused)) << id << ": " << refused;
    EXPECT_EQ(ReasonOf(refused), "DIGEST_MISMATCH") << id;
    EXPECT_TRUE(absl::IsDataLoss(Complete(id).status())) << id;
  }
  EXPECT_FALSE(IsBlob(bytes));
}

TEST_P(IncomingClientContract, TakesBytesThatAreAsAnnounced) {
  const std::string bytes = "just these bytes";
  IncomingSpec spec = Spec(bytes);
  spec.sha256 = Digest::Of(bytes);
  spec.md5 = Md5Of(bytes);
  spec.crc32c = Crc32c(bytes);
  Arrive(spec, bytes);
  EXPECT_TRUE(Complete().ok());
}

TEST_P(IncomingClientContract, CompletesAgainUntilItIsRemoved) {
  const std::string bytes = "again and again";
  Arrive(Spec(bytes), bytes);
  ASSERT_TRUE(Complete().ok());
  const absl::StatusOr<IncomingBlob> again = Complete();
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->blob.info.sha256, Digest::Of(bytes));
  EXPECT_TRUE(again->blob.existed);
  EXPECT_EQ(again->head, bytes);
  EXPECT_TRUE(Remove().ok());
  EXPECT_TRUE(absl::IsNotFound(Complete().status()));
}

TEST_P(IncomingClientContract, ForgetsWhatIsRemovedButNotTheBlob) {
  const std::string bytes = "a blob stays";
  Arrive(Spec(bytes), bytes);
  ASSERT_TRUE(Complete().ok());
  EXPECT_TRUE(Remove().ok());
  EXPECT_TRUE(absl::IsNotFound(Stat().status()));
  EXPECT_TRUE(IsBlob(bytes));
  EXPECT_TRUE(Remove().ok());
  EXPECT_TRUE(Remove("never-there").ok());
}

TEST_P(IncomingClientContract, IsMadeTwiceOnlyWithTheSameValues) {
  const std::string bytes = "made twice";
  const IncomingTicket first = Create(Spec(bytes));
  EXPECT_TRUE(under_test_->Send("an-id", first, 0, bytes.substr(0, 4)));
  const IncomingTicket second = Create(Spec(bytes));
  EXPECT_EQ(Stat()->offset, 4);
  EXPECT_TRUE(under_test_->Send("an-id", second, 4, bytes.substr(4)));
  IncomingSpec other = Spec(bytes);
  ++other.size;
  EXPECT_TRUE(absl::IsAlreadyExists(CreateIncoming(client_, Context(), other).status()));
  EXPECT_TRUE(Complete().ok());
}

TEST_P(IncomingClientContract, RefusesWhatIsMalformedOrTooLarge) {
  for (const std::string& id : {std::string(), std::string(65, 'a'), std::string("UPPER"),
                                std::string("a/b"), std::string(".."), std::string("a\0b", 3)}) {
    EXPECT_TRUE(
        absl::IsInvalidArgument(CreateIncoming(client_, Context(), Spec("bytes", id)).status()))
        << id;
    EXPECT_TRUE(absl::IsInvalidArgument(Stat(id).status())) << id;
    EXPECT_TRUE(absl::IsInvalidArgument(Complete(id).status())) << id;
    EXPECT_TRUE(absl::IsInvalidArgument(Remove(id))) << id;
  }
  IncomingSpec spec = Spec("bytes");
  spec.size = 0;
  EXPECT_TRUE(absl::IsInvalidArgument(CreateIncoming(client_, Context(), spec).status()));
  spec.size = (4 << 20) + 1;
  EXPECT_TRUE(absl::IsOutOfRange(CreateIncoming(client_, Context(), spec).status()));
  spec.size = 4 << 20;
  EXPECT_TRUE(CreateIncoming(client_, Context(), spec).ok());
  EXPECT_TRUE(absl::IsNotFound(Stat("never-there").status()));
  EXPECT_TRUE(absl::IsNotFound(Complete("never-there").status()));
}

TEST_P(IncomingClientContract, SignsUrlsOfBlobsWithoutLookingForThem) {
  const absl::StatusOr<std::string> url = SignBlobUrl(client_, Context(),
                                                      {.digest = Digest::Of("nobody has this"),
                                                       .expires = expires_,
                                                       .content_type = "image/png",
                                                       .filename = "a name.png"});
  ASSERT_TRUE(url.ok()) << url.status();
  EXPECT_THAT(*url, testing::HasSubstr(Digest::Of("nobody has this").hex()));
}

TEST_P(IncomingClientContract, StopsWithItsCaller) {
  CallContext cancelled = Context();
  cancelled.cancellation->Cancel();
  EXPECT_TRUE(absl::IsCancelled(CreateIncoming(client_, cancelled, Spec("bytes")).status()));
  EXPECT_TRUE(absl::IsCancelled(StatIncoming(client_, cancelled, "an-id").status()));
  EXPECT_TRUE(absl::IsCancelled(CompleteIncoming(client_, cancelled, "an-id").status()));
  const CallContext late = CallContext::WithTimeout(absl::ZeroDuration());
  EXPECT_TRUE(absl::IsDeadlineExceeded(RemoveIncoming(client_, late, "an-id")));
}

}  // namespace stockroom
