// Where a bucket is, and what its URLs look like.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace stockroom::s3 {

// auto: virtual-host style at AWS, unless the bucket's name holds a dot (certificates do not fit
// such names); path style elsewhere.
enum class Style { kAuto, kPath, kVirtual };

class Address {
 public:
  // https://endpoint[:port]/bucket[/prefix]. The prefix gets a '/' at its end. INVALID_ARGUMENT
  // says what is expected. http only if `allow_http`, or to this machine.
  static absl::StatusOr<Address> Parse(std::string_view url, Style style, bool allow_http);

  const std::string& bucket() const { return bucket_; }
  // Empty, or ends with '/'.
  const std::string& prefix() const { return prefix_; }
  // Of the header field Host.
  const std::string& host() const { return host_; }
  // "https://" + host
  std::string origin() const { return scheme_ + "://" + host_; }
  // Of an object, not encoded. `key` does not hold the prefix yet. An empty key without a prefix is
  // the bucket.
  std::string PathOf(std::string_view key) const;
  // Of the bucket, not encoded.
  std::string BucketPath() const;
  // For messages: endpoint and bucket.
  std::string Describe() const { return origin() + BucketPath(); }

 private:
  std::string scheme_;
  std::string host_;
  std::string bucket_;
  std::string prefix_;
  bool virtual_host_ = false;
};

}  // namespace stockroom::s3
