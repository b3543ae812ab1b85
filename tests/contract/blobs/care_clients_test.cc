// What every CareClient promises: the twin in memory, and the real one before a file server.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <memory>
#include <set>

#include "services/common/base/status.h"
#include "services/common/blobs/blocking.h"
#include "services/common/blobs/memory_care_client.h"
#include "services/common/blobs/remote_blob_client.h"
#include "services/common/blobs/remote_care_client.h"
#include "services/fileserver/store/posix_env.h"
#include "tests/contract/blobs/file_server_fixture.h"
#include "tests/support/temp_folder.h"

namespace stockroom {
namespace {

using State = BlobVerdict::State;

class CareClientUnderTest {
 public:
  virtual ~CareClientUnderTest() = default;
  virtual CareClient& client() = 0;
  virtual void Put(const std::string& bytes) = 0;
  virtual void PutRendition(const std::string& original) = 0;
  virtual void Damage(const std::string& bytes) = 0;
};

class InMemory final : public CareClientUnderTest {
 public:
  CareClient& client() override { return client_; }
  void Put(const std::string& bytes) override { client_.Set(Verdict(bytes, State::kOk)); }
  void PutRendition(const std::string& original) override {
    client_.SetRenditionsOnly(Digest::Of(original));
  }
  void Damage(const std::string& bytes) override { client_.Set(Verdict(bytes, State::kDamaged)); }

 private:
  static BlobVerdict Verdict(const std::string& bytes, State state) {
    return {.sha256 = Digest::Of(bytes),
            .state = state,
            .size = static_cast<int64_t>(bytes.size()),
            .md5 = std::string(16, 'm')};
  }
  MemoryCareClient client_;
};

class OverTheWire final : public CareClientUnderTest {
 public:
  CareClient& client() override { return client_; }
  void Put(const std::string& bytes) override {
    EXPECT_TRUE(WriteBlob(blobs_, Context(), bytes).ok());
  }
  void PutRendition(const std::string& original) override {
    EXPECT_TRUE(
        WriteRendition(blobs_, Context(), {Digest::Of(original), std::string(32, 'a')}, "r").ok());
  }
  void Damage(const std::string& bytes) override {
    const std::string hex = Digest::Of(bytes).hex();
    std::fstream file(directory_.file("blobs/" + hex.substr(0, 2) + "/" + hex),
                      std::ios::in | std::ios::out | std::ios::binary);
    file.put('\0');
  }

 private:
  static CallContext Context() { return CallContext::WithTimeout(absl::Seconds(30)); }
  testing::TempFolder directory_;
  fileserver::FileServerFixture server_{fileserver::PosixEnv(), directory_.path(), {}};
  Metrics metrics_;
  RemoteBlobClient blobs_{{.target = server_.target()}, metrics_};
  RemoteCareClient client_{{.target = server_.target()}};
};

struct Implementation {
  std::string name;
  std::function<std::unique_ptr<CareClientUnderTest>()> make;
};

class CareClientContract : public ::testing::TestWithParam<Implementation> {
 protected:
  const std::unique_ptr<CareClientUnderTest> under_test_ = GetParam().make();
  CareClient& client_ = under_test_->client();
  const CallContext context_ = CallContext::WithTimeout(absl::Seconds(30));
};

TEST_P(CareClientContract, JudgesEachBlobInTheOrderAsked) {
  std::vector<Digest> asked;
  for (int i = 0; i < 20; ++i) {
    const std::string bytes = "blob " + std::to_string(i);
    under_test_->Put(bytes);
    if (i % 3 == 0) under_test_->Damage(bytes);
    asked.push_back(Digest::Of(bytes));
    if (i % 5 == 0) asked.push_back(Digest::Of("missing " + std::to_string(i)));
  }
  const auto verdicts = VerifyAll(client_, context_, asked, true);
  ASSERT_TRUE(verdicts.ok()) << verdicts.status();
  ASSERT_EQ(verdicts->size(), asked.size());
  size_t at = 0;
  for (int i = 0; i < 20; ++i) {
    const BlobVerdict& verdict = (*verdicts)[at];
    EXPECT_EQ(verdict.sha256, asked[at]);
    ++at;
    EXPECT_EQ(verdict.state, i % 3 == 0 ? State::kDamaged : State::kOk) << i;
    if (verdict.state == State::kOk) {
      EXPECT_EQ(verdict.size, i < 10 ? 6 : 7);
      EXPECT_EQ(verdict.md5.size(), 16u);
    }
    if (i % 5 == 0) {
      EXPECT_EQ((*verdicts)[at++].state, State::kMissing);
    }
  }
}

TEST_P(CareClientContract, ListsEverythingOnceInTheOrderOfDigests) {
  std::set<std::string> put;
  for (int i = 0; i < 30; ++i) {
    under_test_->Put("blob " + std::to_string(i));
    put.insert(Digest::Of("blob " + std::to_string(i)).hex());
  }
  under_test_->PutRendition("gone");
  std::vector<std::string> listed;
  int only_renditions = 0;
  std::string cursor;
  do {
    const auto page = client_.ListStored(context_, cursor, 4);
    ASSERT_TRUE(page.ok()) << page.status();
    EXPECT_LE(page->things.size(), 4u);
    for (const StoredThing& thing : page->things) {
      if (thing.blob) listed.push_back(thing.sha256.hex());
      only_renditions += thing.blob ? 0 : 1;
    }
    cursor = page->next_cursor;
  } while (!cursor.empty());
  EXPECT_EQ(listed, std::vector<std::string>(put.begin(), put.end()));
  EXPECT_EQ(only_renditions, 1);
}

TEST_P(CareClientContract, StartsAScrubOnceAtATime) {
  const auto started = client_.StartScrub(context_, 5);
  ASSERT_TRUE(started.ok()) << started.status();
  EXPECT_EQ(started->state, ScrubStatus::State::kRunning);
  EXPECT_EQ(DetailsOf(client_.StartScrub(context_, 0).status()).reason, "SCRUB_RUNS");
  EXPECT_TRUE(absl::IsInvalidArgument(client_.StartScrub(context_, -1).status()));
  const auto quarantined = client_.ListQuarantined(context_, "", 10);
  ASSERT_TRUE(quarantined.ok()) << quarantined.status();
  EXPECT_TRUE(quarantined->blobs.empty());
  const auto usage = client_.GetDiskUsage(context_);
  ASSERT_TRUE(usage.ok()) << usage.status();
  EXPECT_EQ(usage->quarantined, 0);
}

INSTANTIATE_TEST_SUITE_P(
    , CareClientContract,
    ::testing::Values(Implementation{"Memory", [] { return std::make_unique<InMemory>(); }},
                      Implementation{"FileServer", [] { return std::make_unique<OverTheWire>(); }}),
    [](const auto& tested) { return tested.param.name; });

}  // namespace
}  // namespace stockroom
