// A request's body on its connection. Internal to services/common/http.
#pragma once

#include <optional>
#include <string>

#include "services/common/http/chunked.h"
#include "services/common/http/head_parser.h"
#include "services/common/http/transport.h"

namespace stockroom::http {

class BodyReader final : public RequestBody {
 public:
  struct Options {
    int64_t max_bytes = 0;
    Pace body;
    Pace answer;               // of "100 Continue"
    bool until_close = false;  // see RouteOptions
  };
  // `transport` and `context` must outlive the reader. Cancels the context if the client goes away,
  // which an end of what it sends means in the middle of the body, and with `until_close`.
  BodyReader(Transport& transport, const RequestHead& head, Options options, CallContext& context);

  Task<ByteResult> Read() override;
  std::optional<int64_t> length() const override { return length_; }

  bool finished() const { return finished_; }
  // True if what is left can be read and dropped cheaply, so that the connection may be kept.
  bool CheapToDrop() const;
  // Reads and drops the rest. False if that failed.
  Task<bool> Drop();

 private:
  Task<absl::Status> Fill();
  size_t MostToRead() const;
  absl::Status Take(std::string* piece);
  absl::Status Fail(absl::Status error);
  // While the body comes in, reading it shows that the client is gone; afterwards a watch must.
  void WatchIfFinished();

  Transport& transport_;
  CallContext& context_;
  const Options options_;
  Patience patience_;
  const std::optional<int64_t> length_;
  std::optional<ChunkedDecoder> decoder_;
  int64_t left_ = 0;   // with Content-Length
  int64_t taken_ = 0;  // decoded so far
  bool must_continue_ = false;
  bool finished_ = false;
  absl::Status failed_;
};

}  // namespace stockroom::http
