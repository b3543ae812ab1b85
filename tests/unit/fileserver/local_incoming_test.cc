// LocalIncoming under power cuts, errors and rivals.
#include "services/fileserver/backends/local_incoming.h"

#include <cerrno>
#include <string>

#include "services/common/base/crc32c.h"
#include "services/common/base/status.h"
#include "services/fileserver/store/posix_env.h"
#include "tests/support/temp_folder.h"
#include "tests/unit/fileserver/machine.h"

namespace stockroom::fileserver {
namespace {

using Survives = MemoryEnv::Survives;

absl::StatusOr<std::string> ReadAll(IncomingSource& source) {
  std::string bytes(static_cast<size_t>(source.size()), '\0');
  SR_RETURN_IF_ERROR(source.ReadAt(0, bytes.data(), bytes.size()));
  return bytes;
}

// A disk with one folder of incomings.
class Incomings {
 public:
  Incomings() { static_cast<void>(Machine()); }  // quiet
  absl::Status Open() {
    backend.reset();
    SR_RETURN_IF_ERROR(EnsureDirectory(env, "/data"));
    SR_RETURN_IF_ERROR(env.SyncDirectory("/"));
    SR_ASSIGN_OR_RETURN(
        backend, LocalIncoming::Open(env, {.data_dir = "/data", .reserve_bytes = reserve_bytes}));
    return absl::OkStatus();
  }
  absl::Status PowerCut(Survives survives) {
    backend.reset();
    env.Restart(survives);
    return Open();
  }
  absl::StatusOr<std::string> Bytes(const std::string& id) {
    SR_ASSIGN_OR_RETURN(const std::unique_ptr<IncomingSource> source, backend->OpenIncoming(id));
    SR_ASSIGN_OR_RETURN(std::string bytes, ReadAll(*source));
    EXPECT_EQ(source->crc32c().value_or(0), Crc32c(bytes));
    return bytes;
  }
  absl::Status Write(const std::string& id, int64_t offset, std::string_view bytes) {
    SR_ASSIGN_OR_RETURN(const std::unique_ptr<IncomingSink> sink,
                        backend->AppendIncoming(id, offset));
    SR_RETURN_IF_ERROR(sink->Append(bytes));
    return sink->Sync();
  }
  void FailOnce(Op op, absl::Status error) {
    env.SetFaults([op, error, done = false](
                      const MemoryEnv::Call& call) mutable -> std::optional<MemoryEnv::Fault> {
      if (done || call.op != op) return std::nullopt;
      done = true;
      return MemoryEnv::Fault{.error = error, .short_write = std::nullopt};
    });
  }

  int64_t reserve_bytes = 0;
  MemoryEnv env;
  std::unique_ptr<LocalIncoming> backend;
};

// What was said to be durable, and what was being made so when the power went.
struct Ledger {
  std::optional<std::string> is;
  std::optional<std::string> becomes;
  std::string note;
  std::string note_becomes;
  bool other_is_gone = false;

  void Intend(std::string bytes) { becomes = std::move(bytes); }
  void Done() { is = becomes; }
};

absl::Status Pieces(LocalIncoming& backend, Ledger& ledger) {
  {
    SR_ASSIGN_OR_RETURN(const auto sink, backend.AppendIncoming("an-id", 0));
    SR_RETURN_IF_ERROR(sink->Append("first "));
    SR_RETURN_IF_ERROR(sink->Append("piece, "));
    ledger.Intend("first piece, ");
    SR_RETURN_IF_ERROR(sink->Sync());
    ledger.Done();
    SR_RETURN_IF_ERROR(sink->Append("second, "));
    ledger.Intend("first piece, second, ");
    SR_RETURN_IF_ERROR(sink->Sync());
    ledger.Done();
    SR_RETURN_IF_ERROR(sink->Append("never synced"));
  }
  {
    SR_ASSIGN_OR_RETURN(const auto sink, backend.AppendIncoming("an-id", 21));
    SR_RETURN_IF_ERROR(sink->Append("bad piece, longer than what comes"));
    ledger.Intend("first piece, second, bad piece, longer than what comes");
    SR_RETURN_IF_ERROR(sink->Sync());
    ledger.Done();
    ledger.Intend("first piece, second, ");
    SR_RETURN_IF_ERROR(sink->Truncate(21));
    ledger.Done();
    SR_RETURN_IF_ERROR(sink->Append("third"));
    ledger.Intend("first piece, second, third");
    SR_RETURN_IF_ERROR(sink->Sync());
    ledger.Done();
  }
  return absl::OkStatus();
}

absl::Status StartOver(LocalIncoming& backend, Ledger& ledger) {
  SR_ASSIGN_OR_RETURN(const auto sink, backend.AppendIncoming("an-id", 26));
  ledger.Intend("");
  SR_RETURN_IF_ERROR(sink->Truncate(0));
  ledger.Done();
  SR_RETURN_IF_ERROR(sink->Append("something else"));
  ledger.Intend("something else");
  SR_RETURN_IF_ERROR(sink->Sync());
  ledger.Done();
  return absl::OkStatus();
}

absl::Status Everything(Incomings& incomings, Ledger& ledger) {
  SR_RETURN_IF_ERROR(incomings.Open());
  LocalIncoming& backend = *incomings.backend;
  ledger.Intend("");
  SR_RETURN_IF_ERROR(backend.CreateIncoming("an-id", "the record"));
  ledger.Done();
  SR_RETURN_IF_ERROR(backend.CreateIncoming("other", "of the other"));
  SR_RETURN_IF_ERROR(Pieces(backend, ledger));
  SR_RETURN_IF_ERROR(StartOver(backend, ledger));
  ledger.note_becomes = "the note";
  SR_RETURN_IF_ERROR(backend.NoteIncoming("an-id", "the note"));
  ledger.note = "the note";
  SR_RETURN_IF_ERROR(backend.RemoveIncoming("other"));
  ledger.other_is_gone = true;
  return absl::OkStatus();
}

void CutBefore(int64_t operation, Survives survives) {
  SCOPED_TRACE("power fails before operation " + std::to_string(operation));
  Incomings incomings;
  incomings.env.CutPowerBefore(operation);
  Ledger ledger;
  Everything(incomings, ledger).IgnoreError();
  ASSERT_TRUE(incomings.PowerCut(survives).ok());

  const auto source = incomings.backend->OpenIncoming("an-id");
  if (ledger.is || source.ok()) {
    ASSERT_TRUE(source.ok()) << source.status();
    EXPECT_EQ((*source)->record(), "the record");
    const std::string bytes = incomings.Bytes("an-id").value_or("can not be read");
    if (!ledger.is || bytes != *ledger.is) {
      EXPECT_EQ(bytes, *ledger.becomes);
    }
    if ((*source)->note() != ledger.note) {
      EXPECT_EQ((*source)->note(), ledger.note_becomes);
    }
    // And goes on, with what it says.
    ASSERT_TRUE(incomings.Write("an-id", static_cast<int64_t>(bytes.size()), "more").ok());
    EXPECT_EQ(incomings.Bytes("an-id").value_or("lost"), bytes + "more");
    ASSERT_TRUE(incomings.PowerCut(Survives::kOnlySynced).ok());
    EXPECT_EQ(incomings.Bytes("an-id").value_or("lost"), bytes + "more");
  } else {
    EXPECT_TRUE(absl::IsNotFound(source.status())) << source.status();
  }
  if (ledger.other_is_gone) {
    EXPECT_TRUE(absl::IsNotFound(incomings.Bytes("other").status()));
  }
  const std::vector<std::string> left = incomings.env.List("/data/incoming").value();
  for (const std::string& name : left) {
    EXPECT_TRUE(name == "an-id" || name == "other") << name;
  }
}

class IncomingPowerCut : public ::testing::TestWithParam<Survives> {};

TEST_P(IncomingPowerCut, LeavesExactlyWhatWasSynced) {
  Incomings whole;
  Ledger ledger;
  const absl::Status all = Everything(whole, ledger);
  ASSERT_TRUE(all.ok()) << all;
  EXPECT_EQ(*ledger.is, "something else");
  const int64_t total = whole.env.calls();
  ASSERT_GT(total, 60);
  for (int64_t cut = 0; cut <= total; ++cut) CutBefore(cut, GetParam());
}

INSTANTIATE_TEST_SUITE_P(, IncomingPowerCut,
                         ::testing::Values(Survives::kOnlySynced, Survives::kNamesAndTornBytes,
                                           Survives::kNamesAndZeros),
                         [](const auto& tested) {
                           switch (tested.param) {
                             case Survives::kOnlySynced:
                               return "OnlySynced";
                             case Survives::kNamesAndTornBytes:
                               return "NamesAndTornBytes";
                             default:
                               return "NamesAndZeros";
                           }
                         });

class LocalIncomingTest : public ::testing::Test {
 protected:
  LocalIncomingTest() {
    EXPECT_TRUE(incomings_.Open().ok());
    EXPECT_TRUE(backend().CreateIncoming("an-id", "record").ok());
  }
  LocalIncoming& backend() { return *incomings_.backend; }
  static std::string ReasonOf(const absl::Status& status) { return DetailsOf(status).reason; }

  Incomings incomings_;
};

TEST_F(LocalIncomingTest, GoesOnOnlyWhereItStopped) {
  ASSERT_TRUE(incomings_.Write("an-id", 0, "12345").ok());
  for (const int64_t offset : {int64_t{0}, int64_t{4}, int64_t{6}, int64_t{-1}, INT64_MAX}) {
    const absl::Status refused = backend().AppendIncoming("an-id", offset).status();
    EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
    EXPECT_EQ(DetailsOf(refused).metadata["offset"], "5");
  }
  ASSERT_TRUE(incomings_.Write("an-id", 5, "678").ok());
  EXPECT_EQ(incomings_.Bytes("an-id").value_or("lost"), "12345678");
  EXPECT_TRUE(absl::IsNotFound(backend().AppendIncoming("another", 0).status()));
  EXPECT_TRUE(absl::IsNotFound(backend().OpenIncoming("another").status()));
}

TEST_F(LocalIncomingTest, HasOneSinkAtATime) {
  auto sink = backend().AppendIncoming("an-id", 0);
  ASSERT_TRUE(sink.ok());
  EXPECT_TRUE(absl::IsAborted(backend().AppendIncoming("an-id", 0).status()));
  EXPECT_TRUE(absl::IsAborted(backend().RemoveIncoming("an-id")));
  EXPECT_TRUE(backend().OpenIncoming("an-id").ok());
  ASSERT_TRUE(backend().CreateIncoming("another", "").ok());
  EXPECT_TRUE(backend().AppendIncoming("another", 0).ok());
  sink->reset();
  EXPECT_TRUE(backend().AppendIncoming("an-id", 0).ok());
  EXPECT_TRUE(backend().RemoveIncoming("an-id").ok());
  EXPECT_TRUE(backend().RemoveIncoming("an-id").ok());
}

TEST_F(LocalIncomingTest, IsCreatedOnce) {
  ASSERT_TRUE(incomings_.Write("an-id", 0, "bytes").ok());
  EXPECT_TRUE(absl::IsAlreadyExists(backend().CreateIncoming("an-id", "other record")));
  EXPECT_EQ(incomings_.Bytes("an-id").value_or("lost"), "bytes");
  EXPECT_EQ(backend().OpenIncoming("an-id").value()->record(), "record");
  EXPECT_EQ(incomings_.env.List("/data/incoming").value().size(), 1u);
}

// Whoever made it may have failed to sync its name; who finds it there must not rely on that.
TEST_F(LocalIncomingTest, MakesDurableWhatItFinds) {
  incomings_.env.SetFaults([](const MemoryEnv::Call& call) -> std::optional<MemoryEnv::Fault> {
    if (call.op != Op::kSyncDirectory || call.path != "/data/incoming") return std::nullopt;
    return MemoryEnv::Fault{.error = absl::UnavailableError("EIO"), .short_write = std::nullopt};
  });
  ASSERT_TRUE(absl::IsUnavailable(backend().CreateIncoming("b", "record")));
  incomings_.env.SetFaults(nullptr);
  ASSERT_TRUE(absl::IsAlreadyExists(backend().CreateIncoming("b", "record")));
  ASSERT_TRUE(incomings_.PowerCut(Survives::kOnlySynced).ok());
  EXPECT_TRUE(backend().OpenIncoming("b").ok());
}

TEST_F(LocalIncomingTest, NeverSyncsADescriptorAgainAfterAnError) {
  ASSERT_TRUE(incomings_.Write("an-id", 0, "first ").ok());
  {
    auto sink = backend().AppendIncoming("an-id", 6).value();
    ASSERT_TRUE(sink->Append("lost").ok());
    incomings_.FailOnce(Op::kSyncData, absl::UnavailableError("EIO"));
    const int64_t before = incomings_.env.calls();
    EXPECT_TRUE(absl::IsUnavailable(sink->Sync()));
    EXPECT_TRUE(absl::IsUnavailable(sink->Sync()));
    EXPECT_TRUE(absl::IsUnavailable(sink->Append("more")));
    EXPECT_TRUE(absl::IsUnavailable(sink->Truncate(6)));
    EXPECT_EQ(incomings_.env.calls(), before + 1);
  }
  EXPECT_EQ(incomings_.Bytes("an-id").value_or("lost"), "first ");
  ASSERT_TRUE(incomings_.Write("an-id", 6, "second").ok());
  ASSERT_TRUE(incomings_.PowerCut(Survives::kOnlySynced).ok());
  EXPECT_EQ(incomings_.Bytes("an-id").value_or("lost"), "first second");
}

TEST_F(LocalIncomingTest, PromisesNothingAfterADirectoryCouldNotBeSynced) {
  ASSERT_TRUE(incomings_.Write("an-id", 0, "first ").ok());
  incomings_.FailOnce(Op::kSyncDirectory, DirectorySyncFailed(EIO, "/data/incoming/an-id"));
  EXPECT_EQ(ReasonOf(incomings_.Write("an-id", 6, "second")), kSyncFailed);
  // Its name is there, but it may be so in memory only.
  EXPECT_EQ(ReasonOf(backend().OpenIncoming("an-id").status()), kSyncFailed);
  EXPECT_EQ(ReasonOf(backend().CreateIncoming("another", "record")), kSyncFailed);
  ASSERT_TRUE(incomings_.PowerCut(Survives::kOnlySynced).ok());
  EXPECT_EQ(incomings_.Bytes("an-id").value_or("lost"), "first ");
  EXPECT_TRUE(incomings_.Write("an-id", 6, "second").ok());
}

TEST_F(LocalIncomingTest, KeepsWhatCameBeforeTheDiskWasFull) {
  {
    auto sink = backend().AppendIncoming("an-id", 0).value();
    ASSERT_TRUE(sink->Append("fits ").ok());
    // The half of what comes next, and then nothing.
    int appends = 0;
    incomings_.env.SetFaults([&](const MemoryEnv::Call& call) -> std::optional<MemoryEnv::Fault> {
      if (call.op != Op::kAppend) return std::nullopt;
      if (++appends == 1) return MemoryEnv::Fault{.error = {}, .short_write = 3};
      return MemoryEnv::Fault{.error = absl::ResourceExhaustedError("ENOSPC"),
                              .short_write = std::nullopt};
    });
    EXPECT_TRUE(absl::IsResourceExhausted(sink->Append("does not")));
    EXPECT_TRUE(absl::IsResourceExhausted(sink->Append("x")));
    EXPECT_EQ(appends, 2);
    EXPECT_TRUE(sink->Sync().ok());
  }
  ASSERT_TRUE(incomings_.PowerCut(Survives::kNamesAndTornBytes).ok());
  EXPECT_EQ(incomings_.Bytes("an-id").value_or("lost"), "fits ");
  ASSERT_TRUE(incomings_.Write("an-id", 5, "now").ok());
  EXPECT_EQ(incomings_.Bytes("an-id").value_or("lost"), "fits now");
}

TEST_F(LocalIncomingTest, LeavesTheReserveAlone) {
  incomings_.reserve_bytes = 1000;
  ASSERT_TRUE(incomings_.Open().ok());
  incomings_.env.SetFreeBytes(1000);
  auto sink = backend().AppendIncoming("an-id", 0).value();
  ASSERT_TRUE(sink->Append(std::string(1 << 20, 'x')).ok());
  incomings_.env.SetFreeBytes(999);
  EXPECT_EQ(ReasonOf(backend().CreateIncoming("b", "")), "NO_SPACE");
  absl::Status status;
  for (int mebibytes = 0; mebibytes < 9 && status.ok(); ++mebibytes) {
    status = sink->Append(std::string(1 << 20, 'x'));
  }
  EXPECT_EQ(ReasonOf(status), "NO_SPACE");
  sink.reset();
  EXPECT_EQ(ReasonOf(backend().AppendIncoming("an-id", 0).status()), "NO_SPACE");
  EXPECT_TRUE(backend().OpenIncoming("an-id").ok());
  EXPECT_TRUE(backend().RemoveIncoming("an-id").ok());
}

TEST_F(LocalIncomingTest, GoesBackToAnyEarlierSize) {
  ASSERT_TRUE(incomings_.Write("an-id", 0, "0123456789").ok());
  {
    auto sink = backend().AppendIncoming("an-id", 10).value();
    EXPECT_TRUE(absl::IsInvalidArgument(sink->Truncate(11)));
    EXPECT_TRUE(absl::IsInvalidArgument(sink->Truncate(-1)));
    ASSERT_TRUE(sink->Truncate(4).ok());
    ASSERT_TRUE(sink->Append("abc").ok());
    ASSERT_TRUE(sink->Sync().ok());
  }
  EXPECT_EQ(incomings_.Bytes("an-id").value_or("lost"), "0123abc");
}

// The name went back, but that was not durable when the process died: bytes that the old name
// promises must not be overwritten.
TEST_F(LocalIncomingTest, OverwritesNothingThatADurableNamePromises) {
  ASSERT_TRUE(incomings_.Write("an-id", 0, "promised bytes").ok());
  {
    auto sink = backend().AppendIncoming("an-id", 14).value();
    incomings_.FailOnce(Op::kSyncDirectory, absl::UnavailableError("EIO"));
    EXPECT_TRUE(absl::IsUnavailable(sink->Truncate(0)));
  }
  incomings_.FailOnce(Op::kSyncDirectory, absl::UnavailableError("EIO"));
  EXPECT_TRUE(absl::IsUnavailable(backend().AppendIncoming("an-id", 0).status()));
  ASSERT_TRUE(incomings_.PowerCut(Survives::kOnlySynced).ok());
  EXPECT_EQ(incomings_.Bytes("an-id").value_or("lost"), "promised bytes");
}

TEST_F(LocalIncomingTest, FindsDamage) {
  ASSERT_TRUE(incomings_.Write("an-id", 0, "0123456789").ok());
  const std::string path =
      "/data/incoming/an-id/" + incomings_.env.List("/data/incoming/an-id").value().front();
  incomings_.env.Overwrite(path, "01234");
  const auto source = backend().OpenIncoming("an-id");
  ASSERT_TRUE(source.ok()) << source.status();
  EXPECT_TRUE(absl::IsDataLoss(ReadAll(**source).status()));
  EXPECT_TRUE(absl::IsDataLoss(backend().AppendIncoming("an-id", 10).status()));
  ASSERT_TRUE(incomings_.env.Rename(path, "/data/incoming/an-id/bytes-x").ok());
  EXPECT_TRUE(absl::IsDataLoss(backend().OpenIncoming("an-id").status()));
  EXPECT_TRUE(backend().RemoveIncoming("an-id").ok());
}

TEST_F(LocalIncomingTest, ListsInOrderPageByPage) {
  for (const char* id : {"d", "c", "b"}) ASSERT_TRUE(backend().CreateIncoming(id, "").ok());
  EXPECT_THAT(backend().ListIncomings("", 3).value(), ::testing::ElementsAre("an-id", "b", "c"));
  EXPECT_THAT(backend().ListIncomings("c", 3).value(), ::testing::ElementsAre("d"));
  EXPECT_THAT(backend().ListIncomings("d", 3).value(), ::testing::ElementsAre());
}

TEST(LocalIncomingOnDisk, KeepsWhatItWasGiven) {
  const stockroom::testing::TempFolder folder;
  const LocalIncoming::Options options{.data_dir = folder.path(), .reserve_bytes = 0};
  const std::string big(3 << 20, 'b');
  {
    auto backend = LocalIncoming::Open(PosixEnv(), options).value();
    ASSERT_TRUE(backend->CreateIncoming("an-id", "record").ok());
    auto sink = backend->AppendIncoming("an-id", 0).value();
    ASSERT_TRUE(sink->Append(big).ok());
    ASSERT_TRUE(sink->Sync().ok());
    ASSERT_TRUE(sink->Append("a tail that nobody synced").ok());
  }
  auto backend = LocalIncoming::Open(PosixEnv(), options).value();
  EXPECT_EQ(backend->OpenIncoming("an-id").value()->size(), 3 << 20);
  {
    auto sink = backend->AppendIncoming("an-id", 3 << 20).value();
    ASSERT_TRUE(sink->Append("end").ok());
    ASSERT_TRUE(sink->Sync().ok());
    ASSERT_TRUE(sink->Truncate(3 << 20).ok());
    ASSERT_TRUE(sink->Append("other end").ok());
    ASSERT_TRUE(sink->Sync().ok());
  }
  ASSERT_TRUE(backend->NoteIncoming("an-id", "old").ok());
  ASSERT_TRUE(backend->NoteIncoming("an-id", "note").ok());
  EXPECT_TRUE(absl::IsNotFound(backend->NoteIncoming("another", "note")));
  const auto source = backend->OpenIncoming("an-id").value();
  EXPECT_EQ(ReadAll(*source).value_or("lost"), big + "other end");
  EXPECT_EQ(source->crc32c(), Crc32c(big + "other end"));
  EXPECT_EQ(source->note(), "note");
  EXPECT_TRUE(absl::IsAlreadyExists(backend->CreateIncoming("an-id", "record")));
  ASSERT_TRUE(backend->RemoveIncoming("an-id").ok());
  EXPECT_TRUE(PosixEnv().List(folder.path() + "/incoming").value().empty());
}

}  // namespace
}  // namespace stockroom::fileserver
