#include "services/fileserver/store/signing_key.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "services/common/base/status.h"
#include "services/fileserver/store/memory_env.h"
#include "services/fileserver/store/posix_env.h"
#include "tests/support/temp_folder.h"

namespace stockroom::fileserver {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kDirectory[] = "/data";

// Whether one accepts what the other has signed.
bool HaveTheSameKey(const UrlSigner& a, const UrlSigner& b) {
  const absl::Time now = absl::FromUnixSeconds(1'700'000'000);
  const std::string url = a.Sign("GET", "/x", {}, now + absl::Seconds(1));
  return b.Verify("GET", "/x", url.substr(3), now).ok();
}

class SigningKey : public ::testing::Test {
 protected:
  SigningKey() {
    EXPECT_TRUE(env_.MakeDirectory(kDirectory).ok());
    EXPECT_TRUE(env_.SyncDirectory("/").ok());
  }
  MemoryEnv env_;
};

TEST_F(SigningKey, IsMadeOnceAndFoundAgain) {
  const auto first = MakeOrReadSigningKey(env_, kDirectory);
  ASSERT_TRUE(first.ok()) << first.status();
  const auto second = MakeOrReadSigningKey(env_, kDirectory);
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_TRUE(HaveTheSameKey(*first, *second));
}

TEST_F(SigningKey, IsAnotherOneInAnotherFolder) {
  ASSERT_TRUE(env_.MakeDirectory("/other").ok());
  EXPECT_FALSE(HaveTheSameKey(*MakeOrReadSigningKey(env_, kDirectory),
                              *MakeOrReadSigningKey(env_, "/other")));
}

TEST_F(SigningKey, SurvivesAPowerCutRightAfterItWasHandedOut) {
  const auto before = MakeOrReadSigningKey(env_, kDirectory);
  ASSERT_TRUE(before.ok());
  env_.Restart(MemoryEnv::Survives::kOnlySynced);
  const auto after = MakeOrReadSigningKey(env_, kDirectory);
  ASSERT_TRUE(after.ok()) << after.status();
  EXPECT_TRUE(HaveTheSameKey(*before, *after));
}

// Each call in turn is the first that fails; false once all of them worked.
bool SurvivesAFailureAt(int64_t calls, MemoryEnv::Survives survives) {
  MemoryEnv env;
  EXPECT_TRUE(env.MakeDirectory(kDirectory).ok());
  EXPECT_TRUE(env.SyncDirectory("/").ok());
  const int64_t begin = env.calls();
  env.SetFaults([&](const MemoryEnv::Call& call) -> std::optional<MemoryEnv::Fault> {
    if (call.index - begin < calls) return std::nullopt;
    return MemoryEnv::Fault{.error = absl::UnavailableError("no power"),
                            .short_write = std::nullopt};
  });
  const auto made = MakeOrReadSigningKey(env, kDirectory);
  env.SetFaults(nullptr);
  env.Restart(survives);
  const auto found = MakeOrReadSigningKey(env, kDirectory);
  EXPECT_TRUE(found.ok()) << found.status() << " after " << calls << " calls";
  if (!made.ok() || !found.ok()) return true;
  EXPECT_TRUE(HaveTheSameKey(*made, *found));
  return false;
}

TEST_F(SigningKey, IsNeverHalfThereWhereverThePowerIsCut) {
  for (const auto survives :
       {MemoryEnv::Survives::kOnlySynced, MemoryEnv::Survives::kNamesAndTornBytes}) {
    int64_t calls = 0;
    while (SurvivesAFailureAt(calls, survives)) ASSERT_LT(++calls, 100);
    EXPECT_GT(calls, 5);
  }
}

TEST_F(SigningKey, OfSomebodyElseWhoWasFasterIsTaken) {
  // Right before this one gives its key a name, another process does.
  std::optional<absl::StatusOr<UrlSigner>> other;
  env_.SetFaults([&](const MemoryEnv::Call& call) -> std::optional<MemoryEnv::Fault> {
    if (call.op != MemoryEnv::Op::kLink || other) return std::nullopt;
    return MemoryEnv::Fault{.error = absl::AlreadyExistsError("taken"),
                            .short_write = std::nullopt};
  });
  ASSERT_TRUE(absl::IsNotFound(MakeOrReadSigningKey(env_, kDirectory).status()));
  env_.SetFaults(nullptr);
  other = MakeOrReadSigningKey(env_, kDirectory);
  ASSERT_TRUE(other->ok());
  EXPECT_TRUE(HaveTheSameKey(**other, *MakeOrReadSigningKey(env_, kDirectory)));
}

TEST_F(SigningKey, ThatIsDamagedStopsTheStartAndNamesTheFileOnly) {
  const auto file = env_.Create("/data/url-signing-key");
  ASSERT_TRUE(file.ok());
  ASSERT_TRUE((*file)->Append("tooshort\n").ok());
  const absl::Status status = MakeOrReadSigningKey(env_, kDirectory).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("/data/url-signing-key"));
  EXPECT_THAT(std::string(status.message()), Not(HasSubstr("tooshort")));
}

TEST(SigningKeyFile, CanBeReadByItsOwnerOnly) {
  const testing::TempFolder folder;
  ASSERT_TRUE(MakeOrReadSigningKey(PosixEnv(), folder.path()).ok());
  struct stat st;
  ASSERT_EQ(::stat((folder.path() + "/url-signing-key").c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 0777, 0600u);
}

TEST(SigningKeyFile, OfAnOperatorHoldsAKeyALine) {
  const testing::TempFolder folder;
  const std::string path = folder.path() + "/keys";
  std::ofstream(path) << "# the new one\n  key number two, 2026-11 \n\nkey number one, 2026-10\n";
  const auto signer = ReadSigningKeys(path);
  ASSERT_TRUE(signer.ok()) << signer.status();
  EXPECT_TRUE(HaveTheSameKey(*signer, *UrlSigner::Create({"key number two, 2026-11"})));
  EXPECT_TRUE(HaveTheSameKey(*UrlSigner::Create({"key number one, 2026-10"}), *signer));
}

TEST(SigningKeyFile, ThatIsMissingOrEmptyIsNamed) {
  const testing::TempFolder folder;
  const std::string path = folder.path() + "/keys";
  EXPECT_TRUE(absl::IsNotFound(ReadSigningKeys(path).status()));
  std::ofstream(path) << "# nothing\n";
  const absl::Status empty = ReadSigningKeys(path).status();
  EXPECT_TRUE(absl::IsInvalidArgument(empty));
  EXPECT_THAT(std::string(empty.message()), HasSubstr(path));
}

}  // namespace
}  // namespace stockroom::fileserver
