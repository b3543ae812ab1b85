#include "bench/blob/million.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "bench/blob/common.h"
#include "bench/blob/puts.h"
#include "services/common/base/crc32c.h"
#include "services/fileserver/backends/footer.h"
#include "services/fileserver/store/posix_env.h"
#include "tests/support/temp_folder.h"

namespace stockroom::bench {
namespace {

constexpr int kSample = 1000;
constexpr int kReaders = 16;

// The file of a small blob, as LocalDisk writes it.
void WriteBlobFile(const std::string& directory, int64_t number) {
  const std::string bytes = "blob " + std::to_string(number);
  const BlobInfo info{.sha256 = Digest::Of(bytes),
                      .md5 = std::string(16, 'm'),
                      .size = static_cast<int64_t>(bytes.size()),
                      .crc32c = Crc32c(bytes)};
  const std::string file =
      bytes + OrEnd(fileserver::EncodeFooter(info, fileserver::ChunkSums({*info.crc32c})));
  const std::string hex = info.sha256.hex();
  const std::string path = directory + "/blobs/" + hex.substr(0, 2) + "/" + hex;
  const int fd = ::open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0640);
  if (fd < 0 || ::write(fd, file.data(), file.size()) != static_cast<ssize_t>(file.size())) {
    std::perror(path.c_str());
    std::exit(1);
  }
  ::close(fd);
}

void Fill(const std::string& directory, int64_t blobs) {
  std::atomic<int64_t> next{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int64_t number = next++; number < blobs; number = next++) {
        WriteBlobFile(directory, number);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  ::sync();
}

double GetsPerSecond(fileserver::BlobStore& blobs, const std::vector<Digest>& sample) {
  std::atomic<int64_t> gets{0};
  std::vector<std::thread> readers;
  const absl::Time start = absl::Now();
  for (int i = 0; i < kReaders; ++i) {
    readers.emplace_back([&, i] {
      for (size_t at = static_cast<size_t>(i) * 61; absl::Now() < start + absl::Seconds(1); ++at) {
        const auto download = OrEnd(blobs.Get(sample[at % sample.size()], {}));
        while (!download->done()) EndUnless(download->Next().status());
        ++gets;
      }
    });
  }
  for (std::thread& reader : readers) reader.join();
  return static_cast<double>(gets) / absl::ToDoubleSeconds(absl::Now() - start);
}

void Compare(int pairs, const std::string& full, const std::string& empty, Report& report) {
  OpenStore large(fileserver::PosixEnv(), full);
  OpenStore small(fileserver::PosixEnv(), empty);
  std::vector<Digest> in_large, in_small;
  for (int i = 0; i < kSample; ++i) {
    in_large.push_back(Put(large.blobs, FreshBytes(kPutBytes)));
    in_small.push_back(Put(small.blobs, FreshBytes(kPutBytes)));
  }
  std::vector<double> put, put_ratio, get, get_ratio;
  for (int i = -1; i < pairs; ++i) {
    const double large_put = PutsPerSecond(large.blobs);
    const double small_put = PutsPerSecond(small.blobs);
    const double large_get = GetsPerSecond(large.blobs, in_large);
    const double small_get = GetsPerSecond(small.blobs, in_small);
    if (i < 0) continue;  // warm-up
    put.push_back(large_put);
    put_ratio.push_back(large_put / small_put);
    get.push_back(large_get);
    get_ratio.push_back(large_get / small_get);
  }
  report.Figure("put_at_1m_per_s", SpreadOf(put), "puts/s");
  report.Ratio("put_at_1m_blobs", SpreadOf(put_ratio));
  report.Figure("get_at_1m_per_s", SpreadOf(get), "gets/s");
  report.Ratio("get_at_1m_blobs", SpreadOf(get_ratio));
}

}  // namespace

void MeasureMillion(int pairs, int64_t blobs, Report& report) {
  const testing::TempFolder folder;
  const std::string full = folder.path() + "/full";
  const std::string empty = folder.path() + "/empty";
  { const OpenStore folders(fileserver::PosixEnv(), full); }
  Fill(full, blobs);
  std::vector<double> start, start_empty, per_blob;
  for (int i = 0; i < pairs; ++i) {
    const ServerProcess small(empty);
    const ServerProcess large(full);
    start_empty.push_back(small.start_ms());
    start.push_back(large.start_ms());
    per_blob.push_back((large.Megabytes("VmRSS") - small.Megabytes("VmRSS")) * (1 << 20) /
                       static_cast<double>(blobs));
  }
  report.Figure("start_1m_ms", SpreadOf(start), "ms");
  report.Figure("start_empty_ms", SpreadOf(start_empty), "ms");
  report.Figure("bytes_per_blob", SpreadOf(per_blob), "bytes of memory");
  report.Figure("footer_bytes_per_blob",
                SpreadOf({static_cast<double>(
                    OrEnd(fileserver::EncodeFooter(
                              BlobInfo{.md5 = std::string(16, 'm'), .size = kPutBytes, .crc32c = 0},
                              fileserver::ChunkSums({0})))
                        .size())}),
                "bytes on the disk, 64 KiB each");
  Compare(pairs, full, empty, report);
}

}  // namespace stockroom::bench
