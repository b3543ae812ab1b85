// Many writers on one store, in this process.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "bench/common/report.h"
#include "services/common/base/metrics.h"
#include "services/fileserver/backends/local_disk.h"
#include "services/fileserver/store/blob_store.h"

namespace stockroom::bench {

inline constexpr int kWriters = 16;
inline constexpr size_t kPutBytes = 64 << 10;

// A store on a folder, with an Env that lives as long as the program.
struct OpenStore {
  OpenStore(fileserver::Env& env, const std::string& directory);
  Metrics metrics;
  const std::unique_ptr<fileserver::LocalDisk> disk;
  fileserver::BlobStore blobs;
};

// Bytes that no other call gives.
std::string FreshBytes(size_t size);
Digest Put(fileserver::BlobStore& blobs, const std::string& bytes);
// kWriters threads put different blobs of kPutBytes for a second.
double PutsPerSecond(fileserver::BlobStore& blobs);

// durable_put_per_s; durable_put_vs_nosync: against the same with an Env whose syncs do nothing;
// durable_put_vs_device: against the system calls alone (device.h). The same puts as processor time
// of this process, without that of the kernel's own threads: ..._put_cpu.
void MeasurePuts(int pairs, Report& report);

}  // namespace stockroom::bench
