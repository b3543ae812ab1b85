#include "services/fileserver/store/blob_urls.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/time/clock.h"
#include "services/common/base/status.h"

namespace stockroom::fileserver {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;
using ::testing::StartsWith;

class BlobUrlsTest : public ::testing::Test {
 protected:
  absl::StatusOr<UrlParameters> Verify(const std::string& url) const {
    const std::string rest = url.substr(std::string("https://files.test/x").size());
    const size_t at = rest.find('?');
    return signer_.Verify("GET", rest.substr(0, at), rest.substr(at + 1), absl::Now());
  }

  const UrlSigner signer_ = *UrlSigner::Create({"sixteen bytes or more"});
  const BlobUrls urls_{signer_, "https://files.test/x"};
  BlobUrlSpec spec_{.digest = Digest::Of("blob"),
                    .expires = absl::Now() + absl::Hours(1),
                    .content_type = "image/jpeg",
                    .filename = "Zoë & me.jpg"};
};

TEST_F(BlobUrlsTest, SignTheBlobWithTypeAndName) {
  const auto url = urls_.OfBlob(spec_);
  ASSERT_TRUE(url.ok()) << url.status();
  EXPECT_THAT(*url, StartsWith("https://files.test/x/blobs/" + spec_.digest.hex() + "?type="));
  const auto parameters = Verify(*url);
  ASSERT_TRUE(parameters.ok()) << parameters.status();
  EXPECT_THAT(*parameters,
              ElementsAre(Pair("type", "image/jpeg"), Pair("filename", "Zoë & me.jpg")));
}

TEST_F(BlobUrlsTest, LeaveOutWhatIsNotSaid) {
  spec_.content_type.clear();
  spec_.filename.clear();
  const auto url = urls_.OfBlob(spec_);
  ASSERT_TRUE(url.ok());
  EXPECT_THAT(*Verify(*url), ::testing::IsEmpty());
}

TEST_F(BlobUrlsTest, SignRenditionsUnderTheirAddress) {
  const RenditionAddress address{.original = Digest::Of("o"), .key = std::string(32, 'a')};
  const auto url = urls_.OfRendition(address, spec_);
  ASSERT_TRUE(url.ok());
  EXPECT_THAT(*url, StartsWith("https://files.test/x/renditions/" + address.original.hex() + "/" +
                               address.key + "?"));
  EXPECT_TRUE(Verify(*url).ok());
  EXPECT_TRUE(absl::IsInvalidArgument(
      urls_.OfRendition({.original = address.original, .key = "../x"}, spec_).status()));
}

TEST_F(BlobUrlsTest, RefuseWhatCouldNotBeServed) {
  const auto refused = [&](auto change) {
    BlobUrlSpec bad = spec_;
    change(bad);
    return absl::IsInvalidArgument(urls_.OfBlob(bad).status());
  };
  EXPECT_TRUE(refused([](auto& s) { s.expires = absl::Now(); }));
  EXPECT_TRUE(refused([](auto& s) { s.expires = absl::InfiniteFuture(); }));
  EXPECT_TRUE(refused([](auto& s) { s.content_type = "a/b\r\nSet-Cookie: x"; }));
  EXPECT_TRUE(refused([](auto& s) { s.content_type = std::string(256, 'a'); }));
  EXPECT_TRUE(refused([](auto& s) { s.filename = "\xff"; }));
  EXPECT_TRUE(refused([](auto& s) { s.filename = std::string(256, 'a'); }));
}

TEST_F(BlobUrlsTest, AreOffWithoutAPublicUrl) {
  const absl::Status off = BlobUrls(signer_, "").OfBlob(spec_).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(off));
  EXPECT_EQ(DetailsOf(off).reason, "SIGNED_URLS_OFF");
}

}  // namespace
}  // namespace stockroom::fileserver
