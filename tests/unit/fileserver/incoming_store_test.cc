// The rules of direct uploads over a disk in memory.
#include "services/fileserver/store/incoming_store.h"

#include <string>
#include <thread>

#include "absl/strings/escaping.h"
#include "services/common/base/crc32c.h"
#include "services/common/base/status.h"
#include "services/fileserver/backends/local_incoming.h"
#include "services/fileserver/store/incoming_record.h"
#include "tests/unit/fileserver/machine.h"

namespace stockroom::fileserver {
namespace {

using Survives = MemoryEnv::Survives;

std::string Md5Of(std::string_view bytes) {
  StreamHasher hasher(StreamHasher::Md5::kYes);
  hasher.Update(bytes);
  return hasher.FinishMd5();
}

class IncomingStoreTest : public testing::Test {
 protected:
  IncomingStoreTest() {
    options_.clock = &machine_.clock;
    options_.steady = [this] { return machine_.steady; };
    options_.max_bytes = 4 << 20;
    Start();
  }

  void Start() {
    store_.reset();
    backend_.reset();
    EXPECT_TRUE(machine_.Open().ok());
    backend_ = LocalIncoming::Open(machine_.env, {.data_dir = Machine::kDirectory,
                                                  .reserve_bytes = machine_.reserve_bytes})
                   .value();
    store_ = std::make_unique<IncomingStore>(*backend_, machine_.stores->blobs, options_,
                                             machine_.stores->metrics);
  }
  void PowerCut(Survives survives) {
    store_.reset();
    backend_.reset();
    EXPECT_TRUE(machine_.PowerCut(survives).ok());
    Start();
  }

  IncomingSpec Spec(int64_t size, std::string id = "an-id") {
    return {.id = std::move(id),
            .size = size,
            .content_type = "image/png",
            .expires = machine_.clock.Now() + absl::Hours(1)};
  }
  IncomingSpec SpecOf(std::string_view bytes) { return Spec(static_cast<int64_t>(bytes.size())); }
  absl::Status Send(int64_t offset, std::string_view bytes,
                    std::optional<PieceChecksum> checksum = std::nullopt) {
    IncomingStore::AppendOptions options{.offset = offset, .checksum = std::move(checksum)};
    SR_ASSIGN_OR_RETURN(const auto writer, store_->Append("an-id", options));
    SR_RETURN_IF_ERROR(writer->Append(bytes));
    return writer->Finish().status();
  }
  absl::StatusOr<std::shared_ptr<IncomingWriter>> Replace() {
    SR_ASSIGN_OR_RETURN(const auto state, store_->Stat("an-id"));
    return store_->Replace(state.spec);
  }
  absl::Status Put(std::string_view bytes) {
    SR_ASSIGN_OR_RETURN(const auto writer, Replace());
    const absl::Status appended = writer->Append(bytes);
    if (!appended.ok()) writer->Break();
    SR_RETURN_IF_ERROR(appended);
    return writer->Finish().status();
  }
  absl::StatusOr<IncomingBlob> Complete() {
    return store_->Complete(CallContext::WithTimeout(absl::Seconds(30)), "an-id");
  }
  int64_t Offset() {
    const auto state = store_->Stat("an-id");
    EXPECT_TRUE(state.ok()) << state.status();
    return state.ok() ? state->offset : -1;
  }
  static std::string ReasonOf(const absl::Status& status) { return DetailsOf(status).reason; }

  Machine machine_;
  IncomingStore::Options options_;
  std::unique_ptr<LocalIncoming> backend_;
  std::unique_ptr<IncomingStore> store_;
};

TEST_F(IncomingStoreTest, MakesABlobOfPieces) {
  ASSERT_TRUE(store_->Create(SpecOf("first, second")).ok());
  ASSERT_TRUE(Send(0, "first, ").ok());
  EXPECT_EQ(Offset(), 7);
  EXPECT_EQ(ReasonOf(Complete().status()), "INCOMING_INCOMPLETE");
  ASSERT_TRUE(Send(7, "second").ok());
  const auto made = Complete();
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(made->blob.info.sha256, Digest::Of("first, second"));
  EXPECT_EQ(made->blob.info.md5, Md5Of("first, second"));
  EXPECT_FALSE(made->blob.existed);
  EXPECT_EQ(made->head, "first, second");
  EXPECT_EQ(machine_.Get(Digest::Of("first, second")).value_or("lost"), "first, second");
}

TEST_F(IncomingStoreTest, RefusesEveryOffsetButTheRightOne) {
  ASSERT_TRUE(store_->Create(Spec(10)).ok());
  ASSERT_TRUE(Send(0, "12345").ok());
  for (const int64_t offset : {int64_t{0}, int64_t{4}, int64_t{6}, int64_t{10}, INT64_MAX}) {
    const absl::Status refused = Send(offset, "x");
    EXPECT_EQ(ReasonOf(refused), "OFFSET_MISMATCH") << refused;
  }
  for (const int64_t offset : {int64_t{-1}, INT64_MIN}) {
    EXPECT_TRUE(absl::IsInvalidArgument(Send(offset, "x")));
  }
  EXPECT_EQ(Offset(), 5);
}

TEST_F(IncomingStoreTest, TakesNoMoreThanWasAnnounced) {
  ASSERT_TRUE(store_->Create(Spec(10)).ok());
  for (const int64_t length : {int64_t{11}, INT64_MAX}) {
    const absl::Status refused = store_->Append("an-id", {.length = length}).status();
    EXPECT_EQ(ReasonOf(refused), "INCOMING_TOO_LARGE") << refused;
  }
  EXPECT_EQ(ReasonOf(Send(0, std::string(11, 'x'))), "INCOMING_TOO_LARGE");
  ASSERT_TRUE(Send(0, std::string(10, 'x')).ok());
  EXPECT_EQ(ReasonOf(Send(10, "x")), "INCOMING_TOO_LARGE");
  EXPECT_TRUE(Complete().ok());
}

TEST_F(IncomingStoreTest, KeepsNothingOfAPieceWhoseChecksumIsWrong) {
  ASSERT_TRUE(store_->Create(Spec(10)).ok());
  ASSERT_TRUE(Send(0, "12345", PieceChecksum{"md5", Md5Of("12345")}).ok());
  EXPECT_EQ(ReasonOf(Send(5, "678", PieceChecksum{"md5", Md5Of("679")})), "CHECKSUM_MISMATCH");
  EXPECT_EQ(Offset(), 5);
  PowerCut(Survives::kNamesAndTornBytes);
  EXPECT_EQ(Offset(), 5);
  ASSERT_TRUE(Send(5, "67890", PieceChecksum{"md5", Md5Of("67890")}).ok());
  EXPECT_EQ(Complete()->blob.info.sha256, Digest::Of("1234567890"));
}

TEST_F(IncomingStoreTest, KeepsWhatCameBeforeAConnectionBroke) {
  ASSERT_TRUE(store_->Create(Spec(10)).ok());
  {
    const auto writer = store_->Append("an-id", {}).value();
    ASSERT_TRUE(writer->Append("1234").ok());
    writer->Break();
    EXPECT_TRUE(absl::IsFailedPrecondition(writer->Append("5")));
  }
  PowerCut(Survives::kOnlySynced);
  EXPECT_EQ(Offset(), 4);
  // Of a piece with a checksum, or of a whole, a part is worth nothing.
  {
    const auto writer = store_->Append("an-id", {.offset = 4, .checksum = PieceChecksum{"md5"}});
    ASSERT_TRUE((*writer)->Append("5").ok());
    (*writer)->Break();
  }
  EXPECT_EQ(Offset(), 4);
  {
    const auto writer = Replace().value();
    ASSERT_TRUE(writer->Append("1234567").ok());
    writer->Break();
  }
  EXPECT_EQ(Offset(), 0);
}

TEST_F(IncomingStoreTest, SyncsLongRequestsNowAndThen) {
  options_.sync_bytes = 1000;
  options_.sync_interval = absl::Seconds(10);
  Start();
  ASSERT_TRUE(store_->Create(Spec(10'000)).ok());
  const auto writer = store_->Append("an-id", {}).value();
  ASSERT_TRUE(writer->Append(std::string(999, 'x')).ok());
  EXPECT_EQ(Offset(), 0);
  ASSERT_TRUE(writer->Append("x").ok());
  EXPECT_EQ(Offset(), 1000);
  machine_.Advance(absl::Seconds(9));
  ASSERT_TRUE(writer->Append("x").ok());
  EXPECT_EQ(Offset(), 1000);
  machine_.Advance(absl::Seconds(1));
  ASSERT_TRUE(writer->Append("x").ok());
  EXPECT_EQ(Offset(), 1002);
}

TEST_F(IncomingStoreTest, AcknowledgesOnlyWhatIsSynced) {
  const std::string bytes(100'000, 'b');
  ASSERT_TRUE(store_->Create(SpecOf(bytes)).ok());
  ASSERT_TRUE(Send(0, bytes.substr(0, 60'000)).ok());
  PowerCut(Survives::kOnlySynced);
  EXPECT_EQ(Offset(), 60'000);
  ASSERT_TRUE(Put(bytes).ok());
  PowerCut(Survives::kOnlySynced);
  ASSERT_EQ(Offset(), 100'000);
  ASSERT_TRUE(Complete().ok());
  PowerCut(Survives::kOnlySynced);
  EXPECT_EQ(machine_.Get(Digest::Of(bytes)).value_or("lost"), bytes);
  EXPECT_TRUE(store_->Stat("an-id")->complete);
}

TEST_F(IncomingStoreTest, BringsAllAtOnceOrNothing) {
  const std::string bytes = "these bytes";
  IncomingSpec spec = SpecOf(bytes);
  spec.sha256 = Digest::Of(bytes);
  ASSERT_TRUE(store_->Create(spec).ok());
  EXPECT_EQ(ReasonOf(Put("these")), "INCOMPLETE");
  EXPECT_EQ(ReasonOf(Put("those bytes")), "DIGEST_MISMATCH");
  EXPECT_EQ(ReasonOf(Put("these bytes and more")), "INCOMING_TOO_LARGE");
  EXPECT_EQ(Offset(), 0);
  ASSERT_TRUE(Send(0, "th").ok());
  const auto writer = Replace().value();
  ASSERT_TRUE(writer->Append(bytes).ok());
  ASSERT_TRUE(writer->Finish().ok());
  EXPECT_EQ(writer->digest(), Digest::Of(bytes));
  EXPECT_TRUE(Complete().ok());
}

TEST_F(IncomingStoreTest, MakesNoBlobOfBytesThatWereNotAnnounced) {
  const std::string bytes = "these bytes";
  const std::string others = "those bytes";
  for (const char* what : {"sha256", "md5", "crc32c"}) {
    IncomingSpec spec = SpecOf(bytes);
    if (what == std::string("sha256")) spec.sha256 = Digest::Of(others);
    if (what == std::string("md5")) spec.md5 = Md5Of(others);
    if (what == std::string("crc32c")) spec.crc32c = Crc32c(others);
    ASSERT_TRUE(store_->Create(spec).ok());
    ASSERT_TRUE(Send(0, bytes).ok());
    for (int again = 0; again < 2; ++again) {
      const absl::Status refused = Complete().status();
      EXPECT_TRUE(absl::IsDataLoss(refused)) << what << ": " << refused;
      EXPECT_EQ(ReasonOf(refused), "DIGEST_MISMATCH") << what;
    }
    EXPECT_TRUE(absl::IsNotFound(machine_.Get(Digest::Of(bytes)).status())) << what;
    EXPECT_FALSE(store_->Stat("an-id")->complete);
    ASSERT_TRUE(store_->Remove("an-id").ok());
  }
}

TEST_F(IncomingStoreTest, MakesNoBlobOfWhatIsNoImageIfItIsAskedForImages) {
  using Accepts = IncomingStore::Accepts;
  const std::string png = std::string("\x89PNG\r\n\x1A\n", 8) + "and so on";
  const std::string svg = "<svg xmlns=\"http://www.w3.org/2000/svg\"/>";
  const auto complete = [&](const std::string& bytes, Accepts accepts) {
    EXPECT_TRUE(store_->Create(SpecOf(bytes)).ok());
    EXPECT_TRUE(Send(0, bytes).ok());
    const absl::Status made =
        store_->Complete(CallContext::WithTimeout(absl::Seconds(30)), "an-id", accepts).status();
    EXPECT_EQ(machine_.Get(Digest::Of(bytes)).ok(), made.ok());
    EXPECT_EQ(store_->Stat("an-id")->complete, made.ok());
    EXPECT_TRUE(store_->Remove("an-id").ok());
    return made;
  };
  EXPECT_EQ(ReasonOf(complete("just a text", Accepts::kImages)), "NOT_AN_IMAGE");
  EXPECT_EQ(ReasonOf(complete(svg, Accepts::kImages)), "NOT_AN_IMAGE");
  EXPECT_TRUE(complete(svg, Accepts::kImagesAndSvg).ok());
  EXPECT_TRUE(complete(png, Accepts::kImages).ok());
  EXPECT_TRUE(complete("just a text", Accepts::kAnything).ok());
}

TEST_F(IncomingStoreTest, FindsBytesThatRottedBeforeTheyWereABlob) {
  ASSERT_TRUE(store_->Create(Spec(5)).ok());
  ASSERT_TRUE(Send(0, "12345").ok());
  const std::string folder = "/data/incoming/an-id/";
  const std::vector<std::string> names = machine_.env.List(folder).value();
  machine_.env.Overwrite(folder + names.front(), "12x45");
  EXPECT_EQ(ReasonOf(Complete().status()), "INCOMING_DAMAGED");
  EXPECT_TRUE(absl::IsNotFound(machine_.Get(Digest::Of("12x45")).status()));
  // Nobody is blamed for what they may not have sent.
  EXPECT_EQ(ReasonOf(store_
                         ->Complete(CallContext::WithTimeout(absl::Seconds(30)), "an-id",
                                    IncomingStore::Accepts::kImages)
                         .status()),
            "INCOMING_DAMAGED");
}

TEST_F(IncomingStoreTest, CompletesAgainAndTouchesTheBlob) {
  ASSERT_TRUE(store_->Create(Spec(5)).ok());
  ASSERT_TRUE(Send(0, "12345").ok());
  ASSERT_TRUE(Complete().ok());
  PowerCut(Survives::kOnlySynced);
  const std::string path = Machine::PathOf(Digest::Of("12345"));
  const int touches = machine_.env.TouchCount(path);
  const auto again = Complete();
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->blob.info.sha256, Digest::Of("12345"));
  EXPECT_TRUE(again->blob.existed);
  EXPECT_EQ(again->head, "12345");
  EXPECT_EQ(machine_.env.TouchCount(path), touches + 1);
  // Collected meanwhile: made again.
  ASSERT_TRUE(machine_.env.Unlink(path).ok());
  ASSERT_TRUE(Complete().ok());
  EXPECT_EQ(machine_.Get(Digest::Of("12345")).value_or("lost"), "12345");
}

TEST_F(IncomingStoreTest, ChangesNothingOfWhatIsComplete) {
  ASSERT_TRUE(store_->Create(Spec(5)).ok());
  ASSERT_TRUE(Send(0, "12345").ok());
  ASSERT_TRUE(Complete().ok());
  EXPECT_EQ(ReasonOf(Put("54321")), "INCOMING_COMPLETE");
  EXPECT_EQ(ReasonOf(Send(5, "")), "INCOMING_COMPLETE");
  EXPECT_EQ(Complete()->blob.info.sha256, Digest::Of("12345"));
  ASSERT_TRUE(store_->Remove("an-id").ok());
  EXPECT_EQ(machine_.Get(Digest::Of("12345")).value_or("lost"), "12345");
}

TEST_F(IncomingStoreTest, OneRequestAtATimeWrites) {
  ASSERT_TRUE(store_->Create(Spec(5)).ok());
  const auto writer = store_->Append("an-id", {}).value();
  EXPECT_EQ(ReasonOf(Send(0, "1")), "INCOMING_BUSY");
  EXPECT_EQ(ReasonOf(Put("12345")), "INCOMING_BUSY");
  EXPECT_EQ(ReasonOf(store_->Remove("an-id")), "INCOMING_BUSY");
  ASSERT_TRUE(writer->Append("12345").ok());
  ASSERT_TRUE(writer->Finish().ok());
  const auto at_work = backend_->AppendIncoming("an-id", 5);
  EXPECT_EQ(ReasonOf(Complete().status()), "INCOMING_BUSY");
}

// A client that lost its network comes back by another connection; the old one still looks open.
TEST_F(IncomingStoreTest, ASilentRequestGivesWay) {
  ASSERT_TRUE(store_->Create(Spec(10)).ok());
  const auto silent = store_->Append("an-id", {}).value();
  ASSERT_TRUE(silent->Append("1234").ok());
  machine_.Advance(options_.silence - absl::Milliseconds(1));
  EXPECT_EQ(Offset(), 0);
  EXPECT_EQ(ReasonOf(Send(0, "x")), "INCOMING_BUSY");
  machine_.Advance(absl::Milliseconds(1));
  // Who only looks changes nothing.
  EXPECT_EQ(Offset(), 0);
  ASSERT_TRUE(silent->Append("5").ok());
  machine_.Advance(options_.silence);
  EXPECT_EQ(store_->StatToGoOn("an-id")->offset, 5);
  EXPECT_EQ(ReasonOf(silent->Append("6")), "INCOMING_TAKEN_OVER");
  EXPECT_EQ(ReasonOf(silent->Finish().status()), "INCOMING_TAKEN_OVER");
  silent->Break();
  ASSERT_TRUE(Send(5, "67890").ok());
  EXPECT_EQ(Complete()->blob.info.sha256, Digest::Of("1234567890"));
}

TEST_F(IncomingStoreTest, AWallClockThatJumpsMakesNobodySilentAndNobodyTalk) {
  ASSERT_TRUE(store_->Create(Spec(10)).ok());
  const auto writer = store_->Append("an-id", {}).value();
  ASSERT_TRUE(writer->Append("1234").ok());
  machine_.clock.Advance(absl::Minutes(30));
  EXPECT_EQ(ReasonOf(Send(0, "x")), "INCOMING_BUSY");
  ASSERT_TRUE(writer->Append("5").ok());
  // Back again: it does not count as heard from in the future.
  machine_.clock.Advance(-absl::Minutes(30));
  machine_.steady += options_.silence;
  EXPECT_EQ(store_->StatToGoOn("an-id")->offset, 5);
  EXPECT_EQ(ReasonOf(writer->Append("6")), "INCOMING_TAKEN_OVER");
}

TEST_F(IncomingStoreTest, WhatHasArrivedIsNotReplaced) {
  ASSERT_TRUE(store_->Create(Spec(10)).ok());
  ASSERT_TRUE(Send(0, "1234567890").ok());
  EXPECT_EQ(ReasonOf(store_->Replace(Spec(10)).status()), "INCOMING_COMPLETE");
  EXPECT_EQ(Complete()->blob.info.sha256, Digest::Of("1234567890"));
}

TEST_F(IncomingStoreTest, IsMadeTwiceOnlyWithTheSameValues) {
  IncomingSpec spec = Spec(10);
  ASSERT_TRUE(store_->Create(spec).ok());
  ASSERT_TRUE(Send(0, "123").ok());
  EXPECT_TRUE(store_->Create(spec).ok());
  EXPECT_EQ(Offset(), 3);
  const auto differs = [&](auto change) {
    IncomingSpec other = spec;
    change(other);
    EXPECT_EQ(ReasonOf(store_->Create(other)), "INCOMING_EXISTS");
  };
  differs([](IncomingSpec& other) { other.size = 11; });
  differs([](IncomingSpec& other) { other.content_type = ""; });
  differs([](IncomingSpec& other) { other.sha256 = Digest::Of("x"); });
  differs([](IncomingSpec& other) { other.md5 = Md5Of("x"); });
  differs([](IncomingSpec& other) { other.crc32c = 0; });
  differs([](IncomingSpec& other) { other.expires += absl::Seconds(1); });
}

TEST_F(IncomingStoreTest, RefusesWhatItCanNotKeep) {
  const auto refuses = [&](auto change, absl::StatusCode code) {
    IncomingSpec spec = Spec(10);
    change(spec);
    const absl::Status status = store_->Create(spec);
    EXPECT_EQ(status.code(), code) << status;
  };
  const auto kInvalid = absl::StatusCode::kInvalidArgument;
  for (const std::string& id :
       {std::string(), std::string(65, 'a'), std::string("UPPER"), std::string("a/b"),
        std::string(".."), std::string("."), std::string("_1"), std::string("a\0b", 3)}) {
    refuses([&](IncomingSpec& spec) { spec.id = id; }, kInvalid);
    EXPECT_TRUE(absl::IsInvalidArgument(store_->Stat(id).status())) << id;
    EXPECT_TRUE(absl::IsInvalidArgument(store_->Append(id, {}).status())) << id;
    EXPECT_TRUE(absl::IsInvalidArgument(store_->Remove(id))) << id;
  }
  refuses([](IncomingSpec& spec) { spec.size = 0; }, kInvalid);
  refuses([](IncomingSpec& spec) { spec.size = -1; }, kInvalid);
  refuses([](IncomingSpec& spec) { spec.size = INT64_MIN; }, kInvalid);
  refuses([](IncomingSpec& spec) { spec.size = INT64_MAX; }, absl::StatusCode::kOutOfRange);
  refuses([](IncomingSpec& spec) { spec.size = (4 << 20) + 1; }, absl::StatusCode::kOutOfRange);
  refuses([](IncomingSpec& spec) { spec.content_type = "a\r\nb: c"; }, kInvalid);
  refuses([](IncomingSpec& spec) { spec.content_type = std::string(256, 'x'); }, kInvalid);
  refuses([](IncomingSpec& spec) { spec.md5 = "short"; }, kInvalid);
  refuses([&](IncomingSpec& spec) { spec.expires = machine_.clock.Now(); }, kInvalid);
  refuses([](IncomingSpec& spec) { spec.expires += absl::Hours(24 * 7); }, kInvalid);
  refuses([](IncomingSpec& spec) { spec.expires = absl::InfiniteFuture(); }, kInvalid);
  EXPECT_TRUE(machine_.env.List("/data/incoming").value().empty());
}

TEST_F(IncomingStoreTest, KeepsSoManyAndNoMore) {
  options_.max_count = 2;
  Start();
  ASSERT_TRUE(store_->Create(Spec(1, "a")).ok());
  Start();
  ASSERT_TRUE(store_->Start().ok());
  ASSERT_TRUE(store_->Create(Spec(1, "b")).ok());
  EXPECT_EQ(ReasonOf(store_->Create(Spec(1, "c"))), "TOO_MANY_INCOMINGS");
  EXPECT_TRUE(store_->Create(Spec(1, "b")).ok());
  ASSERT_TRUE(store_->Remove("a").ok());
  EXPECT_TRUE(store_->Create(Spec(1, "c")).ok());
  store_->Stop();
}

TEST_F(IncomingStoreTest, ForgetsWhatHasExpired) {
  ASSERT_TRUE(store_->Create(Spec(5)).ok());
  ASSERT_TRUE(Send(0, "123").ok());
  const auto writer = store_->Append("an-id", {.offset = 3}).value();
  machine_.Advance(absl::Hours(1) - absl::Milliseconds(1));
  EXPECT_TRUE(writer->Append("4").ok());
  EXPECT_EQ(store_->RemoveExpired(), 0);
  machine_.Advance(absl::Milliseconds(1));
  EXPECT_EQ(ReasonOf(writer->Append("5")), "INCOMING_EXPIRED");
  EXPECT_TRUE(store_->Stat("an-id").ok());
  EXPECT_EQ(store_->RemoveExpired(), 0);
  machine_.Advance(options_.keep_expired);
  EXPECT_EQ(ReasonOf(writer->Append("5")), "INCOMING_EXPIRED");
  EXPECT_EQ(ReasonOf(store_->Stat("an-id").status()), "INCOMING_EXPIRED");
  EXPECT_EQ(ReasonOf(Complete().status()), "INCOMING_EXPIRED");
  // Its sink lives: nothing is taken from under it.
  EXPECT_EQ(store_->RemoveExpired(), 0);
  EXPECT_EQ(machine_.env.List("/data/incoming").value().size(), 1u);
  writer->Break();
  EXPECT_EQ(store_->RemoveExpired(), 1);
  EXPECT_TRUE(machine_.env.List("/data/incoming").value().empty());
  EXPECT_EQ(ReasonOf(store_->Stat("an-id").status()), "INCOMING_NOT_FOUND");
}

TEST_F(IncomingStoreTest, CompletesWhatArrivedInTimeAlsoAfterItExpired) {
  ASSERT_TRUE(store_->Create(Spec(5)).ok());
  ASSERT_TRUE(Send(0, "12345").ok());
  machine_.Advance(absl::Hours(2));
  EXPECT_EQ(ReasonOf(Send(5, "6")), "INCOMING_EXPIRED");
  EXPECT_EQ(ReasonOf(Put("other")), "INCOMING_EXPIRED");
  EXPECT_EQ(store_->RemoveExpired(), 0);
  EXPECT_EQ(Offset(), 5);
  ASSERT_TRUE(Complete().ok());
  EXPECT_EQ(Complete()->blob.info.sha256, Digest::Of("12345"));
}

TEST_F(IncomingStoreTest, FindsWhatExpiredWhileItWasDown) {
  options_.keep_expired = absl::ZeroDuration();
  ASSERT_TRUE(store_->Create(Spec(5, "old")).ok());
  machine_.Advance(absl::Minutes(30));
  ASSERT_TRUE(store_->Create(Spec(5, "young")).ok());
  ASSERT_TRUE(store_->Create(Spec(5, "rotten")).ok());
  machine_.env.Overwrite("/data/incoming/rotten/record", "rot");
  ASSERT_TRUE(machine_.env.MakeDirectory("/data/incoming/Lost+Found").ok());
  machine_.Advance(absl::Minutes(30));
  Start();
  ASSERT_TRUE(store_->Start().ok());
  while (machine_.env.List("/data/incoming").value().size() > 2) std::this_thread::yield();
  store_->Stop();
  EXPECT_TRUE(store_->Stat("young").ok());
}

TEST_F(IncomingStoreTest, AnIdIsFreeAgainOnceItHasExpired) {
  ASSERT_TRUE(store_->Create(Spec(5)).ok());
  ASSERT_TRUE(Send(0, "123").ok());
  machine_.Advance(absl::Hours(2));
  ASSERT_TRUE(store_->Create(Spec(6)).ok());
  EXPECT_EQ(Offset(), 0);
}

TEST_F(IncomingStoreTest, GoesOnOnceThereIsSpaceAgain) {
  ASSERT_TRUE(store_->Create(Spec(10)).ok());
  {
    const auto writer = store_->Append("an-id", {}).value();
    ASSERT_TRUE(writer->Append("1234").ok());
    machine_.FailNextOf(Op::kAppend, absl::ResourceExhaustedError("ENOSPC"));
    EXPECT_TRUE(absl::IsResourceExhausted(writer->Append("5")));
    writer->Break();
  }
  EXPECT_EQ(Offset(), 4);
  ASSERT_TRUE(Send(4, "567890").ok());
  EXPECT_EQ(Complete()->blob.info.sha256, Digest::Of("1234567890"));
}

TEST_F(IncomingStoreTest, StopsCompletingWithItsCaller) {
  ASSERT_TRUE(store_->Create(Spec(1 << 20)).ok());
  ASSERT_TRUE(Send(0, std::string(1 << 20, 'x')).ok());
  CallContext context = CallContext::WithTimeout(absl::Seconds(30));
  context.cancellation->Cancel();
  EXPECT_TRUE(absl::IsCancelled(store_->Complete(context, "an-id").status()));
  EXPECT_TRUE(Complete().ok());
}

TEST_F(IncomingStoreTest, SurvivesAPowerCutAnywhereInCompleting) {
  const std::string bytes(300'000, 'b');
  for (int64_t cut = 0; cut < 40; ++cut) {
    SCOPED_TRACE(cut);
    ASSERT_TRUE(store_->Create(SpecOf(bytes)).ok());
    ASSERT_TRUE(Put(bytes).ok());
    machine_.env.CutPowerBefore(machine_.env.calls() + cut);
    const bool acknowledged = Complete().ok();
    PowerCut(cut % 2 == 0 ? Survives::kOnlySynced : Survives::kNamesAndZeros);
    if (acknowledged) {
      EXPECT_EQ(machine_.Get(Digest::Of(bytes)).value_or("lost"), bytes);
    }
    const auto again = Complete();
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_EQ(machine_.Get(Digest::Of(bytes)).value_or("lost"), bytes);
    ASSERT_TRUE(store_->Remove("an-id").ok());
    ASSERT_TRUE(machine_.env.Unlink(Machine::PathOf(Digest::Of(bytes))).ok());
  }
}

TEST(IncomingRecord, IsReadAsItWasWritten) {
  IncomingSpec spec{.id = "an-id", .size = 1, .expires = absl::FromUnixMillis(1'700'000'000'123)};
  EXPECT_TRUE(
      SameIncoming(DecodeIncomingRecord("an-id", EncodeIncomingRecord(spec)).value(), spec));
  spec.content_type = "image/png; charset=\"a b\"";
  spec.sha256 = Digest::Of("x");
  spec.md5 = Md5Of("x");
  spec.crc32c = 0;
  const std::string record = EncodeIncomingRecord(spec);
  const auto read = DecodeIncomingRecord("an-id", record);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->content_type, spec.content_type);
  EXPECT_EQ(read->sha256, spec.sha256);
  EXPECT_EQ(read->md5, spec.md5);
  EXPECT_EQ(read->crc32c, spec.crc32c);
  EXPECT_EQ(read->expires, spec.expires);
  EXPECT_TRUE(absl::IsDataLoss(DecodeIncomingRecord("other", record).status()));
  for (size_t i = 0; i < record.size(); ++i) {
    std::string rotten = record;
    rotten[i] = static_cast<char>(rotten[i] ^ 4);
    EXPECT_TRUE(absl::IsDataLoss(DecodeIncomingRecord("an-id", rotten).status())) << i;
    EXPECT_FALSE(DecodeIncomingRecord("an-id", record.substr(0, i)).ok()) << i;
  }
}

TEST(PieceChecksums, AreThoseOfTheirStandards) {
  const std::map<std::string, std::string> of_check = {
      {"sha1", "f7c3bc1d808e04732adf679965ccc34ca7ae3441"},
      {"md5", "25f9e794323b453885f5181f1b624d0b"},
      {"sha256", "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225"},
      {"crc32", "cbf43926"},
      {"crc32c", "e3069283"}};
  for (const auto& [name, hex] : of_check) {
    PieceHasher hasher(name);
    hasher.Update("1234");
    hasher.Update("56789");
    const std::string value = hasher.Finish();
    EXPECT_EQ(absl::BytesToHexString(value), hex) << name;
    const auto parsed = ParsePieceChecksum(name + " " + absl::Base64Escape(value));
    ASSERT_TRUE(parsed.ok()) << parsed.status();
    EXPECT_EQ(parsed->algorithm, name);
    EXPECT_EQ(parsed->value, value);
  }
  for (const char* bad : {"", "sha1", "sha1 ", "sha1 AAAA", "sha2 AAAA", "crc32 AAAAAA",
                          "crc32 AAAAAB==", "crc32 AAAAAA==x",
                          " crc32 AAAAAA==", "crc32  AAAAAA==", "CRC32 AAAAAA=="}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParsePieceChecksum(bad).status())) << bad;
  }
}

}  // namespace
}  // namespace stockroom::fileserver
