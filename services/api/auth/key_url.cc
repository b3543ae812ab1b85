#include <arpa/inet.h>
#include <curl/curl.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "services/api/auth/key_source.h"
#include "services/common/base/digest.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"
#include "services/common/curl/transfer_rules.h"

namespace stockroom::api {
namespace {

using EasyPtr = std::unique_ptr<CURL, void (*)(CURL*)>;
using UrlPtr = std::unique_ptr<CURLU, void (*)(CURLU*)>;

bool IsLoopback(std::string host) {
  if (host == "localhost") return true;  // libcurl looks it up nowhere
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  in_addr v4{};
  if (inet_pton(AF_INET, host.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
  in6_addr v6{};
  return inet_pton(AF_INET6, host.c_str(), &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

std::string Part(CURLU* url, CURLUPart part) {
  char* text = nullptr;
  if (curl_url_get(url, part, &text, 0) != CURLUE_OK) return "";
  std::string copy = text;
  curl_free(text);
  return copy;
}

struct Target {
  std::string url;
  bool loopback = false;
};

absl::StatusOr<Target> CheckUrl(const std::string& text) {
  const auto bad = [](std::string_view why) { return InvalidArgument("BAD_JWKS_URL", why); };
  const UrlPtr url(curl_url(), curl_url_cleanup);
  if (url == nullptr || curl_url_set(url.get(), CURLUPART_URL, text.c_str(), 0) != CURLUE_OK) {
    return bad("the URL of the keys is not a URL");
  }
  if (!Part(url.get(), CURLUPART_USER).empty() || !Part(url.get(), CURLUPART_PASSWORD).empty()) {
    return bad("the URL of the keys must not hold a name or password: public keys need none");
  }
  if (!Part(url.get(), CURLUPART_FRAGMENT).empty()) {
    return bad("the URL of the keys must not have a fragment");
  }
  const std::string scheme = Part(url.get(), CURLUPART_SCHEME);
  const bool loopback = IsLoopback(Part(url.get(), CURLUPART_HOST));
  if (scheme != "https" && !(scheme == "http" && loopback)) {
    return bad(
        "the URL of the keys must be https, or http to this machine: whoever can change "
        "the answer can make tokens");
  }
  return Target{.url = text, .loopback = loopback};
}

struct Answer {
  size_t max_bytes;
  const std::function<bool()>& stop;
  std::string body;
  std::string cache_control;
  std::string age;
  bool too_large = false;
};

size_t OnBody(char* data, size_t, size_t size, void* user) {
  auto& answer = *static_cast<Answer*>(user);
  answer.too_large = answer.body.size() + size > answer.max_bytes;
  if (answer.too_large) return 0;
  answer.body.append(data, size);
  return size;
}

size_t OnHeader(char* data, size_t, size_t size, void* user) {
  auto& answer = *static_cast<Answer*>(user);
  const absl::string_view line(data, size);
  // A new head: what came before was a proxy's or an interim answer.
  if (absl::StartsWith(line, "HTTP/")) {
    answer.cache_control.clear();
    answer.age.clear();
  }
  const auto value_of = [&](absl::string_view name, std::string& value) {
    if (!absl::StartsWithIgnoreCase(line, name)) return;
    absl::StrAppend(&value, value.empty() ? "" : ",",
                    absl::StripAsciiWhitespace(line.substr(name.size())));
  };
  value_of("cache-control:", answer.cache_control);
  value_of("age:", answer.age);
  return size;
}

int OnProgress(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<Answer*>(user)->stop() ? 1 : 0;
}

void Prepare(CURL* curl, const Target& target, const JwksUrlOptions& options, Answer& answer) {
  curl_easy_setopt(curl, CURLOPT_URL, target.url.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, target.loopback ? "https,http" : "https");
  // A redirect would lead to where nobody has checked that it may; the operator can name the goal.
  KeepToServer(curl, options.ca_file);
  // An issuer out there may be reached by the environment's proxy only.
  if (!target.loopback) curl_easy_setopt(curl, CURLOPT_PROXY, static_cast<const char*>(nullptr));
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS,
                   std::max(1L, static_cast<long>(absl::ToInt64Milliseconds(options.timeout))));
  // A name look-up that takes its time does not hold up the end of the process.
  curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L);
  curl_easy_setopt(curl, CURLOPT_USERAGENT, "stockroom");
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, OnBody);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer);
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, OnHeader);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, &answer);
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, OnProgress);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &answer);
}

absl::Status Fetch(const Target& target, const JwksUrlOptions& options, Answer& answer) {
  SR_RETURN_IF_ERROR(StartCurl());
  const EasyPtr curl(curl_easy_init(), curl_easy_cleanup);
  const std::unique_ptr<curl_slist, void (*)(curl_slist*)> headers(
      curl_slist_append(nullptr, "Accept: application/jwk-set+json, application/json"),
      curl_slist_free_all);
  if (curl == nullptr || headers == nullptr) {
    return absl::ResourceExhaustedError("no memory for an HTTP transfer");
  }
  Prepare(curl.get(), target, options, answer);
  curl_easy_setopt(curl.get(), CURLOPT_HTTPHEADER, headers.get());
  const CURLcode code = curl_easy_perform(curl.get());
  if (answer.too_large) {
    return Unavailable("BAD_JWKS", absl::StrCat("the answer is over ", answer.max_bytes, " bytes"));
  }
  if (code != CURLE_OK) return Unavailable("NO_ANSWER", curl_easy_strerror(code));
  long status = 0;
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
  if (status != 200) return Unavailable("BAD_JWKS", absl::StrCat("the answer is HTTP ", status));
  return absl::OkStatus();
}

class KeyUrl {
 public:
  KeyUrl(Target target, JwksUrlOptions options)
      : target_(std::move(target)), options_(std::move(options)) {}

  absl::StatusOr<FetchedKeys> Look(const JwkSetPtr& last, const std::function<bool()>& stop) {
    Answer answer{.max_bytes = options_.keys.max_bytes,
                  .stop = stop,
                  .body = {},
                  .cache_control = {},
                  .age = {}};
    SR_RETURN_IF_ERROR(Fetch(target_, options_, answer));
    const absl::Duration fresh_for = FreshFor(answer.cache_control, answer.age, options_);
    const Digest digest = Digest::Of(answer.body);
    if (last != nullptr && digest == digest_) return FetchedKeys{last, fresh_for};
    SR_ASSIGN_OR_RETURN(JwkSet keys, JwkSet::Parse(answer.body, options_.keys));
    digest_ = digest;
    return FetchedKeys{std::make_shared<const JwkSet>(std::move(keys)), fresh_for};
  }

 private:
  const Target target_;
  const JwksUrlOptions options_;
  Digest digest_;
};

}  // namespace

absl::Duration FreshFor(const std::string& cache_control, const std::string& age,
                        const JwksUrlOptions& options) {
  absl::Duration fresh_for = options.default_fresh_for;
  for (const absl::string_view part : absl::StrSplit(cache_control, ',')) {
    const absl::string_view directive = absl::StripAsciiWhitespace(part);
    constexpr char kMaxAge[] = "max-age=";
    uint32_t seconds = 0;
    if (absl::EqualsIgnoreCase(directive, "no-store") ||
        absl::EqualsIgnoreCase(directive, "no-cache")) {
      return options.min_fresh_for;
    }
    if (absl::StartsWithIgnoreCase(directive, kMaxAge) &&
        absl::SimpleAtoi(directive.substr(sizeof kMaxAge - 1), &seconds)) {
      uint32_t spent = 0;
      if (!absl::SimpleAtoi(age, &spent)) spent = 0;
      fresh_for = absl::Seconds(seconds) - absl::Seconds(spent);
    }
  }
  return std::clamp(fresh_for, options.min_fresh_for, options.max_fresh_for);
}

absl::StatusOr<JwksSource::Fetch> FetchFromUrl(std::string url, JwksUrlOptions options) {
  SR_ASSIGN_OR_RETURN(Target target, CheckUrl(url));
  options.keys.allow_oct = false;
  const auto keys = std::make_shared<KeyUrl>(std::move(target), std::move(options));
  return [keys](const JwkSetPtr& last, const std::function<bool()>& stop) {
    return keys->Look(last, stop);
  };
}

}  // namespace stockroom::api
