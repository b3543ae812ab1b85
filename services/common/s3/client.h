// An S3 bucket, operation by operation.
//
// Keys are below the address's prefix, which is added and taken away here. Every request is signed,
// bounded in time, and sent again with backoff while the server is busy (retry.h): all requests but
// fenced ones are such that sending them twice does no harm. Errors are those of errors.h and
// transport.h.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/common/base/digest.h"
#include "services/common/base/metrics.h"
#include "services/common/s3/address.h"
#include "services/common/s3/credentials.h"
#include "services/common/s3/retry.h"
#include "services/common/s3/server_clock.h"
#include "services/common/s3/transport.h"

namespace stockroom::s3 {

struct ObjectInfo {
  int64_t size = 0;
  std::string etag;     // without quotes
  absl::Time modified;  // whole seconds
  Fields metadata;      // names in lower case, without x-amz-meta-
  // Of the answer; by the clock that `modified` is from.
  absl::Time server_now;
  // The ETag is not the MD5 of the bytes (SSE-KMS, SSE-C).
  bool opaque_etag = false;

  std::string_view Metadata(std::string_view name) const;
};

struct ObjectBytes {
  ObjectInfo info;  // size is that of the whole object
  std::string bytes;
};

// After which the server itself refuses a request: it is signed to expire, by the server's clock.
// So it can not take effect later, however long the process or the network slept before.
struct Fence {
  absl::Time from;
  absl::Duration lasts;
};

struct PutOptions {
  std::string content_type = "application/octet-stream";
  Fields metadata;  // without x-amz-meta-; printable ASCII
  // ABORTED S3_PRECONDITION if there is something; UNIMPLEMENTED where a server says it can not.
  // Servers that have never heard of it overwrite.
  bool if_none_match = false;
  // What the server compares the bytes with. Absent: computed here.
  std::optional<Digest> sha256;
  std::string md5;  // 16 bytes
};

struct PutResult {
  std::string etag;
  bool opaque_etag = false;
  absl::Time server_now;
};

struct ListOptions {
  std::string prefix;
  std::string start_after;  // a key, which need not exist
  bool folders = false;     // keys that have a '/' behind the prefix count as one, up to it
  int max_keys = 1000;
};

struct ListedObject {
  std::string key;
  int64_t size = 0;
  std::string etag;
  absl::Time modified;  // whole seconds
};

struct ListPage {
  std::vector<ListedObject> objects;
  std::vector<std::string> folders;  // each ends with '/'
  // Go on behind this; empty after the last page.
  std::string next_after;
  absl::Time server_now;
};

struct UploadedPart {
  int number = 0;  // from 1
  std::string etag;
};

struct RunningUpload {
  std::string key;
  std::string id;
  absl::Time initiated;
};

// Thread-safe; blocking. Metrics: stockroom_s3_requests_total{operation,result},
// stockroom_s3_request_seconds{operation}, stockroom_s3_retries_total{operation}.
class Client {
 public:
  struct Options {
    Address address;
    std::string region = "us-east-1";
    RetryOptions retry;
    // Of a request without bytes; those that carry some get a second more for each `min_rate`.
    absl::Duration timeout = absl::Seconds(30);
    int64_t min_rate = 256 << 10;
    std::function<absl::Duration()> steady = SteadyNow;
    std::function<void(absl::Duration)> sleep;  // null: really
  };
  // All must outlive it.
  Client(Options options, Transport& transport, CredentialSource& credentials, Metrics& metrics);

  absl::StatusOr<ObjectInfo> Head(const std::string& key);
  // `length` bytes from `offset`, fewer at the object's end, never none. With `etag`: ABORTED
  // S3_PRECONDITION if it is another one now. OUT_OF_RANGE if `offset` is behind the end.
  absl::StatusOr<ObjectBytes> Get(const std::string& key, int64_t offset, int64_t length,
                                  const std::string& etag = "");
  absl::StatusOr<PutResult> Put(const std::string& key, const RequestBody& body,
                                const PutOptions& options);
  // Deleting what is not there is not an error. With a fence it is sent once: after an error it may
  // still happen until the fence is over, after success it can not happen a second time.
  // FAILED_PRECONDITION S3_FENCE_OVER.
  absl::Status Delete(const std::string& key, std::optional<Fence> fence = std::nullopt);
  // At most 1,000. One by one where the server can not do it at once.
  absl::Status DeleteMany(const std::vector<std::string>& keys);
  absl::StatusOr<ListPage> List(const ListOptions& options);

  // Returns the upload's id.
  absl::StatusOr<std::string> CreateUpload(const std::string& key, const PutOptions& options);
  // `part` is read twice: in pieces of 256 KiB for its digests, which the server compares with what
  // arrives, then as it is sent.
  absl::StatusOr<UploadedPart> UploadPart(const std::string& key, const std::string& upload,
                                          int number, const RequestBody& part);
  // options: if_none_match. NOT_FOUND S3_NO_SUCH_UPLOAD also if an earlier attempt got through
  // without our hearing of it.
  absl::StatusOr<PutResult> CompleteUpload(const std::string& key, const std::string& upload,
                                           const std::vector<UploadedPart>& parts,
                                           const PutOptions& options);
  // Aborting what is not there is not an error.
  absl::Status AbortUpload(const std::string& key, const std::string& upload);
  // At most 1,000 of those below `prefix`.
  absl::StatusOr<std::vector<RunningUpload>> ListUploads(const std::string& prefix);

  // Whether the bucket is there and the keys are good: lists one key, since refusals of a HEAD do
  // not say why.
  absl::Status CheckBucket();

  // A URL that needs nothing else until `lasts` has passed. `headers` have to be sent as they are.
  // `origin`: as which clients see the endpoint; empty: as this process does.
  std::string Presign(std::string_view method, const std::string& key, Fields query,
                      const Fields& headers, absl::Duration lasts,
                      const std::optional<Address>& seen_as = std::nullopt);

  const Address& address() const { return options_.address; }
  ServerClock& clock() { return clock_; }

 private:
  struct Call;
  // Signs, sends, and sends again. The answer is a 2xx.
  absl::StatusOr<HttpResponse> Run(const Call& call);
  HttpRequest Sign(const Call& call);
  // Returns when it is time to try again; false: do not.
  bool WaitToRetry(const Call& call, int attempt, Backoff& backoff, std::string_view retry_after);
  static absl::StatusOr<PutResult> ResultOf(const HttpResponse& response, std::string_view etag);

  const Options options_;
  Transport& transport_;
  CredentialSource& credentials_;
  Metrics& metrics_;
  RetryBudget budget_;
  ServerClock clock_;
};

}  // namespace stockroom::s3
