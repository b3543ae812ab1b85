#include "services/api/webhooks/curl_poster.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <pthread.h>
#include <sys/socket.h>

#include <algorithm>

#include "services/common/base/clock.h"
#include "services/common/base/log.h"
#include "services/common/base/status.h"
#include "services/common/curl/transfer_rules.h"

namespace stockroom::api {
namespace {

constexpr size_t kMaxBody = 4 << 10;
constexpr size_t kMaxHeaders = 64 << 10;
constexpr absl::Duration kConnectTimeout = absl::Seconds(10);
// Longest sleep of the thread; new requests wake it.
constexpr int kPollMs = 1000;

// Error texts go into the database and to people.
std::string Clean(std::string_view text) {
  std::string clean(text.substr(0, 300));
  std::replace_if(
      clean.begin(), clean.end(), [](char c) { return c < 0x20 || c >= 0x7f; }, '?');
  return clean;
}

std::string AddressText(const sockaddr& address) {
  char text[INET6_ADDRSTRLEN] = "?";
  const auto* in = reinterpret_cast<const sockaddr_in*>(&address);
  const auto* in6 = reinterpret_cast<const sockaddr_in6*>(&address);
  if (address.sa_family == AF_INET) inet_ntop(AF_INET, &in->sin_addr, text, sizeof text);
  if (address.sa_family == AF_INET6) inet_ntop(AF_INET6, &in6->sin6_addr, text, sizeof text);
  return text;
}

}  // namespace

struct CurlPoster::Multi {
  ~Multi() { curl_multi_cleanup(handle); }
  CURLM* handle = curl_multi_init();
};

struct CurlPoster::Transfer {
  ~Transfer() {
    curl_slist_free_all(headers);
    curl_easy_cleanup(easy);
  }

  // libcurl's callbacks.
  static curl_socket_t Open(void* self, curlsocktype, curl_sockaddr* address) {
    auto& transfer = *static_cast<Transfer*>(self);
    if (!transfer.rules->Allows(&address->addr, address->addrlen)) {
      transfer.refused = AddressText(address->addr);
      return CURL_SOCKET_BAD;
    }
    transfer.let_through = true;
    return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
  }
  static size_t Body(char*, size_t size, size_t count, void* self) {
    auto& transfer = *static_cast<Transfer*>(self);
    transfer.body_bytes += size * count;
    return transfer.body_bytes <= kMaxBody ? size * count : 0;
  }
  static size_t Header(char*, size_t size, size_t count, void* self) {
    auto& transfer = *static_cast<Transfer*>(self);
    transfer.header_bytes += size * count;
    return transfer.header_bytes <= kMaxHeaders ? size * count : 0;
  }

  PostResult ResultOf(CURLcode code) {
    PostResult result{.took = BootTimeNow() - begun};
    long status = 0;
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    // The end of a long answer was not waited for: what counts was in its beginning.
    const bool answered =
        code == CURLE_OK || (code == CURLE_WRITE_ERROR && header_bytes <= kMaxHeaders);
    if (answered && status >= 200) {
      result.status = static_cast<int>(status);
      curl_off_t seconds = 0;
      curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &seconds);
      if (seconds > 0) result.retry_after = absl::Seconds(seconds);
      return result;
    }
    // Of a name with several addresses those that are allowed say what went wrong.
    if (!refused.empty() && !let_through) {
      // Which address a name of this network has is nothing for whoever makes webhooks.
      LogInfo("a webhook leads to an address that is not allowed", {{"address", refused}});
      result.error = "the address is not allowed (webhooks.allow_networks)";
    } else {
      result.error = Clean(error[0] != '\0' ? error : curl_easy_strerror(code));
    }
    return result;
  }

  PostRequest request;
  absl::AnyInvocable<void(PostResult)> done;
  const AddressRules* rules = nullptr;
  CURL* easy = nullptr;
  curl_slist* headers = nullptr;
  char error[CURL_ERROR_SIZE] = "";
  std::string refused;       // the last address that is not allowed
  bool let_through = false;  // an address was
  size_t body_bytes = 0;
  size_t header_bytes = 0;
  absl::Duration begun;
};

absl::StatusOr<std::unique_ptr<CurlPoster>> CurlPoster::Create(Options options,
                                                               AddressRules rules) {
  SR_RETURN_IF_ERROR(StartCurl());
  auto multi = std::make_unique<Multi>();
  if (multi->handle == nullptr) return absl::InternalError("libcurl can not be used");
  curl_multi_setopt(multi->handle, CURLMOPT_MAXCONNECTS, static_cast<long>(options.max_idle));
  return std::unique_ptr<CurlPoster>(
      new CurlPoster(std::move(options), std::move(rules), std::move(multi)));
}

CurlPoster::CurlPoster(Options options, AddressRules rules, std::unique_ptr<Multi> multi)
    : options_(std::move(options)), rules_(std::move(rules)), multi_(std::move(multi)) {
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "webhook-http");
    Run();
  });
}

CurlPoster::~CurlPoster() {
  {
    MutexLock lock(mu_);
    stopping_ = true;
  }
  curl_multi_wakeup(multi_->handle);
  thread_.join();
}

void CurlPoster::Post(PostRequest request, absl::AnyInvocable<void(PostResult)> done) {
  auto transfer = std::make_unique<Transfer>();
  transfer->request = std::move(request);
  transfer->done = std::move(done);
  {
    MutexLock lock(mu_);
    new_.push_back(std::move(transfer));
  }
  curl_multi_wakeup(multi_->handle);
}

void CurlPoster::Run() {
  while (TakeNew()) {
    int running = 0;
    curl_multi_perform(multi_->handle, &running);
    FinishEnded();
    curl_multi_poll(multi_->handle, nullptr, 0, kPollMs, nullptr);
  }
  AbortAll();
}

bool CurlPoster::TakeNew() {
  std::deque<std::unique_ptr<Transfer>> taken;
  {
    MutexLock lock(mu_);
    if (stopping_) return false;
    taken.swap(new_);
  }
  for (auto& transfer : taken) Begin(std::move(transfer));
  return true;
}

void CurlPoster::Begin(std::unique_ptr<Transfer> transfer) {
  Transfer& t = *transfer;
  t.rules = &rules_;
  t.begun = BootTimeNow();
  t.easy = curl_easy_init();
  for (const std::string& header : t.request.headers) {
    t.headers = curl_slist_append(t.headers, header.c_str());
  }
  // A receiver that never says "continue" would cost a second.
  t.headers = curl_slist_append(t.headers, "expect:");
  if (t.easy == nullptr || t.headers == nullptr) {
    t.done({.error = "out of memory"});
    return;
  }
  const auto set = [&](CURLoption option, auto value) { curl_easy_setopt(t.easy, option, value); };
  const auto ms = [](absl::Duration d) { return static_cast<long>(absl::ToInt64Milliseconds(d)); };
  set(CURLOPT_URL, t.request.url.c_str());
  set(CURLOPT_POST, 1L);
  set(CURLOPT_POSTFIELDS, t.request.body.c_str());
  set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(t.request.body.size()));
  set(CURLOPT_HTTPHEADER, t.headers);
  set(CURLOPT_USERAGENT, "stockroom-webhooks");
  set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  set(CURLOPT_TIMEOUT_MS, ms(options_.timeout));
  set(CURLOPT_CONNECTTIMEOUT_MS, ms(std::min(options_.timeout, kConnectTimeout)));
  // Or the end of a request would wait, and everybody with it, for a name server that is silent.
  set(CURLOPT_QUICK_EXIT, 1L);
  // Where it may go.
  set(CURLOPT_PROTOCOLS_STR, options_.allow_http ? "http,https" : "https");
  KeepToServer(t.easy, options_.ca_file);
  set(CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
  set(CURLOPT_OPENSOCKETFUNCTION, &Transfer::Open);
  set(CURLOPT_OPENSOCKETDATA, &t);
  // What may come back.
  set(CURLOPT_WRITEFUNCTION, &Transfer::Body);
  set(CURLOPT_WRITEDATA, &t);
  set(CURLOPT_HEADERFUNCTION, &Transfer::Header);
  set(CURLOPT_HEADERDATA, &t);
  set(CURLOPT_ERRORBUFFER, t.error);
  if (const CURLMcode code = curl_multi_add_handle(multi_->handle, t.easy); code != CURLM_OK) {
    t.done({.error = Clean(curl_multi_strerror(code))});
    return;
  }
  running_.emplace(t.easy, std::move(transfer));
}

void CurlPoster::FinishEnded() {
  int left = 0;
  while (CURLMsg* message = curl_multi_info_read(multi_->handle, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    const CURLcode code = message->data.result;
    auto node = running_.extract(message->easy_handle);
    Transfer& transfer = *node.mapped();
    PostResult result = transfer.ResultOf(code);
    curl_multi_remove_handle(multi_->handle, transfer.easy);
    transfer.done(std::move(result));
  }
}

void CurlPoster::AbortAll() {
  const PostResult aborted{.error = "the api stopped"};
  for (auto& [easy, transfer] : running_) {
    curl_multi_remove_handle(multi_->handle, transfer->easy);
    transfer->done(aborted);
  }
  running_.clear();
  std::deque<std::unique_ptr<Transfer>> never;
  {
    MutexLock lock(mu_);
    never.swap(new_);
  }
  for (auto& transfer : never) transfer->done(aborted);
}

}  // namespace stockroom::api
