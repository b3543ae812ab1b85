#include "services/common/s3/curl_transport.h"

#include <curl/curl.h>

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "services/common/base/files.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"
#include "services/common/curl/transfer_rules.h"

namespace stockroom::s3 {
namespace {

constexpr size_t kMaxHead = 64 << 10;
constexpr int64_t kMaxAuthorityBytes = 4 << 20;
constexpr int64_t kWrittenASecond = 4 << 20;

struct Exchange {
  const HttpRequest* request = nullptr;
  HttpResponse response;
  int64_t sent = 0;
  size_t head_bytes = 0;
  absl::Status failed;  // of a callback
  char error[CURL_ERROR_SIZE] = "";
};

size_t OnBody(char* data, size_t, size_t size, void* user) {
  auto& exchange = *static_cast<Exchange*>(user);
  if (static_cast<int64_t>(exchange.response.body.size() + size) >
      exchange.request->max_response_bytes) {
    exchange.failed =
        MakeStatus(absl::StatusCode::kOutOfRange,
                   absl::StrCat("the S3 server's answer is longer than the ",
                                exchange.request->max_response_bytes, " bytes that were asked for"),
                   {.reason = "S3_ANSWER_TOO_LONG"});
    return 0;
  }
  exchange.response.body.append(data, size);
  return size;
}

size_t OnHeader(char* data, size_t, size_t size, void* user) {
  auto& exchange = *static_cast<Exchange*>(user);
  exchange.head_bytes += size;
  if (exchange.head_bytes > kMaxHead) return 0;
  const absl::string_view line = absl::StripAsciiWhitespace(absl::string_view(data, size));
  // A new head: what came before was an interim answer.
  if (absl::string_view(data, size).substr(0, 5) == "HTTP/") exchange.response.headers.clear();
  exchange.response.head_seen = SteadyNow();
  const size_t colon = line.find(':');
  if (colon == absl::string_view::npos) return size;
  exchange.response.headers.emplace_back(
      absl::AsciiStrToLower(line.substr(0, colon)),
      std::string(absl::StripAsciiWhitespace(line.substr(colon + 1))));
  return size;
}

size_t OnRead(char* to, size_t, size_t size, void* user) {
  auto& exchange = *static_cast<Exchange*>(user);
  const RequestBody& body = *exchange.request->body;
  const auto wanted = static_cast<size_t>(
      std::min<int64_t>(body.size() - exchange.sent, static_cast<int64_t>(size)));
  if (wanted == 0) return 0;
  exchange.failed = body.ReadAt(exchange.sent, to, wanted);
  if (!exchange.failed.ok()) return CURL_READFUNC_ABORT;
  exchange.sent += static_cast<int64_t>(wanted);
  return wanted;
}

// A kept connection may turn out to be closed: libcurl then sends anew over another.
int OnSeek(void* user, curl_off_t offset, int origin) {
  if (origin != SEEK_SET) return CURL_SEEKFUNC_CANTSEEK;
  static_cast<Exchange*>(user)->sent = offset;
  return CURL_SEEKFUNC_OK;
}

absl::Status Failure(CURLcode code, const Exchange& exchange) {
  if (!exchange.failed.ok()) return exchange.failed;
  const std::string what = exchange.error[0] != '\0' ? exchange.error : curl_easy_strerror(code);
  switch (code) {
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
      return MakeStatus(absl::StatusCode::kFailedPrecondition,
                        "the S3 server's certificate can not be trusted (" + what +
                            "): if it is of an authority of your own, name it in s3.ca_file",
                        {.reason = "S3_CERTIFICATE"});
    case CURLE_OPERATION_TIMEDOUT:
      return Unavailable("S3_TIMEOUT", "the S3 server took too long: " + what);
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
      return Unavailable("S3_UNREACHABLE", "the S3 server can not be reached: " + what);
    default:
      return Unavailable("S3_BROKEN_OFF", "the exchange with the S3 server failed: " + what);
  }
}

curl_slist* HeaderList(const Fields& fields) {
  // A server that never says "continue" would cost a second.
  curl_slist* list = curl_slist_append(nullptr, "Expect:");
  for (const auto& [name, value] : fields) {
    // libcurl takes "Name:" for "leave it out" and "Name;" for an empty one.
    list = curl_slist_append(list, (name + (value.empty() ? ";" : ": " + value)).c_str());
  }
  return list;
}

// What is sent, and what is done with the answer.
void Describe(CURL* easy, Exchange& exchange) {
  const HttpRequest& request = *exchange.request;
  const auto set = [&](CURLoption option, auto value) { curl_easy_setopt(easy, option, value); };
  set(CURLOPT_URL, request.url.c_str());
  set(CURLOPT_PATH_AS_IS, 1L);
  set(CURLOPT_FRESH_CONNECT, request.once ? 1L : 0L);
  set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  if (request.method == "HEAD") {
    set(CURLOPT_NOBODY, 1L);
  } else if (request.body != nullptr) {
    set(CURLOPT_UPLOAD, 1L);
    set(CURLOPT_CUSTOMREQUEST, request.method.c_str());
    set(CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(request.body->size()));
    set(CURLOPT_READFUNCTION, OnRead);
    set(CURLOPT_READDATA, &exchange);
    set(CURLOPT_SEEKFUNCTION, OnSeek);
    set(CURLOPT_SEEKDATA, &exchange);
    set(CURLOPT_UPLOAD_BUFFERSIZE, 256L << 10);
  } else {
    set(CURLOPT_HTTPGET, 1L);
    set(CURLOPT_CUSTOMREQUEST, request.method.c_str());
  }
  set(CURLOPT_BUFFERSIZE, 256L << 10);
  set(CURLOPT_WRITEFUNCTION, OnBody);
  set(CURLOPT_WRITEDATA, &exchange);
  set(CURLOPT_HEADERFUNCTION, OnHeader);
  set(CURLOPT_HEADERDATA, &exchange);
  set(CURLOPT_ERRORBUFFER, exchange.error);
}

// Where it may go, and for how long.
void Restrict(CURL* easy, const CurlTransport::Options& options, const HttpRequest& request,
              absl::Duration timeout) {
  const auto set = [&](CURLoption option, auto value) { curl_easy_setopt(easy, option, value); };
  const auto ms = [](absl::Duration d) {
    return std::max(1L, static_cast<long>(absl::ToInt64Milliseconds(d)));
  };
  set(CURLOPT_TIMEOUT_MS, ms(timeout));
  set(CURLOPT_CONNECTTIMEOUT_MS, ms(std::min(options.connect_timeout, timeout)));
  // It also counts while the answer is waited for.
  const int64_t to_write = request.body == nullptr ? 0 : request.body->size() / kWrittenASecond;
  const int64_t stall = absl::ToInt64Seconds(options.stall_timeout) + to_write;
  set(CURLOPT_LOW_SPEED_LIMIT, request.patient ? 0L : 1L << 10);
  set(CURLOPT_LOW_SPEED_TIME, request.patient ? 0L : std::max(1L, static_cast<long>(stall)));
  set(CURLOPT_TCP_KEEPALIVE, 1L);
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  KeepToServer(easy, options.ca_file);
}

}  // namespace

// One handle for one request.
class CurlTransport::Lease {
 public:
  static absl::StatusOr<Lease> Take(CurlTransport& owner, absl::Duration patience) {
    const absl::Duration until = SteadyNow() + patience;
    MutexLock lock(owner.mu_);
    while (owner.running_ >= owner.options_.max_connections) {
      const absl::Duration left = until - SteadyNow();
      if (left <= absl::ZeroDuration()) {
        return Overloaded("all connections to the S3 server are busy (s3.max_connections)",
                          absl::Seconds(1));
      }
      owner.freed_.WaitFor(owner.mu_, left);
    }
    void* handle = nullptr;
    if (!owner.idle_.empty()) {
      handle = owner.idle_.back();
      owner.idle_.pop_back();
    } else {
      handle = curl_easy_init();
      if (handle == nullptr) return absl::ResourceExhaustedError("no memory for an HTTP transfer");
    }
    ++owner.running_;
    owner.busy_.Set(owner.running_);
    return Lease(owner, handle);
  }
  Lease(Lease&& other) noexcept : owner_(other.owner_), easy(std::exchange(other.easy, nullptr)) {}
  Lease& operator=(Lease&&) = delete;
  ~Lease() {
    if (easy == nullptr) return;
    curl_easy_reset(easy);  // keeps the connection
    MutexLock lock(owner_.mu_);
    owner_.idle_.push_back(easy);
    --owner_.running_;
    owner_.busy_.Set(owner_.running_);
    owner_.freed_.NotifyOne();
  }

 private:
  Lease(CurlTransport& owner, void* handle) : owner_(owner), easy(handle) {}
  CurlTransport& owner_;

 public:
  CURL* easy;
};

absl::StatusOr<std::unique_ptr<CurlTransport>> CurlTransport::Create(const Options& options,
                                                                     Metrics& metrics) {
  SR_RETURN_IF_ERROR(StartCurl());
  if (!options.ca_file.empty()) {
    if (const auto read = ReadFileAtMost(options.ca_file, kMaxAuthorityBytes); !read.ok()) {
      return MakeStatus(
          absl::StatusCode::kFailedPrecondition,
          "s3.ca_file " + options.ca_file + ": " + std::string(read.status().message()),
          {.reason = "S3_CA_FILE"});
    }
  }
  return std::unique_ptr<CurlTransport>(new CurlTransport(options, metrics));
}

CurlTransport::CurlTransport(const Options& options, Metrics& metrics)
    : options_(options),
      busy_(metrics.GetGauge("stockroom_s3_connections_busy",
                             "Requests to the S3 server that run now.")) {}

CurlTransport::~CurlTransport() {
  MutexLock lock(mu_);
  for (void* handle : idle_) curl_easy_cleanup(handle);
}

absl::StatusOr<HttpResponse> CurlTransport::Send(const HttpRequest& request) {
  const absl::Duration begun = SteadyNow();
  SR_ASSIGN_OR_RETURN(const Lease lease, Lease::Take(*this, request.timeout));
  Exchange exchange;
  exchange.request = &request;
  const std::unique_ptr<curl_slist, void (*)(curl_slist*)> headers(HeaderList(request.headers),
                                                                   curl_slist_free_all);
  curl_easy_setopt(lease.easy, CURLOPT_HTTPHEADER, headers.get());
  Describe(lease.easy, exchange);
  Restrict(lease.easy, options_, request, request.timeout - (SteadyNow() - begun));
  const CURLcode code = curl_easy_perform(lease.easy);
  if (code != CURLE_OK) return Failure(code, exchange);
  long status = 0;
  curl_easy_getinfo(lease.easy, CURLINFO_RESPONSE_CODE, &status);
  exchange.response.status = static_cast<int>(status);
  return std::move(exchange.response);
}

}  // namespace stockroom::s3
