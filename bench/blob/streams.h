// One large blob over gRPC, to and from a file server in a process of its own.
#pragma once

#include "bench/common/report.h"

namespace stockroom::bench {

// grpc_put_vs_hash: until a put is durable, against SHA-256, MD5 and CRC-32C of the same bytes on
// one thread. grpc_get_vs_cp: reading, verified, into a file, against cp(1). stream_rss_mb: the
// server's largest resident size, also with ten times as many bytes.
void MeasureStreams(int pairs, Report& report);

}  // namespace stockroom::bench
