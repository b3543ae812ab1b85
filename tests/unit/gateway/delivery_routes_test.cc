// Pictures over HTTP.
#include <gtest/gtest.h>

#include "tests/unit/gateway/gateway_fixture.h"

namespace stockroom::api {
namespace {

class DeliveryRoutesTest : public GatewayTest {
 protected:
  void HoldInMemory() {
    delivery_.found.bytes = std::make_shared<const std::string>("0123456789");
    delivery_.at_hand = true;
  }
};

TEST_F(DeliveryRoutesTest, DeliversARendition) {
  Start();
  const RawResponse response = Ask("GET /i/i1/thumb-320.jpg");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, "0123456789");
  EXPECT_EQ(response.Header("Content-Length"), "10");
  EXPECT_EQ(response.Header("Content-Type"), "image/jpeg");
  EXPECT_EQ(response.Header("ETag"), "\"" + delivery_.found.sha256.hex() + "\"");
  EXPECT_EQ(response.Header("Cache-Control"), "public, max-age=60, must-revalidate");
  EXPECT_EQ(response.Header("X-Content-Type-Options"), "nosniff");
  EXPECT_EQ(response.Header("Content-Security-Policy"), "default-src 'none'; sandbox");
  EXPECT_EQ(Ask("GET /i/i1/thumb-320.png").status, 404);
  EXPECT_EQ(Ask("GET /i/i1/nonsense").status, 404);
}

TEST_F(DeliveryRoutesTest, DeliversTheOriginalAsADownload) {
  Start();
  for (const char* path : {"GET /i/i1/original", "GET /i/i1/original.jpg"}) {
    EXPECT_EQ(Ask(path).Header("Content-Disposition"),
              "attachment; filename=\"na_ive.jpg\"; filename*=UTF-8''na%22ive.jpg");
  }
}

TEST_F(DeliveryRoutesTest, AnswersConditionsAndRanges) {
  Start();
  const std::string etag = "\"" + delivery_.found.sha256.hex() + "\"";
  const RawResponse same = Ask("GET /i/i1/thumb-320.jpg", "If-None-Match: " + etag + "\r\n");
  EXPECT_EQ(same.status, 304);
  EXPECT_EQ(same.Header("ETag"), etag);
  EXPECT_EQ(delivery_.opens, 0) << "no byte was asked for";
  const RawResponse part = Ask("GET /i/i1/thumb-320.jpg", "Range: bytes=2-5\r\n");
  EXPECT_EQ(part.status, 206);
  EXPECT_EQ(part.body, "2345");
  EXPECT_EQ(part.Header("Content-Range"), "bytes 2-5/10");
  const RawResponse outside = Ask("GET /i/i1/thumb-320.jpg", "Range: bytes=10-\r\n");
  EXPECT_EQ(outside.status, 416);
  EXPECT_EQ(outside.Header("Content-Range"), "bytes */10");
  EXPECT_EQ(Ask("GET /i/i1/thumb-320.jpg", "Range: bytes=0-1\r\nIf-Range: \"old\"\r\n").body,
            "0123456789");
}

TEST_F(DeliveryRoutesTest, AnswersHeadWithoutOpeningAnything) {
  Start();
  const RawResponse head = Ask("HEAD /i/i1/thumb-320.jpg", "", "", /*head_only=*/true);
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.Header("Content-Length"), "10");
  EXPECT_EQ(delivery_.opens, 0);
}

TEST_F(DeliveryRoutesTest, FindsAgainWhatChangedMeanwhile) {
  delivery_.changed_once = true;
  Start();
  EXPECT_EQ(Ask("GET /i/i1/thumb-320.jpg").body, "0123456789");
  EXPECT_EQ(delivery_.finds, 2);
}

TEST_F(DeliveryRoutesTest, KeepsPrivatePicturesOutOfCaches) {
  delivery_.found.visibility = Visibility::kPrivate;
  Start();
  EXPECT_EQ(Ask("GET /i/i1/thumb-320.jpg").Header("Cache-Control"), "private, no-store");
}

TEST_F(DeliveryRoutesTest, WhatIsInMemoryIsAnsweredAtOnceWithConditionsAndRanges) {
  HoldInMemory();
  Start();
  const std::string etag = "\"" + delivery_.found.sha256.hex() + "\"";
  const RawResponse whole = Ask("GET /i/i1/thumb-320.jpg");
  EXPECT_EQ(whole.status, 200);
  EXPECT_EQ(whole.body, "0123456789");
  EXPECT_EQ(whole.Header("ETag"), etag);
  const RawResponse part = Ask("GET /i/i1/thumb-320.jpg", "Range: bytes=2-5\r\n");
  EXPECT_EQ(part.status, 206);
  EXPECT_EQ(part.body, "2345");
  EXPECT_EQ(part.Header("Content-Length"), "4");
  EXPECT_EQ(Ask("GET /i/i1/thumb-320.jpg", "If-None-Match: " + etag + "\r\n").status, 304);
  const RawResponse head = Ask("HEAD /i/i1/thumb-320.jpg", "", "", /*head_only=*/true);
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.Header("Content-Length"), "10");
  EXPECT_EQ(head.body, "");
  EXPECT_EQ(Ask("GET /i/i1/nonsense").status, 404);
  EXPECT_EQ(delivery_.finds, 0);
  EXPECT_EQ(delivery_.opens, 0);
  EXPECT_EQ(delivery_.sent, 3);
  EXPECT_EQ(delivery_.not_modified, 1);
  EXPECT_EQ(delivery_.begun, 1) << "the whole, and neither a later part nor a head";
}

TEST_F(DeliveryRoutesTest, WhoeverFetchesInPiecesIsOneViewer) {
  HoldInMemory();
  Start();
  for (const bool in_memory : {true, false}) {
    if (!in_memory) delivery_.found.bytes = nullptr;
    delivery_.begun = 0;
    for (const char* range : {"0-3", "4-7", "8-9", "-2"}) {
      const std::string header = std::string("Range: bytes=") + range + "\r\n";
      EXPECT_EQ(Ask("GET /i/i1/thumb-320.jpg", header).status, 206);
    }
    EXPECT_EQ(delivery_.begun, 1);
    EXPECT_EQ(Ask("GET /i/i1/thumb-320.jpg", "Range: bytes=20-\r\n").status, 416);
    EXPECT_EQ(Ask("HEAD /i/i1/thumb-320.jpg", "", "", /*head_only=*/true).status, 200);
    EXPECT_EQ(delivery_.begun, 1);
  }
}

TEST_F(DeliveryRoutesTest, WhatIsToBeStreamedIsLeftToTheHandlerThatMayWait) {
  delivery_.at_hand = true;
  Start();
  EXPECT_EQ(Ask("GET /i/i1/original").body, "0123456789");
  EXPECT_EQ(delivery_.finds, 1);
  EXPECT_EQ(Ask("HEAD /i/i1/original", "", "", /*head_only=*/true).Header("Content-Length"), "10");
  EXPECT_EQ(delivery_.finds, 1) << "the head was at hand";
}

TEST_F(DeliveryRoutesTest, GivesThePathBehindTheIdDecodedAndAsSent) {
  delivery_.picture = ".webp";
  HoldInMemory();
  Start();
  EXPECT_EQ(Ask("GET /i/i1/7/fit=720x0%2Fq%3D70.webp?sig=a_b-c&expires=12").status, 200);
  EXPECT_EQ(delivery_.asked.image_id, "i1");
  EXPECT_EQ(delivery_.asked.path, "7/fit=720x0/q=70.webp");
  EXPECT_EQ(delivery_.asked.raw_path, "/i/i1/7/fit=720x0%2Fq%3D70.webp");
  EXPECT_EQ(delivery_.asked.signature, "a_b-c");
  EXPECT_EQ(delivery_.asked.expires, "12");
  EXPECT_EQ(Ask("GET /i/i1/fit=720x0/q=70.webp?sig=%zz").status, 400);
}

TEST_F(DeliveryRoutesTest, OnlyNegotiatedAnswersVary) {
  HoldInMemory();
  Start();
  EXPECT_EQ(Ask("GET /i/i1/thumb-320.jpg", "Accept: image/webp\r\n").Header("Vary"), "");
  EXPECT_EQ(delivery_.asked.preferences, Preferences());
  delivery_.picture = ".auto";
  delivery_.found.negotiated = true;
  const RawResponse response =
      Ask("GET /i/i1/thumb-320.auto", "Accept: image/webp,image/*;q=0.5\r\nDPR: 2\r\n");
  EXPECT_EQ(response.Header("Vary"), "Accept");
  EXPECT_EQ(response.Header("Accept-CH"), "");
  EXPECT_EQ(delivery_.asked.preferences,
            (Preferences{.webp = 1000, .jpeg = 500, .png = 500, .gif = 500}));
}

TEST_F(DeliveryRoutesTest, ClientHintsAreAskedForAndHeededWhereConfigured) {
  options_.client_hints = true;
  delivery_.picture = ".auto";
  delivery_.found.negotiated = true;
  HoldInMemory();
  Start();
  const RawResponse response =
      Ask("GET /i/i1/thumb-320.auto",
          "Sec-CH-DPR: 1.5\r\nDPR: 3\r\nWidth: 500\r\nViewport-Width: -1\r\nSave-Data: on\r\n");
  EXPECT_THAT(response.Header("Vary"), HasSubstr("Sec-CH-Width"));
  EXPECT_THAT(response.Header("Accept-CH"), HasSubstr("Sec-CH-DPR"));
  EXPECT_EQ(delivery_.asked.preferences,
            (Preferences{.dpr = 1.5, .width = 500, .save_data = true}));
}

TEST_F(DeliveryRoutesTest, AUrlOfTheCurrentRevisionIsKeptForEverAndNoLongerThanItsSignature) {
  delivery_.found.immutable = true;
  HoldInMemory();
  Start();
  EXPECT_EQ(Ask("GET /i/i1/3/thumb-320.jpg").Header("Cache-Control"),
            "public, max-age=31536000, immutable");
  delivery_.found.expires = absl::Now() - absl::Seconds(1);
  EXPECT_EQ(Ask("GET /i/i1/3/thumb-320.jpg").Header("Cache-Control"),
            "public, max-age=0, immutable");
  delivery_.found.visibility = Visibility::kUnlisted;
  EXPECT_EQ(Ask("GET /i/i1/3/thumb-320.jpg").Header("Cache-Control"), "private, no-store");
}

TEST_F(DeliveryRoutesTest, AUrlOfAnotherRevisionLeadsToTheCurrentOneAndIsNotKept) {
  delivery_.found.redirect = "/i/i1/4/thumb-320.jpg";
  HoldInMemory();
  Start();
  const RawResponse response = Ask("GET /i/i1/3/thumb-320.jpg");
  EXPECT_EQ(response.status, 302);
  EXPECT_EQ(response.Header("Location"), "/i/i1/4/thumb-320.jpg");
  EXPECT_EQ(response.Header("Cache-Control"), "no-store");
  delivery_.at_hand = false;
  EXPECT_EQ(Ask("GET /i/i1/3/thumb-320.jpg").status, 302);
}

}  // namespace
}  // namespace stockroom::api
