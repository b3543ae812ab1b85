#include "bench/blob/puts.h"

#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <functional>
#include <thread>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "bench/blob/common.h"
#include "bench/blob/device.h"
#include "services/common/base/random.h"
#include "services/fileserver/store/posix_env.h"
#include "tests/support/env_decorator.h"
#include "tests/support/temp_folder.h"

namespace stockroom::bench {
namespace {

using fileserver::File;

class NoSyncFile final : public File {
 public:
  explicit NoSyncFile(std::unique_ptr<File> file) : file_(std::move(file)) {}
  File& inner() { return *file_; }
  absl::StatusOr<size_t> Append(std::string_view bytes) override { return file_->Append(bytes); }
  absl::StatusOr<size_t> ReadAt(int64_t offset, char* to, size_t size) override {
    return file_->ReadAt(offset, to, size);
  }
  absl::StatusOr<int64_t> Size() override { return file_->Size(); }
  absl::Status Truncate(int64_t size) override { return file_->Truncate(size); }
  absl::Status SyncData() override { return absl::OkStatus(); }
  absl::Status SetModified(absl::Time time) override { return file_->SetModified(time); }

 private:
  const std::unique_ptr<File> file_;
};

// Only blobs are written through it.
class NoSyncEnv final : public fileserver::EnvDecorator {
 public:
  using EnvDecorator::EnvDecorator;
  absl::StatusOr<std::unique_ptr<File>> OpenUnnamed(const std::string& directory) override {
    absl::StatusOr<std::unique_ptr<File>> file = EnvDecorator::OpenUnnamed(directory);
    if (!file.ok()) return file.status();
    return std::make_unique<NoSyncFile>(*std::move(file));
  }
  absl::Status Link(File& unnamed, const std::string& path) override {
    return EnvDecorator::Link(static_cast<NoSyncFile&>(unnamed).inner(), path);
  }
  absl::Status SyncDirectory(const std::string&) override { return absl::OkStatus(); }
};

// Processor time of this process so far, in seconds.
double CpuSeconds() {
  rusage usage;
  if (::getrusage(RUSAGE_SELF, &usage) != 0) return 0;
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

struct Measured {
  double per_second;
  double cpu_us;  // a put
};

// kWriters threads call `put` for a second.
Measured Measure(const std::function<void()>& put) {
  ::sync();  // what is still to be written is not this turn's
  std::atomic<int64_t> puts{0};
  std::vector<std::thread> writers;
  const double cpu = CpuSeconds();
  const absl::Time start = absl::Now();
  for (int i = 0; i < kWriters; ++i) {
    writers.emplace_back([&] {
      while (absl::Now() < start + absl::Seconds(1)) {
        put();
        ++puts;
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  const auto count = static_cast<double>(puts);
  return {count / absl::ToDoubleSeconds(absl::Now() - start), (CpuSeconds() - cpu) * 1e6 / count};
}

struct Measurements {
  std::vector<double> rate, cpu;
  void Add(const Measured& measured) {
    rate.push_back(measured.per_second);
    cpu.push_back(measured.cpu_us);
  }
  void Print(const std::string& name, Report& report) const {
    report.Figure(name + "_per_s", SpreadOf(rate), "puts/s");
    report.Figure(name + "_cpu", SpreadOf(cpu), "us/put");
  }
};

}  // namespace

OpenStore::OpenStore(fileserver::Env& env, const std::string& directory)
    : disk(OrEnd(fileserver::LocalDisk::Open(env, {.directory = directory, .reserve_bytes = 0}))),
      blobs(*disk, {}, metrics) {}

std::string FreshBytes(size_t size) {
  static const std::string* const random = new std::string(RandomBytes(size_t{1} << 20));
  static std::atomic<uint64_t> next{static_cast<uint64_t>(absl::ToUnixNanos(absl::Now()))};
  std::string bytes;
  bytes.reserve(size);
  while (bytes.size() < size) bytes.append(*random, 0, size - bytes.size());
  const uint64_t number = next++;
  std::memcpy(bytes.data(), &number, std::min(size, sizeof(number)));
  return bytes;
}

Digest Put(fileserver::BlobStore& blobs, const std::string& bytes) {
  const auto upload = OrEnd(blobs.Put({}));
  EndUnless(upload->Append(bytes));
  return OrEnd(upload->Finish(static_cast<int64_t>(bytes.size()))).info.sha256;
}

double PutsPerSecond(fileserver::BlobStore& blobs) {
  return Measure([&] { Put(blobs, FreshBytes(kPutBytes)); }).per_second;
}

void MeasurePuts(int pairs, Report& report) {
  const testing::TempFolder folder;
  NoSyncEnv no_sync(fileserver::PosixEnv());
  OpenStore durable(fileserver::PosixEnv(), folder.path() + "/durable");
  OpenStore fleeting(no_sync, folder.path() + "/fleeting");
  DevicePuts device(folder.path() + "/device");
  Measurements ours, without, bare;
  std::vector<double> ratio, device_ratio;
  for (int i = -1; i < pairs; ++i) {
    const Measured a = Measure([&] { Put(durable.blobs, FreshBytes(kPutBytes)); });
    const Measured b = Measure([&] { Put(fleeting.blobs, FreshBytes(kPutBytes)); });
    const Measured c = Measure([&] { device.Put(kPutBytes); });
    if (i < 0) continue;  // warm-up
    ours.Add(a);
    without.Add(b);
    bare.Add(c);
    ratio.push_back(a.per_second / b.per_second);
    device_ratio.push_back(a.per_second / c.per_second);
  }
  ours.Print("durable_put", report);
  without.Print("nosync_put", report);
  bare.Print("device_put", report);
  report.Ratio("durable_put_vs_nosync", SpreadOf(ratio));
  report.Ratio("durable_put_vs_device", SpreadOf(device_ratio));
}

}  // namespace stockroom::bench
