#include "bench/blob/streams.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "bench/blob/common.h"
#include "bench/blob/puts.h"
#include "services/common/base/crc32c.h"
#include "services/common/base/mutex.h"
#include "services/common/blobs/blocking.h"
#include "services/common/blobs/remote_blob_client.h"
#include "tests/support/temp_folder.h"

namespace stockroom::bench {
namespace {

constexpr size_t kBytes = 100'000'000;
constexpr int64_t kLargeBytes = 1'000'000'000;
constexpr size_t kChunk = 256 << 10;

CallContext Context() { return CallContext::WithTimeout(absl::Minutes(5)); }

double Milliseconds(absl::Time start) { return absl::ToDoubleMilliseconds(absl::Now() - start); }

double HashMs(const std::string& bytes) {
  const absl::Time start = absl::Now();
  StreamHasher hasher(StreamHasher::Md5::kYes);
  uint32_t crc = 0;
  for (size_t at = 0; at < bytes.size(); at += kChunk) {
    const std::string_view piece = std::string_view(bytes).substr(at, kChunk);
    hasher.Update(piece);
    crc = Crc32c(piece, crc);
  }
  if (hasher.FinishSha256() == Digest() || hasher.FinishMd5().empty() || crc == 0) std::abort();
  return Milliseconds(start);
}

// Reads a blob into a new file, one chunk after another.
class Fetch {
 public:
  Fetch(BlobClient& client, const Digest& digest, int fd)
      : reader_(client.GetBlob(Context(), digest, {})), fd_(fd) {}

  void Run() {
    reader_->Open([this](absl::StatusOr<BlobInfo> info) {
      EndUnless(info.status());
      Next();
    });
    MutexLock lock(mu_);
    while (!done_) changed_.Wait(mu_);
  }

 private:
  void Next() {
    reader_->Read([this](absl::StatusOr<std::optional<std::string>> chunk) {
      EndUnless(chunk.status());
      if (!chunk->has_value()) {
        MutexLock lock(mu_);
        done_ = true;
        changed_.NotifyAll();
        return;
      }
      if (::write(fd_, (*chunk)->data(), (*chunk)->size()) < 0) std::abort();
      Next();
    });
  }

  const std::unique_ptr<BlobReader> reader_;
  const int fd_;
  Mutex mu_;
  CondVar changed_;
  bool done_ SR_GUARDED_BY(mu_) = false;
};

double GetMs(BlobClient& client, const Digest& digest, const std::string& to) {
  if (to != "/dev/null") ::unlink(to.c_str());
  const absl::Time start = absl::Now();
  const int fd = ::open(to.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
  if (fd < 0) std::abort();
  Fetch(client, digest, fd).Run();
  ::close(fd);
  return Milliseconds(start);
}

double CpMs(const std::string& from, const std::string& to) {
  ::unlink(to.c_str());
  const absl::Time start = absl::Now();
  if (std::system(("cp '" + from + "' '" + to + "'").c_str()) != 0) std::abort();
  return Milliseconds(start);
}

Digest PutLarge(BlobClient& client) {
  // No more in memory than one chunk, here either.
  const std::string chunk = FreshBytes(kChunk);
  const std::unique_ptr<BlobWriter> writer = client.PutBlob(Context(), {});
  Mutex mu;
  CondVar changed;
  std::optional<absl::StatusOr<StoredBlob>> stored;
  int64_t sent = 0;
  std::function<void(absl::Status)> next = [&](absl::Status status) {
    EndUnless(status);
    if (sent < kLargeBytes) {
      sent += static_cast<int64_t>(chunk.size());
      writer->Write(chunk, next);
      return;
    }
    writer->Finish([&](absl::StatusOr<StoredBlob> result) {
      MutexLock lock(mu);
      stored = std::move(result);
      changed.NotifyAll();
    });
  };
  next(absl::OkStatus());
  MutexLock lock(mu);
  while (!stored) changed.Wait(mu);
  return OrEnd(*std::move(stored)).info.sha256;
}

}  // namespace

void MeasureStreams(int pairs, Report& report) {
  const testing::TempFolder folder;
  const ServerProcess server(folder.path() + "/data");
  Metrics metrics;
  RemoteBlobClient client({.target = server.grpc_target()}, metrics);
  std::vector<double> put, hash, put_ratio, get, cp, get_ratio;
  for (int i = -1; i < pairs; ++i) {
    const std::string bytes = FreshBytes(kBytes);
    ::sync();
    const absl::Time start = absl::Now();
    const Digest digest = OrEnd(WriteBlob(client, Context(), bytes)).info.sha256;
    const double put_ms = Milliseconds(start);
    const double hash_ms = HashMs(bytes);
    ::sync();
    const std::string file =
        folder.path() + "/data/blobs/" + digest.hex().substr(0, 2) + "/" + digest.hex();
    const double get_ms = GetMs(client, digest, folder.path() + "/got");
    const double cp_ms = CpMs(file, folder.path() + "/copied");
    ::unlink(file.c_str());
    if (i < 0) continue;  // warm-up
    put.push_back(put_ms);
    hash.push_back(hash_ms);
    put_ratio.push_back(hash_ms / put_ms);
    get.push_back(get_ms);
    cp.push_back(cp_ms);
    get_ratio.push_back(cp_ms / get_ms);
  }
  report.Figure("grpc_put_100mb_ms", SpreadOf(put), "ms");
  report.Figure("hash_100mb_ms", SpreadOf(hash), "ms");
  report.Ratio("grpc_put_vs_hash", SpreadOf(put_ratio));
  report.Figure("grpc_get_100mb_ms", SpreadOf(get), "ms");
  report.Figure("cp_100mb_ms", SpreadOf(cp), "ms");
  report.Ratio("grpc_get_vs_cp", SpreadOf(get_ratio));
  const double before = server.Megabytes("VmHWM");
  GetMs(client, PutLarge(client), "/dev/null");
  report.Figure("stream_rss_100mb_mb", SpreadOf({before}), "MB");
  report.Figure("stream_rss_mb", SpreadOf({server.Megabytes("VmHWM")}), "MB");
}

}  // namespace stockroom::bench
