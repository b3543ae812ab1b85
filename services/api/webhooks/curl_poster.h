// HTTP POSTs over libcurl, to places that nobody vouches for.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "absl/status/statusor.h"
#include "services/api/webhooks/address_rules.h"
#include "services/api/webhooks/poster.h"
#include "services/common/base/mutex.h"

namespace stockroom::api {

// One thread for all requests. Every connection's address is checked as it is opened, so that no
// name, and no second answer of a name server, leads to a forbidden one. Redirects are not
// followed; no proxy is used; certificates are verified, TLS is 1.2 or newer. Of an answer at most
// 4 KiB of body and 64 KiB of headers are read; nothing of it is kept but its status and
// Retry-After.
class CurlPoster final : public Poster {
 public:
  struct Options {
    bool allow_http = false;
    std::string ca_file;  // PEM; the system's authorities if empty
    // From name look-up to the end of the answer.
    absl::Duration timeout = absl::Seconds(15);
    // Idle connections that are kept for the next request.
    int max_idle = 64;
  };
  // INTERNAL: no libcurl, no thread.
  static absl::StatusOr<std::unique_ptr<CurlPoster>> Create(Options options, AddressRules rules);
  // Requests under way end with an error; their `done` runs before this returns.
  ~CurlPoster() override;

  void Post(PostRequest request, absl::AnyInvocable<void(PostResult)> done) override;

 private:
  struct Transfer;
  struct Multi;
  CurlPoster(Options options, AddressRules rules, std::unique_ptr<Multi> multi);

  void Run();
  // False when stopping.
  bool TakeNew();
  void Begin(std::unique_ptr<Transfer> transfer);
  void FinishEnded();
  void AbortAll();

  const Options options_;
  const AddressRules rules_;
  const std::unique_ptr<Multi> multi_;
  // Of the thread.
  std::map<void*, std::unique_ptr<Transfer>> running_;

  Mutex mu_;
  std::deque<std::unique_ptr<Transfer>> new_ SR_GUARDED_BY(mu_);
  bool stopping_ SR_GUARDED_BY(mu_) = false;
  std::thread thread_;
};

}  // namespace stockroom::api
