#include "tools/stockroom/http_client.h"

#include <curl/curl.h>

#include <algorithm>
#include <mutex>
#include <nlohmann/json.hpp>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "services/common/base/status.h"

namespace stockroom::cli {
namespace {

// Enough of an error's body to tell what is wrong.
constexpr size_t kMaxProblemBytes = 64 << 10;

absl::StatusCode CodeOf(int http) {
  switch (http) {
    case 400:
      return absl::StatusCode::kInvalidArgument;
    case 401:
      return absl::StatusCode::kUnauthenticated;
    case 403:
      return absl::StatusCode::kPermissionDenied;
    case 404:
      return absl::StatusCode::kNotFound;
    case 409:
      return absl::StatusCode::kFailedPrecondition;
    case 416:
      return absl::StatusCode::kOutOfRange;
    case 429:
      return absl::StatusCode::kResourceExhausted;
    case 503:
      return absl::StatusCode::kUnavailable;
    case 504:
      return absl::StatusCode::kDeadlineExceeded;
    default:
      return absl::StatusCode::kUnknown;
  }
}

absl::Status Problem(const std::string& url, int http, const std::string& body) {
  const nlohmann::json problem = nlohmann::json::parse(body, nullptr, false);
  std::string detail = absl::StrCat(url, " answered ", http);
  ErrorDetails details{.reason = absl::StrCat("HTTP_", http)};
  if (problem.is_object()) {
    const auto text = [&](const char* key, std::string& out) {
      if (problem.contains(key) && problem[key].is_string()) out = problem[key].get<std::string>();
    };
    text("detail", detail);
    text("reason", details.reason);
    if (problem.contains("retry_after_ms") && problem["retry_after_ms"].is_number()) {
      details.retry_after = absl::Milliseconds(problem["retry_after_ms"].get<double>());
    }
  }
  return MakeStatus(CodeOf(http), detail, details);
}

struct Transfer {
  CURL* curl = nullptr;
  absl::FunctionRef<absl::Status(const HttpAnswer&)> begin;
  absl::FunctionRef<absl::Status(std::string_view)> body;
  const Cancellation& stop;
  bool begun = false;
  absl::Status failed;
  std::string problem;

  bool Begin() {
    if (begun) return true;
    begun = true;
    long status = 0;
    curl_off_t length = -1;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    failed = begin({.status = static_cast<int>(status), .length = length});
    return failed.ok();
  }
};

bool IsGood(CURL* curl) {
  long status = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  return status == 200 || status == 206;
}

size_t OnBody(char* data, size_t, size_t size, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  if (!IsGood(transfer.curl)) {
    transfer.problem.append(data, std::min(size, kMaxProblemBytes - transfer.problem.size()));
    return size;
  }
  if (!transfer.Begin()) return 0;
  transfer.failed = transfer.body({data, size});
  return transfer.failed.ok() ? size : 0;
}

struct Sending {
  absl::FunctionRef<absl::StatusOr<std::string>(size_t most)> next;
  const Cancellation& stop;
  absl::Status failed;
  std::string problem;
};

size_t OnNeed(char* to, size_t size, size_t count, void* user) {
  auto& sending = *static_cast<Sending*>(user);
  absl::StatusOr<std::string> bytes = sending.next(size * count);
  if (!bytes.ok()) {
    sending.failed = bytes.status();
    return CURL_READFUNC_ABORT;
  }
  std::copy(bytes->begin(), bytes->end(), to);
  return bytes->size();
}

size_t OnAnswer(char* data, size_t, size_t size, void* user) {
  std::string& problem = static_cast<Sending*>(user)->problem;
  problem.append(data, std::min(size, kMaxProblemBytes - problem.size()));
  return size;
}

int OnSent(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<Sending*>(user)->stop.cancelled() ? 1 : 0;
}

int OnProgress(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<Transfer*>(user)->stop.cancelled() ? 1 : 0;
}

class CurlClient final : public HttpClient {
 public:
  CurlClient(const Settings& settings, std::shared_ptr<Cancellation> stop)
      : settings_(settings), stop_(std::move(stop)) {}

  absl::Status Get(const HttpRequest& request,
                   absl::FunctionRef<absl::Status(const HttpAnswer&)> begin,
                   absl::FunctionRef<absl::Status(std::string_view)> body) override {
    const std::unique_ptr<CURL, void (*)(CURL*)> curl(curl_easy_init(), curl_easy_cleanup);
    if (!curl) return absl::ResourceExhaustedError("no memory for an HTTP transfer");
    std::unique_ptr<curl_slist, void (*)(curl_slist*)> headers(nullptr, curl_slist_free_all);
    const auto add_header = [&](const std::string& line) {
      headers.reset(curl_slist_append(headers.release(), line.c_str()));
    };
    if (request.offset > 0) {
      add_header(absl::StrCat("Range: bytes=", request.offset, "-"));
      if (!request.if_range.empty()) add_header("If-Range: " + request.if_range);
    }
    if (request.with_key && !settings_.api_key.empty()) {
      add_header("Authorization: Bearer " + settings_.api_key);
    }
    Transfer transfer{.curl = curl.get(),
                      .begin = begin,
                      .body = body,
                      .stop = *stop_,
                      .failed = {},
                      .problem = {}};
    Prepare(curl.get(), request.url, request.timeout);
    curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, OnBody);
    curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &transfer);
    curl_easy_setopt(curl.get(), CURLOPT_XFERINFOFUNCTION, OnProgress);
    curl_easy_setopt(curl.get(), CURLOPT_XFERINFODATA, &transfer);
    curl_easy_setopt(curl.get(), CURLOPT_HTTPHEADER, headers.get());
    const CURLcode code = curl_easy_perform(curl.get());
    return Outcome(curl.get(), request, transfer, code);
  }

  absl::Status Send(const HttpSending& request,
                    absl::FunctionRef<absl::StatusOr<std::string>(size_t most)> next) override {
    const std::unique_ptr<CURL, void (*)(CURL*)> curl(curl_easy_init(), curl_easy_cleanup);
    if (!curl) return absl::ResourceExhaustedError("no memory for an HTTP transfer");
    std::unique_ptr<curl_slist, void (*)(curl_slist*)> headers(nullptr, curl_slist_free_all);
    for (const auto& [name, value] : request.headers) {
      headers.reset(curl_slist_append(headers.release(), (name + ": " + value).c_str()));
    }
    Sending sending{.next = next, .stop = *stop_, .failed = {}, .problem = {}};
    Prepare(curl.get(), request.url, request.timeout);
    curl_easy_setopt(curl.get(), CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(curl.get(), CURLOPT_CUSTOMREQUEST, request.method.c_str());
    curl_easy_setopt(curl.get(), CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(request.length));
    curl_easy_setopt(curl.get(), CURLOPT_READFUNCTION, OnNeed);
    curl_easy_setopt(curl.get(), CURLOPT_READDATA, &sending);
    curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, OnAnswer);
    curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &sending);
    curl_easy_setopt(curl.get(), CURLOPT_XFERINFOFUNCTION, OnSent);
    curl_easy_setopt(curl.get(), CURLOPT_XFERINFODATA, &sending);
    curl_easy_setopt(curl.get(), CURLOPT_HTTPHEADER, headers.get());
    const CURLcode code = curl_easy_perform(curl.get());
    if (!sending.failed.ok()) return sending.failed;
    if (stop_->cancelled()) return absl::CancelledError("interrupted");
    const std::string where = request.url.substr(0, request.url.find('?'));
    if (code != CURLE_OK) {
      return Unavailable("TRANSFER_BROKE", absl::StrCat("the transfer to ", where,
                                                        " broke off: ", curl_easy_strerror(code)));
    }
    long status = 0;
    curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &status);
    return status / 100 == 2 ? absl::OkStatus()
                             : Problem(where, static_cast<int>(status), sending.problem);
  }

 private:
  void Prepare(CURL* curl, const std::string& url, absl::Duration timeout) const {
    curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    // The gateway never redirects, and a key must not follow to elsewhere.
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, 10'000L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS,
                     static_cast<long>(absl::ToInt64Milliseconds(timeout)));
    // Fewer than 100 bytes a second for half a minute is a dead transfer.
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 100L);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, 30L);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "stockroom/" STOCKROOM_VERSION);
    if (!settings_.ca_file.empty()) {
      curl_easy_setopt(curl, CURLOPT_CAINFO, settings_.ca_file.c_str());
    }
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  }

  absl::Status Outcome(CURL* curl, const HttpRequest& request, Transfer& transfer,
                       CURLcode code) const {
    if (!transfer.failed.ok()) return transfer.failed;
    if (stop_->cancelled()) return absl::CancelledError("interrupted");
    if (code == CURLE_OK) {
      if (IsGood(curl)) return transfer.Begin() ? absl::OkStatus() : transfer.failed;
      long status = 0;
      curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
      return Problem(request.url, static_cast<int>(status), transfer.problem);
    }
    const std::string why = curl_easy_strerror(code);
    if (code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_HOST) {
      return Unavailable("NO_ANSWER", absl::StrCat("nothing answers at ", request.url, " (", why,
                                                   "); is that the gateway? --gateway says where"));
    }
    if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE) {
      return absl::FailedPreconditionError(
          absl::StrCat(request.url, ": ", why, "; --ca names the authorities to trust"));
    }
    if (code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL) {
      return InvalidArgument("BAD_URL", absl::StrCat(request.url, " is not a URL"));
    }
    return Unavailable("TRANSFER_BROKE",
                       absl::StrCat("the transfer from ", request.url, " broke off: ", why));
  }

  const Settings settings_;
  const std::shared_ptr<Cancellation> stop_;
};

}  // namespace

std::unique_ptr<HttpClient> MakeHttpClient(const Settings& settings,
                                           std::shared_ptr<Cancellation> stop) {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
  return std::make_unique<CurlClient>(settings, std::move(stop));
}

}  // namespace stockroom::cli
