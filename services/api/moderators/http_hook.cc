#include "services/api/moderators/http_hook.h"

#include <curl/curl.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/api/domain/standard_webhooks.h"
#include "services/common/base/status.h"
#include "services/common/curl/transfer_rules.h"

namespace stockroom::api {
namespace {

constexpr absl::Duration kConnectTimeout = absl::Seconds(5);

using EasyPtr = std::unique_ptr<CURL, void (*)(CURL*)>;
using UrlPtr = std::unique_ptr<CURLU, void (*)(CURLU*)>;
using HeadersPtr = std::unique_ptr<curl_slist, void (*)(curl_slist*)>;

struct Answer {
  std::string body;
  bool too_large = false;
};

size_t OnBody(char* data, size_t, size_t size, void* user) {
  auto& answer = *static_cast<Answer*>(user);
  answer.too_large = answer.body.size() + size > kMaxModeratorAnswer;
  if (answer.too_large) return 0;
  answer.body.append(data, size);
  return size;
}

absl::Status NoAnswer(const std::string& why) {
  return Unavailable("MODERATOR_NO_ANSWER", "the external moderator: " + why);
}

class HttpModerator final : public Moderator {
 public:
  explicit HttpModerator(HttpHookOptions options) : options_(std::move(options)) {}

  absl::StatusOr<ModeratorAnswer> Ask(const ModeratorQuestion& question,
                                      absl::Duration patience) override {
    const EasyPtr curl(curl_easy_init(), curl_easy_cleanup);
    if (curl == nullptr) return NoAnswer("no memory for an HTTP transfer");
    const std::string body = options_.body(question);
    if (body.empty()) return absl::InternalError("the question can not be written as JSON");
    const HeadersPtr headers = HeadersFor(question, body);
    Answer answer;
    Prepare(curl.get(), body, patience, answer);
    curl_easy_setopt(curl.get(), CURLOPT_HTTPHEADER, headers.get());
    const CURLcode code = curl_easy_perform(curl.get());
    if (answer.too_large) {
      return NoAnswer(absl::StrCat("its answer has over ", kMaxModeratorAnswer, " bytes"));
    }
    if (code != CURLE_OK) return NoAnswer(curl_easy_strerror(code));
    long status = 0;
    curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
    if (status != 200) return NoAnswer(absl::StrCat("HTTP ", status));
    return options_.answer(answer.body);
  }

 private:
  HeadersPtr HeadersFor(const ModeratorQuestion& question, const std::string& body) const {
    std::vector<std::string> lines = {"content-type: application/json",
                                      "expect:", "x-request-id: " + question.request_id};
    if (!options_.secret.empty()) {
      const int64_t seconds = absl::ToUnixSeconds(absl::Now());
      const std::string& id = question.image.id;
      lines.push_back("webhook-id: " + id);
      lines.push_back(absl::StrCat("webhook-timestamp: ", seconds));
      lines.push_back("webhook-signature: " +
                      StandardSignature(options_.secret, id, seconds, body));
    }
    HeadersPtr headers(nullptr, curl_slist_free_all);
    for (const std::string& line : lines) {
      headers.reset(curl_slist_append(headers.release(), line.c_str()));
    }
    return headers;
  }

  void Prepare(CURL* curl, const std::string& body, absl::Duration patience, Answer& answer) const {
    const auto set = [&](CURLoption option, auto value) { curl_easy_setopt(curl, option, value); };
    const auto ms = [](absl::Duration d) {
      return std::max(1L, static_cast<long>(absl::ToInt64Milliseconds(d)));
    };
    set(CURLOPT_URL, options_.url.c_str());
    set(CURLOPT_PROTOCOLS_STR, "https,http");
    set(CURLOPT_POST, 1L);
    set(CURLOPT_POSTFIELDS, body.c_str());
    set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
    set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    KeepToServer(curl, options_.ca_file);
    // A name server that is silent does not hold up the end of the question.
    set(CURLOPT_QUICK_EXIT, 1L);
    set(CURLOPT_TIMEOUT_MS, ms(patience));
    set(CURLOPT_CONNECTTIMEOUT_MS, ms(std::min(patience, kConnectTimeout)));
    set(CURLOPT_USERAGENT, "stockroom-moderation");
    set(CURLOPT_WRITEFUNCTION, OnBody);
    set(CURLOPT_WRITEDATA, &answer);
  }

  const HttpHookOptions options_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Moderator>> NewHttpModerator(HttpHookOptions options) {
  SR_RETURN_IF_ERROR(StartCurl());
  const UrlPtr url(curl_url(), curl_url_cleanup);
  const bool good = url != nullptr &&
                    curl_url_set(url.get(), CURLUPART_URL, options.url.c_str(), 0) == CURLUE_OK &&
                    (options.url.starts_with("http://") || options.url.starts_with("https://"));
  if (!good) return InvalidField("moderation.hook_url", "is no http or https URL");
  return std::make_unique<HttpModerator>(std::move(options));
}

}  // namespace stockroom::api
