// An S3 server in memory, behind the seam where libcurl is otherwise: it checks signatures, times
// and checksums as AWS does, and fails as told.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "services/common/base/clock.h"
#include "services/common/base/mutex.h"
#include "services/common/s3/transport.h"

namespace stockroom::testing {

// Thread-safe.
class MemoryS3 final : public s3::Transport {
 public:
  struct Options {
    std::string bucket = "bucket";
    s3::Credentials credentials = {
        .access_key = "key", .secret_key = "secret", .session_token = ""};
    Clock* clock = &Clock::Real();
    // If-None-Match and If-Match of writes. kRefused: 501 to such a request.
    enum class Conditions { kHonoured, kIgnored, kRefused } conditions = Conditions::kHonoured;
    bool delete_many = true;
    int max_page = 1000;
  };
  explicit MemoryS3(Options options) : options_(std::move(options)) {}

  absl::StatusOr<s3::HttpResponse> Send(const s3::HttpRequest& request) override;

  struct Object {
    std::string bytes;
    std::string etag;
    absl::Time modified;
    s3::Fields metadata;  // header fields
  };
  // What a test wants to see and spoil. Keys with their prefix.
  std::vector<std::string> Keys() const;
  bool Has(const std::string& key) const;
  // Nothing happens if it is not there.
  void Change(const std::string& key, const std::function<void(Object&)>& change);
  void Remove(const std::string& key);
  size_t running_uploads() const;
  // "PUT blobs/ab/...": requests that arrived, in order.
  std::vector<std::string> Log() const;
  void ClearLog();

  // What happens instead of the request, or nothing. Called without a lock.
  using Fault = std::function<std::optional<absl::StatusOr<s3::HttpResponse>>(
      const s3::HttpRequest& request, const std::string& key)>;
  void SetFault(Fault fault);
  // An error as S3 words it.
  s3::HttpResponse Refuse(int status, const std::string& code, s3::Fields headers = {}) const;

 private:
  struct Parsed;
  struct Running {
    std::string key;
    s3::Fields metadata;
    std::map<int, std::pair<std::string, std::string>> parts;  // number to etag, bytes
    absl::Time initiated;
  };

  std::optional<s3::HttpResponse> CheckAccess(const Parsed& parsed) const;
  s3::HttpResponse Serve(const Parsed& parsed) SR_REQUIRES(mu_);
  s3::HttpResponse ServeBucket(const Parsed& parsed) SR_REQUIRES(mu_);
  s3::HttpResponse ServeUpload(const Parsed& parsed) SR_REQUIRES(mu_);
  s3::HttpResponse Store(const Parsed& parsed, std::string bytes, std::string etag,
                         s3::Fields metadata) SR_REQUIRES(mu_);
  s3::HttpResponse Read(const Parsed& parsed) SR_REQUIRES(mu_);
  s3::HttpResponse List(const Parsed& parsed) SR_REQUIRES(mu_);
  s3::HttpResponse Answer(int status, std::string body = "", s3::Fields headers = {}) const;

  const Options options_;
  mutable Mutex mu_;
  std::map<std::string, Object> objects_ SR_GUARDED_BY(mu_);
  std::map<std::string, Running> uploads_ SR_GUARDED_BY(mu_);
  int next_upload_ SR_GUARDED_BY(mu_) = 1;
  std::vector<std::string> log_ SR_GUARDED_BY(mu_);
  Fault fault_ SR_GUARDED_BY(mu_);
};

}  // namespace stockroom::testing
