#include "services/api/webhooks/curl_poster.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <future>

#include "tests/unit/webhooks/receiver.h"

namespace stockroom::api {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class CurlPosterTest : public ::testing::Test {
 protected:
  static std::unique_ptr<CurlPoster> Make(CurlPoster::Options options = {.allow_http = true},
                                          std::vector<std::string> allow = {"127.0.0.1"}) {
    return CurlPoster::Create(std::move(options), AddressRules::Create(allow).value()).value();
  }
  static PostResult Post(Poster& poster, const std::string& url, std::string body = "{}") {
    std::promise<PostResult> done;
    poster.Post({.url = url, .headers = {"webhook-id: e1"}, .body = std::move(body)},
                [&](PostResult result) { done.set_value(std::move(result)); });
    return done.get_future().get();
  }
  static std::string Answer(const std::string& head, const std::string& body = "") {
    return "HTTP/1.1 " + head + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
           body;
  }

  const std::unique_ptr<CurlPoster> poster_ = Make();
};

TEST_F(CurlPosterTest, SendsTheBytesAndTellsTheStatus) {
  Receiver receiver([](const std::string&) { return Answer("202 Accepted", "thanks"); });
  const std::string body = "{\"a\":\"" + std::string(100'000, 'x') + "\"}";
  const PostResult result = Post(*poster_, receiver.url(), body);
  EXPECT_EQ(result.status, 202) << result.error;
  ASSERT_EQ(receiver.requests().size(), 1u);
  const std::string request = receiver.requests()[0];
  EXPECT_TRUE(request.starts_with("POST /hook HTTP/1.1\r\n")) << request.substr(0, 99);
  EXPECT_THAT(request, HasSubstr("\r\nwebhook-id: e1\r\n"));
  EXPECT_THAT(request, Not(HasSubstr("100-continue")));
  EXPECT_TRUE(request.ends_with("\r\n\r\n" + body));
}

TEST_F(CurlPosterTest, ConnectsToNoAddressThatIsNotAllowedWhateverNameItHas) {
  Receiver receiver([](const std::string&) { return Answer("200 OK"); });
  const auto strict = Make({.allow_http = true}, {});
  for (const char* host : {"127.0.0.1", "localhost", "127.1", "0x7f.1", "2130706433", "0.0.0.0",
                           "[::ffff:127.0.0.1]", "[::1]"}) {
    const PostResult result = Post(*strict, receiver.url(host));
    EXPECT_EQ(result.status, 0) << host;
    EXPECT_THAT(result.error, HasSubstr("is not allowed")) << host;
  }
  EXPECT_TRUE(receiver.requests().empty());
  EXPECT_EQ(Post(*poster_, receiver.url("localhost")).status, 200);
}

TEST_F(CurlPosterTest, SaysWhyAnAddressThatIsAllowedFailedAlthoughTheNameHasOthers) {
  std::string url;
  {
    const Receiver gone([](const std::string&) { return ""; });
    url = gone.url("localhost");
  }
  // libcurl takes this name for ::1 and 127.0.0.1, wherever there is IPv6.
  const PostResult result = Post(*poster_, url);
  EXPECT_THAT(result.error, Not(HasSubstr("is not allowed")));
  EXPECT_THAT(result.error, Not(::testing::IsEmpty()));
}

TEST_F(CurlPosterTest, FollowsNoRedirect) {
  Receiver inside([](const std::string&) { return Answer("200 OK"); });
  Receiver receiver([&](const std::string&) {
    return Answer("307 Temporary Redirect\r\nLocation: " + inside.url());
  });
  EXPECT_EQ(Post(*poster_, receiver.url()).status, 307);
  EXPECT_TRUE(inside.requests().empty());
}

TEST_F(CurlPosterTest, UsesNoProxyOfTheEnvironment) {
  Receiver proxy([](const std::string&) { return Answer("200 OK"); });
  Receiver receiver([](const std::string&) { return Answer("201 Created"); });
  for (const char* name : {"http_proxy", "all_proxy", "ALL_PROXY"}) {
    ::setenv(name, proxy.url().c_str(), 1);
  }
  EXPECT_EQ(Post(*Make(), receiver.url()).status, 201);
  for (const char* name : {"http_proxy", "all_proxy", "ALL_PROXY"}) ::unsetenv(name);
  EXPECT_TRUE(proxy.requests().empty());
}

TEST_F(CurlPosterTest, SpeaksHttpOnlyWhereThatIsAllowedAndNothingElseEver) {
  Receiver receiver([](const std::string&) { return Answer("200 OK"); });
  EXPECT_EQ(Post(*Make({.allow_http = false}), receiver.url()).status, 0);
  EXPECT_EQ(Post(*poster_, "file:///etc/passwd").status, 0);
  EXPECT_EQ(Post(*poster_, "gopher://127.0.0.1:1/x").status, 0);
  EXPECT_TRUE(receiver.requests().empty());
}

TEST_F(CurlPosterTest, ReadsLittleOfALongAnswer) {
  Receiver receiver(
      [](const std::string&) { return Answer("200 OK", std::string(50 << 20, 'x')); });
  EXPECT_EQ(Post(*poster_, receiver.url()).status, 200);
  Receiver flood([](const std::string&) {
    std::string head = "HTTP/1.1 200 OK\r\n";
    for (int i = 0; i < 10'000; ++i) head += "X-Fill: 0123456789abcdef\r\n";
    return head + "\r\n";
  });
  EXPECT_EQ(Post(*poster_, flood.url()).status, 0);
}

TEST_F(CurlPosterTest, TellsWhenToComeBack) {
  Receiver receiver(
      [](const std::string&) { return Answer("429 Too Many Requests\r\nRetry-After: 120"); });
  const PostResult result = Post(*poster_, receiver.url());
  EXPECT_EQ(result.status, 429);
  EXPECT_EQ(result.retry_after, absl::Seconds(120));
}

TEST_F(CurlPosterTest, GivesUpOnWhoeverIsSilentOrGone) {
  Receiver silent([](const std::string&) { return ""; });
  const auto hasty = Make({.allow_http = true, .timeout = absl::Milliseconds(200)});
  const PostResult result = Post(*hasty, silent.url());
  EXPECT_EQ(result.status, 0);
  EXPECT_THAT(result.error, HasSubstr("timed out"));
  std::string nobody;
  {
    Receiver gone([](const std::string&) { return ""; });
    nobody = gone.url();
  }
  EXPECT_NE(Post(*poster_, nobody).error, "");
  Receiver rude([](const std::string&) { return "\x01\x02\xff nonsense"; });
  EXPECT_NE(Post(*poster_, rude.url()).error, "");
}

TEST_F(CurlPosterTest, ASilentReceiverHoldsUpNobodyElse) {
  Receiver silent([](const std::string&) { return ""; });
  Receiver receiver([](const std::string&) { return Answer("200 OK"); });
  std::vector<std::future<PostResult>> waiting;
  auto poster = Make({.allow_http = true, .timeout = absl::Minutes(5)});
  for (int i = 0; i < 8; ++i) {
    auto done = std::make_shared<std::promise<PostResult>>();
    waiting.push_back(done->get_future());
    poster->Post({.url = silent.url(), .body = "{}"},
                 [done](PostResult result) { done->set_value(std::move(result)); });
  }
  EXPECT_EQ(Post(*poster, receiver.url()).status, 200);
  // What is under way ends with the poster.
  poster.reset();
  for (auto& result : waiting) EXPECT_EQ(result.get().error, "the api stopped");
}

TEST_F(CurlPosterTest, SpeaksTlsOnlyToWhomItsAuthoritiesKnow) {
  // Nothing here speaks TLS: the answer to the greeting is no TLS, which must not be taken for one.
  Receiver plain([](const std::string&) { return Answer("200 OK"); });
  std::string url = plain.url();
  url.replace(0, 4, "https");
  const auto hasty = Make({.timeout = absl::Seconds(2)});
  EXPECT_EQ(Post(*hasty, url).status, 0);
  EXPECT_EQ(Post(*Make({.ca_file = "/nonexistent.pem"}), url).status, 0);
}

}  // namespace
}  // namespace stockroom::api
