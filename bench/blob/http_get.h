// Blobs over the file server's HTTP port, beside nginx with the same files.
#pragma once

#include "bench/common/report.h"

namespace stockroom::bench {

// http_get_vs_nginx: 20 KB files, 16 connections, one thread each, keep-alive; signed URLs and
// bytes verified here, neither there. http_get_large_vs_nginx: 8 MiB, 4 connections. The same again
// as processor time a request (…_cpu_vs_nginx, theirs over ours), which a machine that others use
// tells more faithfully. Left out where nginx is not installed.
void MeasureHttpGet(int pairs, Report& report);

}  // namespace stockroom::bench
