#include "services/fileserver/http/stored_routes.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <future>
#include <thread>
#include <utility>

#include "services/common/http/file_reads.h"
#include "tests/unit/fileserver/http_fixture.h"

namespace stockroom::fileserver {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr size_t kShort = 20'000;
constexpr size_t kLong = 1'000'003;

const RenditionAddress kAddress{.original = Digest::Of("original"), .key = std::string(32, 'a')};

std::string Quoted(const Digest& digest) { return "\"" + digest.hex() + "\""; }

void Overwrite(const std::string& path, int64_t at, char byte) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  ASSERT_GE(fd, 0);
  ASSERT_EQ(::pwrite(fd, &byte, 1, at), 1);
  ::close(fd);
}

// Of every size and on either kind of disk.
class StoredRoutes : public ::testing::TestWithParam<std::tuple<Disk, size_t>> {
 protected:
  const std::string bytes_ = Pattern(std::get<1>(GetParam()));
  static void TearDownTestSuite() { shared_.Reset(); }
  HttpFixture& fixture_ = shared_.On(std::get<0>(GetParam()));

 private:
  static inline SharedFixtures shared_;
};

TEST_P(StoredRoutes, ServeABlobAgainAndAgain) {
  const Digest digest = fixture_.Put(bytes_);
  for (int i = 0; i < 3; ++i) {
    const http::RawResponse response = fixture_.Get(fixture_.Blob(digest));
    ASSERT_EQ(response.status, 200);
    EXPECT_TRUE(response.body == bytes_);
    EXPECT_EQ(response.Header("ETag"), Quoted(digest));
    EXPECT_EQ(response.Header("Content-Length"), absl::StrCat(bytes_.size()));
  }
}

TEST_P(StoredRoutes, ServeARenditionByItsOwnDigest) {
  const RenditionAddress address{.original = Digest::Of(bytes_), .key = std::string(32, 'a')};
  const Digest digest = fixture_.PutRendition(address, bytes_);
  for (int i = 0; i < 3; ++i) {
    const http::RawResponse response = fixture_.Get(fixture_.Rendition(address));
    ASSERT_EQ(response.status, 200);
    EXPECT_TRUE(response.body == bytes_);
    EXPECT_EQ(response.Header("ETag"), Quoted(digest));
  }
}

TEST_P(StoredRoutes, AnswerHeadAsGetWithoutTheBytes) {
  const Digest digest = fixture_.Put(bytes_);
  for (int i = 0; i < 2; ++i) {
    const http::RawResponse head = fixture_.Ask("HEAD", fixture_.Blob(digest));
    EXPECT_EQ(head.status, 200);
    EXPECT_EQ(head.Header("Content-Length"), absl::StrCat(bytes_.size()));
    EXPECT_EQ(head.Header("ETag"), Quoted(digest));
    EXPECT_EQ(head.body, "");
  }
}

// Without what differs from one answer to the next.
std::string Lasting(const http::RawResponse& response) {
  std::string lasting;
  for (size_t at = 0; at < response.head.size();) {
    const size_t end = response.head.find("\r\n", at) + 2;
    const std::string line = response.head.substr(at, end - at);
    const bool passes = line.starts_with("Date: ") || line.starts_with("X-Request-Id: ") ||
                        line.starts_with("Cache-Control: private");
    if (!passes) lasting += line;
    at = end;
  }
  return lasting;
}

TEST_P(StoredRoutes, AnswerHeadWithTheHeadersOfGetAlsoWhenTheyRefuse) {
  const Digest digest = fixture_.Put(bytes_);
  const std::string there = fixture_.Blob(digest, "image/png", "a.png");
  const std::string missing = fixture_.Blob(Digest::Of("never stored"));
  const std::pair<std::string, std::string> requests[] = {
      {there, ""},
      {there, "If-None-Match: " + Quoted(digest) + "\r\n"},
      {there, "If-Match: \"another\"\r\n"},
      {missing, ""},
      {"/blobs/" + digest.hex(), ""},
      {"/nowhere", ""}};
  for (const auto& [target, headers] : requests) {
    const http::RawResponse get = fixture_.Ask("GET", target, headers);
    const http::RawResponse head = fixture_.Ask("HEAD", target, headers);
    EXPECT_EQ(Lasting(head), Lasting(get)) << target << " " << headers;
    EXPECT_EQ(head.body, "");
  }
}

TEST_P(StoredRoutes, SayNothingToWhoHasNoGoodUrl) {
  const Digest there = fixture_.Put(bytes_);
  const Digest missing = Digest::Of("never stored");
  ASSERT_EQ(fixture_.Get(fixture_.Blob(there)).status, 200);  // open by now
  for (const Digest& digest : {there, missing}) {
    const std::string path = "/blobs/" + digest.hex();
    const std::string good = fixture_.Blob(digest);
    std::string bad = good;
    bad.back() = bad.back() == 'A' ? 'B' : 'A';
    const std::string put = fixture_.signer().Sign("PUT", path, {}, absl::Now() + absl::Hours(1));
    for (const std::string& target : {path, path + "?", path + "?expires=9999999999", bad, put}) {
      const http::RawResponse response = fixture_.Get(target);
      EXPECT_EQ(response.status, 403) << target;
      EXPECT_THAT(response.body, HasSubstr("SIGNATURE_INVALID"));
      EXPECT_EQ(response.Header("ETag"), "");
      EXPECT_EQ(response.Header("Cache-Control"), "no-store");
      EXPECT_EQ(fixture_.Ask("HEAD", target).status, 403);
    }
  }
  EXPECT_EQ(fixture_.Get("/blobs/nonsense").status, 403);
  EXPECT_EQ(fixture_.Get("/renditions/a/b").status, 403);
}

TEST_P(StoredRoutes, AcceptAUrlForTheBlobThatItNamesOnly) {
  const Digest digest = fixture_.Put(bytes_);
  const Digest other = fixture_.Put("other");
  std::string target = fixture_.Blob(digest);
  target.replace(7, 64, other.hex());
  EXPECT_EQ(fixture_.Get(target).status, 403);
}

TEST_P(StoredRoutes, RefuseUrlsFromTheSecondOfTheirExpiryOn) {
  const Digest digest = fixture_.Put(bytes_);
  const std::string path = "/blobs/" + digest.hex();
  ASSERT_EQ(fixture_.Get(fixture_.Blob(digest)).status, 200);
  const absl::Time now = absl::FromUnixSeconds(absl::ToUnixSeconds(absl::Now()));
  const http::RawResponse response = fixture_.Get(fixture_.signer().Sign("GET", path, {}, now));
  EXPECT_EQ(response.status, 403);
  EXPECT_THAT(response.body, HasSubstr("SIGNATURE_EXPIRED"));
}

TEST_P(StoredRoutes, AnswerWhatIsNotThereOnlyToWhoHasAGoodUrl) {
  const http::RawResponse response = fixture_.Get(fixture_.Blob(Digest::Of("never stored")));
  EXPECT_EQ(response.status, 404);
  EXPECT_EQ(response.Header("Content-Type"), "application/problem+json");
  const RenditionAddress missing{.original = Digest::Of("x"), .key = std::string(32, 'b')};
  EXPECT_EQ(fixture_.Get(fixture_.Rendition(missing)).status, 404);
  const auto signed_nonsense = [&](const std::string& path) {
    return fixture_.Get(fixture_.signer().Sign("GET", path, {}, absl::Now() + absl::Hours(1)))
        .status;
  };
  EXPECT_EQ(signed_nonsense("/blobs/nonsense"), 404);
  EXPECT_EQ(signed_nonsense("/renditions/" + Digest::Of("o").hex() + "/..%2F..%2Fblobs"), 404);
}

TEST_P(StoredRoutes, TakeTypeAndNameFromTheUrlAlone) {
  const Digest digest = fixture_.Put(bytes_);
  const http::RawResponse plain = fixture_.Get(fixture_.Blob(digest));
  EXPECT_EQ(plain.Header("Content-Type"), "application/octet-stream");
  EXPECT_EQ(plain.Header("Content-Disposition"), "attachment");
  const http::RawResponse named = fixture_.Get(
      fixture_.Blob(digest, "image/svg+xml", "../Zoë \"1\".svg"), "Accept: text/html\r\n");
  EXPECT_EQ(named.Header("Content-Type"), "image/svg+xml");
  EXPECT_EQ(named.Header("Content-Disposition"),
            "attachment; filename=\"Zo__ _1_.svg\"; filename*=UTF-8''Zo%C3%AB%20%221%22.svg");
}

TEST_P(StoredRoutes, LetNothingRunInWhatTheySend) {
  const Digest digest = fixture_.Put(bytes_);
  for (const char* range : {"", "Range: bytes=1-2\r\n"}) {
    const http::RawResponse response = fixture_.Get(fixture_.Blob(digest, "text/html"), range);
    EXPECT_EQ(response.Header("X-Content-Type-Options"), "nosniff");
    EXPECT_EQ(response.Header("Content-Security-Policy"), "sandbox; default-src 'none'");
    EXPECT_EQ(response.Header("Cross-Origin-Resource-Policy"), "cross-origin");
    EXPECT_THAT(response.Header("Content-Disposition"), HasSubstr("attachment"));
    EXPECT_EQ(response.Header("Last-Modified"), "");
  }
}

TEST_P(StoredRoutes, MayBeCachedAsLongAsTheUrlWorksAndByItsReaderOnly) {
  const Digest digest = fixture_.Put(bytes_);
  const http::RawResponse response =
      fixture_.Get(fixture_.Blob(digest, "", "", absl::Seconds(1000)));
  int64_t age = 0;
  ASSERT_EQ(std::sscanf(response.Header("Cache-Control").c_str(), "private, max-age=%ld, immutable",
                        &age),
            1);
  EXPECT_LE(age, 1000);
  EXPECT_GT(age, 900);
}

TEST_P(StoredRoutes, PipelinedAnswersComeInTheirOrder) {
  const Digest digest = fixture_.Put(bytes_);
  const std::string get =
      absl::StrCat("GET ", fixture_.Blob(digest), " HTTP/1.1\r\nHost: a\r\n\r\n");
  http::RawClient client(fixture_.port());
  client.Send(get + get + "GET /blobs/x HTTP/1.1\r\nHost: a\r\n\r\n" + get);
  EXPECT_TRUE(client.Receive().body == bytes_);
  EXPECT_TRUE(client.Receive().body == bytes_);
  EXPECT_EQ(client.Receive().status, 403);
  EXPECT_TRUE(client.Receive().body == bytes_);
}

INSTANTIATE_TEST_SUITE_P(Disks, StoredRoutes,
                         ::testing::Combine(::testing::Values(Disk::kReal, Disk::kInMemory),
                                            ::testing::Values(kShort, kLong)));

class StoredRoutesDamage : public ::testing::Test {
 protected:
  static void TearDownTestSuite() { shared_.Reset(); }
  HttpFixture& fixture_ = shared_.On(Disk::kReal);

 private:
  static inline SharedFixtures shared_;
};

TEST_F(StoredRoutesDamage, OfAShortBlobIsNeverSent) {
  const Digest digest = fixture_.Put(Pattern(kShort) + "y");
  const std::string target = fixture_.Blob(digest);
  Overwrite(fixture_.PathOf(digest), 17, '!');
  for (int i = 0; i < 2; ++i) {
    const http::RawResponse response = fixture_.Get(target);
    EXPECT_EQ(response.status, 500);
    EXPECT_THAT(response.body, HasSubstr("BLOB_DAMAGED"));
    EXPECT_THAT(response.body, Not(HasSubstr("/blobs/")));
    EXPECT_EQ(fixture_.Get(target, "Range: bytes=19000-\r\n").status, 500);
  }
  EXPECT_GE(fixture_.metrics().GetCounter("stockroom_fileserver_blobs_damaged_total", "").value(),
            1u);
}

TEST_F(StoredRoutesDamage, OfAShortBlobThatWasReadBeforeHarmsNobody) {
  const std::string bytes = Pattern(kShort) + "z";
  const Digest digest = fixture_.Put(bytes);
  const std::string target = fixture_.Blob(digest);
  ASSERT_EQ(fixture_.Get(target).status, 200);
  Overwrite(fixture_.PathOf(digest), 17, '!');
  EXPECT_TRUE(fixture_.Get(target).body == bytes);
}

TEST_F(StoredRoutesDamage, OfAShortPartOfALongBlobIsNeverSentAlsoWhileItIsOpen) {
  const Digest digest = fixture_.Put(Pattern(kLong));
  const std::string target = fixture_.Blob(digest);
  ASSERT_EQ(fixture_.Get(target, "Range: bytes=70000-70001\r\n").status, 206);
  Overwrite(fixture_.PathOf(digest), 100'000, '!');
  EXPECT_EQ(fixture_.Get(target, "Range: bytes=70000-70001\r\n").status, 500);
  EXPECT_EQ(fixture_.Get(target, "Range: bytes=0-65000\r\n").status, 206);
  EXPECT_EQ(fixture_.Get(target, "Range: bytes=0-65000\r\n").status, 206);
}

TEST_F(StoredRoutesDamage, OfARenditionRemovesIt) {
  for (const size_t size : {kShort, kLong}) {
    fixture_.PutRendition(kAddress, Pattern(size));
    Overwrite(fixture_.PathOf(kAddress), 100, '!');
    EXPECT_EQ(fixture_.Get(fixture_.Rendition(kAddress)).status, 404);
    EXPECT_FALSE(std::filesystem::exists(fixture_.PathOf(kAddress)));
  }
}

TEST_F(StoredRoutesDamage, OfAFooterTellsNoFolderName) {
  const Digest digest = fixture_.Put(Pattern(kShort) + "x");
  std::filesystem::resize_file(fixture_.PathOf(digest), 10);
  const http::RawResponse response = fixture_.Get(fixture_.Blob(digest));
  EXPECT_EQ(response.status, 500);
  EXPECT_THAT(response.body, Not(HasSubstr("/blobs/")));
}

TEST(StoredRoutesDeletion, IsSeenOnceTheOpenFileIsOld) {
  absl::Duration now;
  HttpFixture fixture({.files = {.max_age = absl::Hours(1), .steady = [&now] { return now; }}});
  const std::string bytes = Pattern(kShort);
  const Digest digest = fixture.Put(bytes);
  const std::string target = fixture.Blob(digest);
  ASSERT_EQ(fixture.Get(target).status, 200);
  std::filesystem::remove(fixture.PathOf(digest));
  EXPECT_TRUE(fixture.Get(target).body == bytes);
  now = absl::Hours(1);
  EXPECT_EQ(fixture.Get(target).status, 404);
}

TEST(StoredRoutesDeletion, IsSeenAtOnceIfNothingIsKeptOpen) {
  HttpFixture fixture({.files = {.max_files = 0}});
  for (const size_t size : {kShort, kLong}) {
    const std::string bytes = Pattern(size);
    const Digest digest = fixture.Put(bytes);
    EXPECT_TRUE(fixture.Get(fixture.Blob(digest)).body == bytes);
    std::filesystem::remove(fixture.PathOf(digest));
    EXPECT_EQ(fixture.Get(fixture.Blob(digest)).status, 404);
  }
}

TEST(StoredRoutesDeletion, WhileALongAnswerIsOnItsWayDoesNotCutIt) {
  HttpFixture fixture({.files = {.max_files = 0}});
  const std::string bytes = Pattern(16 << 20);
  const Digest digest = fixture.Put(bytes);
  http::RawClient client(fixture.port(), /*receive_buffer=*/65536);
  client.Send(absl::StrCat("GET ", fixture.Blob(digest), " HTTP/1.1\r\nHost: a\r\n\r\n"));
  ASSERT_TRUE(client.More());
  std::filesystem::remove(fixture.PathOf(digest));
  EXPECT_TRUE(client.Receive().body == bytes);
}

// How many descriptors of this process lead to a file that is, or was, called so.
int Descriptors(const std::string& name) {
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code gone;
    const std::string target = std::filesystem::read_symlink(entry.path(), gone).string();
    if (!gone && target.find(name) != std::string::npos) ++count;
  }
  return count;
}

TEST(StoredRoutesDeletion, IsPaidForByTheDisksThreadsAndNotByWhoLetsGo) {
  HttpFixture fixture({.files = {.max_age = absl::Hours(1)}});
  const Digest digest = fixture.Put(Pattern(kLong));
  ASSERT_EQ(fixture.Get(fixture.Blob(digest)).status, 200);
  ASSERT_EQ(Descriptors(digest.hex()), 1);
  std::filesystem::remove(fixture.PathOf(digest));
  std::promise<void> gate;
  const std::shared_future<void> open = gate.get_future().share();
  for (int thread = 0; thread < 2; ++thread) {
    ASSERT_TRUE(fixture.disk().Submit([open] { open.wait(); }).ok());
  }
  // As the event loop does, when there are too many.
  fixture.files().Drop("/blobs/" + digest.hex());
  EXPECT_EQ(Descriptors(digest.hex()), 1);
  gate.set_value();
  while (Descriptors(digest.hex()) > 0) std::this_thread::yield();
}

TEST(StoredRoutesCors, LetPagesOfAllowedOriginsReadValidatorsAndRanges) {
  HttpFixture fixture(
      {.disk = Disk::kInMemory, .server = {.cors = {.origins = {"https://photos.test"}}}});
  const Digest digest = fixture.Put(Pattern(kShort));
  const http::RawResponse allowed =
      fixture.Get(fixture.Blob(digest), "Origin: https://photos.test\r\nRange: bytes=0-1\r\n");
  EXPECT_EQ(allowed.status, 206);
  EXPECT_EQ(allowed.Header("Access-Control-Allow-Origin"), "https://photos.test");
  for (const char* name : {"ETag", "Content-Range", "Accept-Ranges", "Upload-Offset", "Location"}) {
    EXPECT_THAT(allowed.Header("Access-Control-Expose-Headers"), HasSubstr(name));
  }
  EXPECT_EQ(fixture.Get(fixture.Blob(digest), "Origin: https://evil.test\r\n")
                .Header("Access-Control-Allow-Origin"),
            "");
  const http::RawResponse preflight =
      fixture.Ask("OPTIONS", "/blobs/" + digest.hex(),
                  "Origin: https://photos.test\r\nAccess-Control-Request-Method: GET\r\n"
                  "Access-Control-Request-Headers: range\r\n");
  EXPECT_EQ(preflight.status, 204);
  EXPECT_EQ(preflight.Header("Access-Control-Allow-Headers"), "range");
}

TEST(StoredRoutesMethods, OtherThanGetAndHeadAreRefused) {
  HttpFixture fixture({.disk = Disk::kInMemory});
  const Digest digest = fixture.Put("x");
  for (const char* method : {"PUT", "POST", "DELETE", "PATCH"}) {
    const http::RawResponse response = fixture.Ask(method, fixture.Blob(digest));
    EXPECT_EQ(response.status, 405) << method;
    EXPECT_EQ(response.Header("Allow"), "GET, HEAD");
  }
}

}  // namespace
}  // namespace stockroom::fileserver
